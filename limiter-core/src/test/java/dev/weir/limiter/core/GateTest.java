package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.spi.WorkLimiter;
import dev.weir.limiter.tck.IdleLimiters;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The gate at its limits. */
class GateTest {

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    @RegisterExtension
    final Warnings warnings = new Warnings();

    @Test
    void rule_2_5_a_reserve_without_end_admits_finishing_work() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("reserve")
                .capacity(1)
                .reserve(Integer.MAX_VALUE)
                .build());
        try (Permit held = limiter.acquire()) {
            assertThat(held.limiter()).isSameAs(limiter);
            CompletableFuture<String> work = Limiters.finish(limiter, () -> "finished");
            assertThat(work.get(5, TimeUnit.SECONDS)).isEqualTo("finished");
        }
    }

    @Test
    void rule_1_2_those_whom_a_dependent_lets_in_are_told_in_the_order_they_came() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.of("order", 3));
        List<Permit> held = List.of(limiter.acquire(), limiter.acquire(), limiter.acquire());
        List<String> told = new ArrayList<>();
        CompletableFuture<Void> first = limiter.acquireAsync().thenAccept(permit -> {
            held.get(1).close();
            held.get(2).close();
            permit.close();
            told.add("first");
        });
        List<CompletableFuture<Void>> others = new ArrayList<>();
        for (String other : List.of("second", "third", "fourth")) {
            others.add(limiter.acquireAsync().thenAccept(permit -> {
                told.add(other);
                permit.close();
            }));
        }
        held.get(0).close();
        assertThat(first).isCompleted();
        assertThat(others).allMatch(CompletableFuture::isDone);
        assertThat(told).containsExactly("first", "second", "third", "fourth");
    }

    @Test
    void rule_1_7_what_fails_as_one_waiter_is_told_is_logged_and_keeps_no_other_from_its_news() {
        Logged failure = new Logged("the JVM's own, say");
        List<String> told = new ArrayList<>();
        Deliveries.deliver(() -> {
            Deliveries.deliver(() -> told.add("next"));
            throw new AssertionError(failure);
        });
        Deliveries.deliver(() -> told.add("last"));
        assertThat(told).containsExactly("next", "last");
        assertThat(failure.times()).isPositive();
    }

    /** As if memory had run out. */
    @Test
    void rule_1_3_whoever_was_granted_by_a_resize_that_fails_half_way_gets_his_permit() {
        OutOfMemoryError failure = new OutOfMemoryError("half-way");
        GateLimiter limiter = limiters.watchAndClose(new GateLimiter(new LimiterSettings("half-way")) {
            @Override
            int changeCapacity(int capacity, List<Waiter<?>> granted) {
                int before = super.changeCapacity(capacity, granted);
                if (capacity == 1) {
                    throw failure;
                }
                return before;
            }
        });
        limiter.resize(0);
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        assertThatThrownBy(() -> limiter.resize(1)).isSameAs(failure);
        assertThat(waiter).isDone();
        waiter.join().close();
    }

    /** On a worker that is about to go on with its work, and so can take nothing over. */
    @Test
    void rule_2_1_what_work_lets_in_and_waits_for_runs_on_another_thread() throws Exception {
        WorkLimiter limiter = (WorkLimiter) limiters.watchAndClose(CapacityLimiter.of("busy", 2));
        for (Callable<Permit> asking : List.<Callable<Permit>>of(
                () -> limiter.tryAcquire().orElseThrow(),
                () -> limiter.acquireAsync().get(5, TimeUnit.SECONDS))) {
            CompletableFuture<Void> queued = new CompletableFuture<>();
            CompletableFuture<Void> work = Limiters.run(limiter, () -> {
                Permit second = asking.call();
                CompletableFuture<Void> background = Limiters.background(limiter, () -> queued.complete(null));
                assertThat(background).isNotDone();
                second.close();
                return queued.get(5, TimeUnit.SECONDS);
            });
            assertThat(work).succeedsWithin(Duration.ofSeconds(10));
        }
        CompletableFuture<Void> work = Limiters.run(limiter, () -> {
            Limiters.background(limiter, () -> {}).get(5, TimeUnit.SECONDS); // there is a permit
            try (Permit second = limiter.tryAcquire().orElseThrow()) {
                CompletableFuture<Void> command = new CompletableFuture<>();
                limiter.execute(second, () -> command.complete(null));
                return command.get(5, TimeUnit.SECONDS);
            }
        });
        assertThat(work).succeedsWithin(Duration.ofSeconds(10));
    }

    @Test
    void rule_2_3_finishing_work_that_is_cancelled_is_not_interrupted() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.of("finishing", 1));
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        CompletableFuture<Boolean> ended = new CompletableFuture<>();
        CompletableFuture<Boolean> work = Limiters.finish(limiter, () -> {
            running.countDown();
            try {
                return ended.complete(end.await(5, TimeUnit.SECONDS));
            } catch (InterruptedException e) {
                return ended.complete(false);
            }
        });
        assertThat(running.await(5, TimeUnit.SECONDS)).isTrue();
        assertThat(work.cancel(true)).isTrue();
        end.countDown();
        assertThat(ended.get(10, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void rule_2_4_an_error_of_nested_work_is_in_its_future() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.of("nested", 1));
        AssertionError error = new AssertionError("the work's");
        Throwable told = Limiters.call(
                limiter,
                () -> Limiters.run(limiter, () -> {
                            throw error;
                        })
                        .handle((value, failure) -> failure)
                        .get(5, TimeUnit.SECONDS));
        assertThat(told).isSameAs(error);
    }

    @Test
    void rule_2_4_nothing_covers_a_thread_after_work_that_failed() throws Exception {
        WorkLimiter limiter = (WorkLimiter) limiters.watchAndClose(CapacityLimiter.builder("failing")
                .capacity(1)
                .workers(Runnable::run)
                .build());
        AssertionError error = new AssertionError("the work's");
        assertThatThrownBy(() -> Limiters.call(limiter, () -> {
                    throw error;
                }))
                .isSameAs(error);
        assertThat(Held.current()).isNull();
        try (Permit permit = limiter.acquire()) {
            assertThatThrownBy(() -> limiter.execute(permit, () -> {
                        throw error;
                    }))
                    .isSameAs(error);
        }
        assertThat(Held.current()).isNull();
    }

    /** Seconds, as HTTP has them, of one to thirty. */
    @Test
    void rule_1_6_a_refusal_says_to_come_back_after_as_long_as_the_first_has_waited() {
        CapacityLimiter limiter = limiters.watchAndClose(
                CapacityLimiter.builder("later").capacity(0).maxWaiting(2).build());
        for (Duration[] waitedAndSaid : new Duration[][] {
            {Duration.ZERO, Duration.ofSeconds(1)},
            {Duration.ofMillis(7_300), Duration.ofSeconds(7)},
            {Duration.ofHours(1), Duration.ofSeconds(30)}
        }) {
            CompletableFuture<Permit> first = limiter.acquireAsync();
            Waiter<Permit> head = (Waiter<Permit>) limiter.acquireAsync();
            head.waitingSince = System.nanoTime() - waitedAndSaid[0].toNanos(); // as if it had
            first.cancel(false);
            CompletableFuture<Permit> last = limiter.acquireAsync();
            assertThat(limiter.acquireAsync())
                    .failsWithin(Duration.ofSeconds(5))
                    .withThrowableThat()
                    .havingCause()
                    .isInstanceOfSatisfying(
                            LimitExceededException.class,
                            refusal -> assertThat(refusal.retryAfter()).isEqualTo(waitedAndSaid[1]));
            last.cancel(false);
            head.cancel(false);
        }
    }
}
