package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.tck.IdleLimiters;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Whoever leaves the queue has left it before anybody hears of it, and by whichever method. */
class LeavingTest {

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    private final CapacityLimiter limiter = limiters.watchAndClose(
            CapacityLimiter.builder("leaving").capacity(1).maxWaiting(1).build());
    private final AtomicBoolean ran = new AtomicBoolean();

    @Test
    void rule_2_3_work_that_was_cancelled_never_runs_though_a_dependent_frees_its_permit() throws Exception {
        CapacityLimiter sameThread = limiters.watchAndClose(CapacityLimiter.builder("same-thread")
                .capacity(1)
                .workers(Runnable::run)
                .build());
        Permit held = sameThread.acquire();
        CompletableFuture<Void> work = Limiters.run(sameThread, () -> ran.set(true));
        CompletableFuture<Void> told = work.whenComplete((value, failure) -> held.close());
        assertThat(work.cancel(false)).isTrue();
        assertThat(told).isDone();
        assertThat(ran).isFalse();
        assertThat(sameThread.statistics().withdrawn()).isEqualTo(1);
    }

    @Test
    void rule_1_5_the_place_of_a_waiter_is_free_when_its_dependents_hear_that_it_left() throws Exception {
        Permit held = limiter.acquire();
        CompletableFuture<Permit> first = limiter.acquireAsync();
        AtomicReference<CompletableFuture<Permit>> second = new AtomicReference<>();
        CompletableFuture<Permit> retry = first.whenComplete((permit, failure) -> second.set(limiter.acquireAsync()));
        first.cancel(false);
        assertThat(retry).isDone();
        assertThat(second.get()).isNotDone();
        held.close();
        second.get().get(5, TimeUnit.SECONDS).close();
    }

    @Test
    void rule_2_3_the_place_of_work_is_free_when_its_dependents_hear_that_it_was_cancelled() throws Exception {
        Permit held = limiter.acquire();
        CompletableFuture<Void> first = Limiters.run(limiter, () -> ran.set(true));
        AtomicReference<CompletableFuture<String>> second = new AtomicReference<>();
        CompletableFuture<Void> retry =
                first.whenComplete((value, failure) -> second.set(Limiters.run(limiter, () -> "second")));
        first.completeExceptionally(new IllegalStateException("given up"));
        assertThat(retry).isDone();
        held.close();
        assertThat(second.get().get(5, TimeUnit.SECONDS)).isEqualTo("second");
        assertThat(ran).isFalse();
    }

    @Test
    void rule_2_3_work_whose_future_was_completed_by_somebody_else_never_runs() throws Exception {
        Permit held = limiter.acquire();
        CompletableFuture<String> work = Limiters.run(limiter, () -> {
            ran.set(true);
            return "ran";
        });
        assertThat(work.completeAsync(() -> "other", Runnable::run)).isCompletedWithValue("other");
        assertThat(limiter.statistics().waiting()).isZero();
        CompletableFuture<String> next = Limiters.run(limiter, () -> {
            ran.set(true);
            return "ran";
        });
        next.obtrudeValue("forced");
        assertThat(limiter.statistics().waiting()).isZero();
        held.close();
        Limiters.run(limiter, () -> {}).get(5, TimeUnit.SECONDS);
        assertThat(ran).isFalse();
    }

    @Test
    void rule_1_5_a_waiter_whose_future_was_completed_by_somebody_else_has_left() throws Exception {
        Permit held = limiter.acquire();
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        CompletableFuture<Permit> completed = waiter.completeAsync(
                () -> {
                    throw new IllegalStateException("no permit after all");
                },
                Runnable::run);
        assertThat(completed).isCompletedExceptionally();
        assertThat(limiter.statistics().waiting()).isZero();
        limiter.acquireAsync().obtrudeException(new IllegalStateException("forced"));
        assertThat(limiter.statistics().waiting()).isZero();
        held.close();
    }
}
