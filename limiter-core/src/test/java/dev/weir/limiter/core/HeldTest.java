package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.spi.WorkLimiter;
import dev.weir.limiter.tck.IdleLimiters;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What covers a thread is gone with the work. */
class HeldTest {

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    @Test
    void rule_2_8_an_idle_worker_keeps_no_permit() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("idle")
                .capacity(1)
                .workerIdleTime(Duration.ofHours(1))
                .build());
        awaitCollected(permitOf(limiter));
    }

    @Test
    @SuppressWarnings("NullAway") // what it does with null is the question
    void a_command_runs_under_a_permit_of_the_limiter_and_no_other() throws Exception {
        WorkLimiter limiter = WorkLimiter.of(limiters.watchAndClose(CapacityLimiter.of("own", 1)));
        CapacityLimiter other = limiters.watchAndClose(CapacityLimiter.of("other", 1));
        try (Permit permit = other.acquire()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> limiter.execute(permit, () -> {}))
                    .withMessageContaining("'own'")
                    .withMessageContaining("expected one of its own");
        }
        assertThatNullPointerException()
                .isThrownBy(() -> limiter.execute(null, () -> {}))
                .withMessage("permit");
    }

    @Test
    void rule_2_8_a_thread_of_somebody_elses_keeps_no_permit() throws Exception {
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try {
            CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("lent")
                    .capacity(1)
                    .workers(executor)
                    .build());
            awaitCollected(permitOf(limiter));
            assertThat(executor.submit(Held::current).get(10, TimeUnit.SECONDS)).isNull();
        } finally {
            executor.shutdown();
        }
    }

    /** Without a look at what covers the thread: that alone would change how it is kept. */
    private static WeakReference<GatePermit> permitOf(CapacityLimiter limiter) throws Exception {
        CompletableFuture<Void> work = Limiters.run(limiter, () -> {});
        work.get(10, TimeUnit.SECONDS);
        GatePermit permit = Objects.requireNonNull(((RunTask<?>) work).runsUnder());
        assertThat(permit.isOpen()).isFalse();
        return new WeakReference<>(permit);
    }

    /** Each piece of work starts the next one and ends. */
    @Test
    void rule_2_8_a_chain_of_work_does_not_pile_up_permits() throws Exception {
        CapacityLimiter even = limiters.watchAndClose(CapacityLimiter.of("even", 2));
        CapacityLimiter odd = limiters.watchAndClose(CapacityLimiter.of("odd", 2));
        CompletableFuture<Integer> deepest = new CompletableFuture<>();
        next(List.of(even, odd), 0, new AtomicReference<>(), 0, deepest);

        assertThat(deepest.get(20, TimeUnit.SECONDS))
                .as("permits that cover one piece of work")
                .isLessThan(10);
    }

    @SuppressWarnings("FutureReturnValueIgnored") // the outcome hears of failures
    private static void next(
            List<CapacityLimiter> limiters,
            int step,
            AtomicReference<CompletableFuture<Void>> before,
            int deepest,
            CompletableFuture<Integer> outcome) {
        if (step == 1000) {
            outcome.complete(deepest);
            return;
        }
        CompletableFuture<Void> mine = new CompletableFuture<>();
        CompletableFuture<Void> ended = before.getAndSet(mine);
        Limiters.run(limiters.get(step % 2), () -> {
                    if (ended != null) {
                        ended.get(10, TimeUnit.SECONDS); // so that its permit is back
                    }
                    int depth = 0;
                    for (Held held = Held.current(); held != null; held = held.outer()) {
                        depth++;
                    }
                    next(limiters, step + 1, before, Math.max(deepest, depth), outcome);
                    return null;
                })
                .whenComplete((value, failure) -> {
                    mine.complete(null);
                    if (failure != null) {
                        outcome.completeExceptionally(failure);
                    }
                });
    }

    private GatePermit permit(String limiter) {
        return (GatePermit) limiters.watchAndClose(CapacityLimiter.of(limiter, 1))
                .tryAcquire()
                .orElseThrow();
    }

    private static List<GatePermit> covering(@Nullable Held held) {
        List<GatePermit> covering = new ArrayList<>();
        for (Held each = held; each != null; each = each.outer()) {
            covering.add(each.permit());
        }
        return covering;
    }

    @Test
    void rule_2_4_what_covers_the_thread_and_what_covers_the_starter_cover_the_work_each_once() {
        GatePermit own = permit("own");
        GatePermit shared = permit("shared");
        GatePermit started = permit("started");
        GatePermit starters = permit("starters");
        GatePermit work = permit("work");
        Held nobody = Held.enter(shared, null);
        Held before = Held.enter(own, new Held(starters, null, null));
        Held starter = new Held(started, new Held(shared, new Held(starters, null, null), null), null);

        Held mine = Held.enter(work, starter);

        Held current = Objects.requireNonNull(Held.current());
        assertThat(covering(current)).containsExactly(work, started, own, starters, shared);
        assertThat(Objects.requireNonNull(current.outer()).below()).isNull();
        assertThat(current.own()).containsExactly(work, own, shared);
        assertThat(current.covers(starters.limiter())).isTrue();
        starters.close();
        assertThat(current.covers(starters.limiter())).isFalse();
        own.close();
        assertThat(current.own()).containsExactly(work, shared);

        Held.restore(mine);
        assertThat(covering(Held.current())).containsExactly(own, starters, shared);
        Held.restore(before);
        assertThat(covering(Held.current())).containsExactly(shared);
        Held.restore(nobody);
        assertThat(Held.current()).isNull();
        List.of(shared, started, work).forEach(GatePermit::close);
    }

    @Test
    void rule_2_8_permits_that_were_closed_are_left_out() {
        GatePermit first = permit("first");
        GatePermit second = permit("second");
        List<GatePermit> closed = List.of(permit("closed"), permit("closed"), permit("closed"));
        Held below = new Held(closed.get(0), null, null);
        Held outer = new Held(closed.get(1), new Held(second, new Held(closed.get(2), null, null), null), null);
        Held held = new Held(closed.get(0), new Held(closed.get(1), new Held(first, outer, below), null), null);
        closed.forEach(GatePermit::close);

        Held open = Objects.requireNonNull(Held.open(held));

        assertThat(covering(open)).containsExactly(first, second);
        assertThat(open.below()).isNull();
        first.close();
        second.close();
        assertThat(Held.open(held)).isNull();
    }

    @Test
    void rule_2_4_work_is_covered_still_when_it_has_called_under_another_limiter() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.of("outer", 1));
        CapacityLimiter other = limiters.watchAndClose(CapacityLimiter.of("other", 1));
        CompletableFuture<String> work = Limiters.run(limiter, () -> {
            Limiters.call(other, () -> "called");
            return Limiters.call(limiter, () -> "nested");
        });
        assertThat(work.get(10, TimeUnit.SECONDS)).isEqualTo("nested");
    }

    @Test
    void rule_2_4_work_that_comes_back_through_two_other_limiters_runs_inline() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.of("first", 1));
        CapacityLimiter second = limiters.watchAndClose(CapacityLimiter.of("second", 1));
        CapacityLimiter third = limiters.watchAndClose(CapacityLimiter.of("third", 1));
        CompletableFuture<String> work = Limiters.run(
                limiter,
                () -> Limiters.run(
                                second,
                                () -> Limiters.run(third, () -> Limiters.call(limiter, () -> "nested"))
                                        .get(10, TimeUnit.SECONDS))
                        .get(10, TimeUnit.SECONDS));
        assertThat(work.get(10, TimeUnit.SECONDS)).isEqualTo("nested");
    }

    @Test
    void rule_2_8_the_future_of_work_that_was_refused_keeps_nothing_of_the_work() {
        CapacityLimiter limiter = limiters.watchAndClose(
                CapacityLimiter.builder("full").capacity(0).maxWaiting(0).build());
        List<CompletableFuture<Integer>> kept = new ArrayList<>();

        awaitCollected(runAndKeep(limiter, kept));

        assertThat(kept.get(0)).isCompletedExceptionally();
    }

    private static WeakReference<?> runAndKeep(CapacityLimiter limiter, List<CompletableFuture<Integer>> kept) {
        byte[] captured = new byte[1_000];
        kept.add(Limiters.run(limiter, () -> captured.length));
        return new WeakReference<>(captured);
    }

    @Test
    void rule_2_8_the_future_of_work_that_was_left_in_the_queue_keeps_nothing_of_the_work() {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.of("left", 0));
        List<CompletableFuture<Integer>> kept = new ArrayList<>();
        WeakReference<?> captured = runAndKeep(limiter, kept);
        kept.get(0).cancel(false);

        awaitCollected(captured);

        assertThat(kept.get(0)).isCancelled();
    }

    @Test
    void rule_2_8_the_future_of_interruptible_work_keeps_no_thread_that_ran_it() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("short-lived")
                .capacity(1)
                .workers(task -> new Thread(task, "held-test").start())
                .build());
        List<CompletableFuture<WeakReference<Thread>>> kept = new ArrayList<>();
        kept.add(Limiters.runInterruptibly(limiter, () -> new WeakReference<>(Thread.currentThread())));

        awaitCollected(kept.get(0).get(10, TimeUnit.SECONDS));
    }

    private static void awaitCollected(WeakReference<?> reference) {
        await().until(() -> {
            System.gc();
            return reference.refersTo(null);
        });
    }
}
