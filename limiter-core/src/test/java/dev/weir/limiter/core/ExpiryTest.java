package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.Permit;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** The timer of the wait limit. */
class ExpiryTest {

    private static final long MAX_WAIT = TimeUnit.HOURS.toNanos(1);

    private record Scheduled(long at, Runnable task) {}

    /**
     * The timer fires for a waiter that is gone, while the next is queued, and while another is. Whatever the order, some
     * timer is set for the head waiter's time.
     */
    @Test
    void rule_1_6_the_timer_is_always_set_for_the_head_waiter() throws Exception {
        try (GateLimiter limiter = (GateLimiter)
                CapacityLimiter.builder("expiry").capacity(0).maxWaiting(10).build()) {
            CyclicBarrier start = new CyclicBarrier(2);
            for (int round = 0; round < 10_000; round++) {
                ConcurrentLinkedQueue<Scheduled> timers = new ConcurrentLinkedQueue<>();
                Expiry expiry = expiry(limiter, timers);
                expiry.arm();
                Scheduled firing = timers.remove();
                long queuedBefore = System.nanoTime() - MAX_WAIT / 2;
                PermitFuture head = new PermitFuture(limiter, Waiter.Kind.NEWCOMER);
                limiter.admit(head);
                head.waitingSince = queuedBefore; // as if it had waited for half an hour
                CompletableFuture<Void> arming = CompletableFuture.runAsync(() -> {
                    meet(start);
                    expiry.arm();
                });
                meet(start);
                firing.task().run();
                arming.get(5, TimeUnit.SECONDS);
                long due = queuedBefore + MAX_WAIT;
                assertThat(timers)
                        .as("round %d", round)
                        .anySatisfy(timer -> assertThat(timer.at() - due).isLessThan(TimeUnit.MINUTES.toNanos(1)));
                head.cancel(false);
            }
        }
    }

    /** The timer fires, finds nobody and is about to be disarmed, while somebody queues and finds it armed. */
    @Test
    void rule_1_6_whoever_queues_as_the_timer_finds_nobody_gets_a_timer() {
        try (GateLimiter limiter = (GateLimiter)
                        CapacityLimiter.builder("expiry").capacity(0).build();
                Duel duel = new Duel(200_000)) {
            while (duel.goesOn()) {
                ConcurrentLinkedQueue<Runnable> timers = new ConcurrentLinkedQueue<>();
                Expiry expiry = new Expiry(limiter, limiter.gate(), MAX_WAIT, (nanos, task) -> timers.add(task));
                expiry.arm();
                Runnable firing = timers.remove();
                PermitFuture waiter = new PermitFuture(limiter, Waiter.Kind.NEWCOMER);
                duel.round(firing, () -> {
                    limiter.admit(waiter);
                    expiry.arm();
                });
                assertThat(timers).as("the timers that are set").hasSize(1);
                waiter.cancel(false);
            }
        }
    }

    @Test
    void rule_1_6_when_the_time_of_one_is_over_a_timer_is_set_for_the_next() {
        try (GateLimiter limiter =
                (GateLimiter) CapacityLimiter.builder("expiry").capacity(0).build()) {
            ConcurrentLinkedQueue<Scheduled> timers = new ConcurrentLinkedQueue<>();
            Expiry expiry = expiry(limiter, timers);
            expiry.arm();
            PermitFuture first = new PermitFuture(limiter, Waiter.Kind.NEWCOMER);
            limiter.admit(first);
            first.waitingSince = System.nanoTime() - MAX_WAIT; // as if it had waited for an hour
            PermitFuture second = new PermitFuture(limiter, Waiter.Kind.NEWCOMER);
            limiter.admit(second);
            timers.remove().task().run();
            assertThat(first).isCompletedExceptionally();
            assertThat(second).isNotDone();
            assertThat(timers)
                    .singleElement()
                    .satisfies(timer -> assertThat(timer.at() - second.waitingSince - MAX_WAIT)
                            .isBetween(0L, TimeUnit.MINUTES.toNanos(1)));
            second.cancel(false);
        }
    }

    /** That thread belongs to every timer of the JVM: what the caller registered may block it. */
    @Test
    void rule_1_6_the_thread_of_the_timers_tells_nobody() {
        try (CapacityLimiter limiter = CapacityLimiter.builder("expiry")
                .capacity(0)
                .maxWait(Duration.ofMillis(50))
                .build()) {
            CompletableFuture<String> told = limiter.acquireAsync()
                    .handle((permit, refusal) ->
                            Thread.currentThread().getName().toLowerCase(Locale.ROOT));
            assertThat(told).succeedsWithin(5, TimeUnit.SECONDS).asString().doesNotContain("delayscheduler");
        }
    }

    private static Expiry expiry(GateLimiter limiter, Queue<Scheduled> timers) {
        return new Expiry(
                limiter,
                limiter.gate(),
                MAX_WAIT,
                (nanos, task) -> timers.add(new Scheduled(System.nanoTime() + nanos, task)));
    }

    private static void meet(CyclicBarrier barrier) {
        try {
            barrier.await(5, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void rule_1_6_a_timer_that_cannot_be_started_costs_no_waiter_and_is_tried_again() {
        try (GateLimiter limiter =
                (GateLimiter) CapacityLimiter.builder("expiry").capacity(0).build()) {
            AtomicBoolean failing = new AtomicBoolean(true);
            List<Runnable> timers = new ArrayList<>();
            Expiry expiry = new Expiry(limiter, limiter.gate(), MAX_WAIT, (nanos, task) -> {
                if (failing.get()) {
                    throw new OutOfMemoryError("unable to create native thread");
                }
                timers.add(task);
            });
            expiry.arm();
            failing.set(false);
            expiry.arm();
            assertThat(timers).hasSize(1);
        }
    }

    @Test
    void rule_1_6_nobody_waits_longer_than_the_wait_limit_while_others_keep_coming() throws Exception {
        try (CapacityLimiter limiter = CapacityLimiter.builder("expiry")
                .capacity(0)
                .maxWait(Duration.ofMillis(20))
                .build()) {
            List<CompletableFuture<Permit>> waiters = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                waiters.add(limiter.acquireAsync());
                Thread.onSpinWait();
            }
            for (CompletableFuture<Permit> waiter : waiters) {
                assertThat(waiter)
                        .failsWithin(5, TimeUnit.SECONDS)
                        .withThrowableThat()
                        .withCauseInstanceOf(LimitExceededException.class);
            }
            assertThat(limiter.statistics().waiting()).isZero();
        }
    }
}
