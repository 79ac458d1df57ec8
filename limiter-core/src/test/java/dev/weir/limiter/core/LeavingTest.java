package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.tck.IdleLimiters;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
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

    private static <T> void assertSaysWhetherItWasInTime(Supplier<CompletableFuture<T>> newcomer, T value) {
        CompletableFuture<T> cancelled = newcomer.get();
        assertThat(cancelled.cancel(false)).isTrue();
        assertThat(cancelled.cancel(false)).as("is cancelled").isTrue();
        assertThat(cancelled.complete(value)).isFalse();
        assertThat(cancelled.completeExceptionally(new IllegalStateException("late")))
                .isFalse();

        CompletableFuture<T> completed = newcomer.get();
        assertThat(completed.complete(value)).isTrue();
        assertThat(completed.complete(value)).isFalse();
        assertThat(completed.cancel(false)).isFalse();

        CompletableFuture<T> failed = newcomer.get();
        assertThat(failed.completeExceptionally(new IllegalStateException("given up")))
                .isTrue();
        assertThat(failed.completeExceptionally(new IllegalStateException("late")))
                .isFalse();
    }

    @Test
    void rule_1_5_a_waiter_says_whether_it_was_left_in_time() throws Exception {
        Permit held = limiter.acquire();
        assertSaysWhetherItWasInTime(limiter::acquireAsync, held);
        assertThat(limiter.statistics().withdrawn()).isEqualTo(3);
        held.close();
    }

    @Test
    void rule_2_3_queued_work_says_whether_it_was_left_in_time() throws Exception {
        Permit held = limiter.acquire();
        assertSaysWhetherItWasInTime(() -> Limiters.run(limiter, () -> "ran"), "other");
        assertThat(limiter.statistics().withdrawn()).isEqualTo(3);
        held.close();
    }

    @Test
    void rule_2_3_running_work_that_is_left_again_and_again_is_abandoned_once() throws Exception {
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        CompletableFuture<String> work = Limiters.run(limiter, () -> {
            running.countDown();
            mayEnd.await();
            return "ran";
        });
        assertThat(running.await(5, TimeUnit.SECONDS)).isTrue();

        assertThat(work.cancel(false)).isTrue();
        assertThat(work.cancel(false)).as("is cancelled").isTrue();
        assertThat(work.complete("other")).isFalse();

        assertThat(limiter.statistics().abandoned()).isEqualTo(1);
        mayEnd.countDown();
    }

    @Test
    void rule_2_3_running_work_whose_future_was_completed_by_somebody_else_is_abandoned() throws Exception {
        CountDownLatch mayEnd = new CountDownLatch(1);
        for (int times = 1; times <= 2; times++) {
            CountDownLatch running = new CountDownLatch(1);
            CapacityLimiter busy = limiters.watchAndClose(CapacityLimiter.of("busy", 1));
            CompletableFuture<String> work = Limiters.run(busy, () -> {
                running.countDown();
                mayEnd.await();
                return "ran";
            });
            assertThat(running.await(5, TimeUnit.SECONDS)).isTrue();

            boolean left = times == 1
                    ? work.complete("other")
                    : work.completeExceptionally(new IllegalStateException("given up"));

            assertThat(left).isTrue();
            assertThat(busy.statistics().abandoned()).isEqualTo(1);
        }
        mayEnd.countDown();
    }

    /** A listener that hears of its permit leaves it, before its result is there. */
    @Test
    void rule_2_3_work_that_is_left_when_it_has_ended_already_is_not_abandoned() throws Exception {
        AtomicReference<CompletableFuture<Void>> work = new AtomicReference<>();
        CapacityLimiter ending = limiters.watchAndClose(CapacityLimiter.builder("ending")
                .capacity(1)
                .workers(Runnable::run)
                .listener(new LimiterListener() {
                    @Override
                    public void released(CapacityLimiter from, Duration held) {
                        if (ran.get()) {
                            work.get().cancel(true);
                        }
                    }
                })
                .build());
        Permit held = ending.acquire();
        work.set(Limiters.run(ending, () -> ran.set(true)));

        held.close();

        assertThat(work.get()).isCancelled();
        assertThat(ending.statistics().abandoned()).isZero();
    }

    @Test
    void rule_2_3_work_that_has_ended_cannot_be_left() throws Exception {
        CompletableFuture<String> work = Limiters.run(limiter, () -> "ran");
        assertThat(work.get(5, TimeUnit.SECONDS)).isEqualTo("ran");

        assertThat(work.cancel(true)).isFalse();
        assertThat(work.complete("other")).isFalse();

        assertThat(limiter.statistics().abandoned()).isZero();
        assertThat(limiter.statistics().withdrawn()).isZero();
    }

    /** The gate has taken both out of its queue when the first hears of it. */
    @Test
    void rule_2_3_work_that_leaves_while_another_hears_of_the_closing_is_not_refused() throws Exception {
        CapacityLimiter closing = limiters.watch(CapacityLimiter.of("closing", 1));
        Permit held = closing.acquire();
        AtomicReference<CompletableFuture<Void>> second = new AtomicReference<>();
        CompletableFuture<Boolean> first =
                closing.acquireAsync().handle((permit, failure) -> second.get().cancel(false));
        second.set(Limiters.run(closing, () -> ran.set(true)));

        closing.close();

        assertThat(first).isCompletedWithValue(true);
        assertThat(closing.statistics().refused(RefusalReason.CLOSED)).isEqualTo(1);
        held.close();
        assertThat(ran).isFalse();
    }
}
