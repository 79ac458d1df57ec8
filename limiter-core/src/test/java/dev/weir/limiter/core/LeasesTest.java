package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Permit;
import dev.weir.limiter.resilience4j.Bulkheads;
import dev.weir.limiter.tck.IdleLimiters;
import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadConfig;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What is borrowed of somebody else's bulkhead: the look at it while somebody waits, its failures, and the races. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class LeasesTest {

    private static final int ROUNDS = 200_000;

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    @RegisterExtension
    final Warnings warnings = new Warnings();

    private final Logged failure = new Logged("the bulkhead's own trouble");
    private final Queue<Runnable> timer = new ArrayDeque<>();
    private boolean timerFails;

    private static Bulkhead bulkhead(int permits) {
        return Bulkhead.of(
                "lending",
                BulkheadConfig.custom()
                        .maxConcurrentCalls(permits)
                        .maxWaitDuration(Duration.ZERO)
                        .build());
    }

    private CapacityLimiter adopt(Bulkhead bulkhead) {
        return limiters.watchAndClose(Bulkheads.adopt(bulkhead));
    }

    private static int available(Bulkhead bulkhead) {
        return bulkhead.getMetrics().getAvailableConcurrentCalls();
    }

    /** With a timer that the test lets ring. */
    private Leases leases(GateLimiter limiter, Bulkhead bulkhead) {
        return new Leases(limiter, bulkhead, 10, (nanos, task) -> {
            assertThat(Duration.ofNanos(nanos)).isBetween(Duration.ofMillis(1), Duration.ofMillis(100));
            if (timerFails) {
                throw failure;
            }
            timer.add(task);
        });
    }

    private GateLimiter withoutPermits() {
        return (GateLimiter) limiters.watchAndClose(
                CapacityLimiter.builder("lent").capacity(0).build());
    }

    @Test
    void t12_while_somebody_waits_one_timer_looks_again_and_again_and_then_no_more() {
        Bulkhead bulkhead = bulkhead(1);
        GateLimiter limiter = withoutPermits();
        Leases leases = leases(limiter, bulkhead);
        bulkhead.acquirePermission();
        CompletableFuture<Permit> waiter = limiter.acquireAsync();

        leases.poll();
        leases.poll();
        assertThat(timer).as("timers").hasSize(1);
        for (int looks = 0; looks < 3; looks++) {
            timer.remove().run();
            assertThat(waiter).isNotDone();
            assertThat(timer).as("timers").hasSize(1);
        }
        bulkhead.releasePermission(); // no event
        timer.remove().run();

        assertThat(waiter).isDone();
        assertThat(timer).as("timers").isEmpty();
        leases.poll();
        assertThat(timer).as("timers").hasSize(1);
        waiter.join().close();
        leases.giveBackUnused();
        assertThat(available(bulkhead)).isEqualTo(1);
    }

    @Test
    void t12_a_timer_that_cannot_be_set_is_logged_and_set_for_whoever_waits_next() {
        Leases leases = leases(withoutPermits(), bulkhead(1));
        timerFails = true;
        leases.poll();
        assertThat(failure.times()).isEqualTo(1);
        assertThat(warnings.messages()).singleElement().asString().contains("the timer of limiter 'lent'");

        timerFails = false;
        leases.poll();

        assertThat(timer).hasSize(1);
    }

    private static Bulkhead with(Bulkhead bulkhead, String name, Callable<@Nullable Object> instead) {
        return (Bulkhead) Proxy.newProxyInstance(
                LeasesTest.class.getClassLoader(), new Class<?>[] {Bulkhead.class}, (proxy, method, arguments) -> {
                    try {
                        return method.getName().equals(name) ? instead.call() : method.invoke(bulkhead, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    /** Fails when it is asked for its numbers. */
    private Bulkhead failing(Bulkhead bulkhead, AtomicBoolean fails) {
        return with(bulkhead, "getMetrics", () -> {
            if (fails.get()) {
                throw failure;
            }
            return bulkhead.getMetrics();
        });
    }

    @Test
    void rule_2_2_a_bulkhead_that_fails_takes_nothing_of_the_limiters_share() {
        AtomicBoolean fails = new AtomicBoolean();
        Bulkhead bulkhead = bulkhead(1);
        CapacityLimiter limiter =
                limiters.watchAndClose(Bulkheads.adopt(failing(bulkhead, fails), settings -> settings.capacity(1)));
        fails.set(true);
        assertThatThrownBy(limiter::tryAcquire).isSameAs(failure);
        fails.set(false);

        limiter.tryAcquire().orElseThrow().close();

        assertThat(available(bulkhead)).isEqualTo(1);
    }

    @Test
    void t12_a_bulkhead_that_fails_when_it_is_looked_at_is_logged_once_and_looked_at_again() {
        AtomicBoolean fails = new AtomicBoolean();
        Bulkhead bulkhead = bulkhead(1);
        GateLimiter limiter = withoutPermits();
        Leases leases = leases(limiter, failing(bulkhead, fails));
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        leases.poll();

        fails.set(true);
        timer.remove().run();
        timer.remove().run();

        assertThat(failure.times()).isEqualTo(1);
        assertThat(warnings.messages()).singleElement().asString().contains("limiter 'lent'");
        fails.set(false);
        timer.remove().run();
        waiter.join().close();
        leases.giveBackUnused();
        assertThat(available(bulkhead)).isEqualTo(1);
    }

    @Test
    void t10_a_bulkhead_that_fails_as_waiters_are_served_is_logged_and_not_the_outcome_of_a_strangers_call() {
        AtomicBoolean fails = new AtomicBoolean();
        Bulkhead bulkhead = bulkhead(1);
        CapacityLimiter limiter = adopt(failing(bulkhead, fails));
        bulkhead.acquirePermission();
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        fails.set(true);

        bulkhead.onComplete();

        assertThat(failure.times()).isPositive();
        fails.set(false);
        waiter.cancel(false);
    }

    @Test
    void t9_t10_a_consumer_that_fails_is_logged_with_the_bulkheads_name() {
        Bulkhead bulkhead = bulkhead(1);
        bulkhead.getEventPublisher().onEvent(event -> {
            throw failure;
        });

        adopt(bulkhead).tryAcquire().orElseThrow().close();

        assertThat(failure.times()).as("taking and giving back").isEqualTo(2);
        assertThat(warnings.messages())
                .hasSize(2)
                .containsOnly("WARNING: A consumer of events of bulkhead 'lending' failed");
    }

    /** T1 is about to take what it has borrowed, T2 takes it, and borrows none: T1 borrows another. */
    @Test
    void rule_1_2_of_two_that_try_at_once_both_get_a_permit_where_there_are_two() {
        CapacityLimiter limiter = adopt(bulkhead(2));
        List<Optional<Permit>> theirs = new ArrayList<>();
        List<Optional<Permit>> mine = new ArrayList<>();
        try (Duel duel = new Duel(ROUNDS)) {
            while (duel.goesOn()) {
                duel.round(() -> mine.add(limiter.tryAcquire()), () -> theirs.add(limiter.tryAcquire()));

                mine.remove(0).orElseThrow().close();
                theirs.remove(0).orElseThrow().close();
            }
        }
    }

    /** T1 gives back what nobody uses, T2 takes it of the gate meanwhile: it stays borrowed. */
    @Test
    void rule_1_4_what_is_taken_as_it_is_about_to_be_given_back_stays_borrowed() {
        Bulkhead bulkhead = bulkhead(1);
        CapacityLimiter limiter = adopt(bulkhead);
        AtomicReference<Optional<Permit>> taken = new AtomicReference<>(Optional.empty());
        try (Duel duel = new Duel(ROUNDS)) {
            while (duel.goesOn()) {
                Permit permit = limiter.tryAcquire().orElseThrow();

                duel.round(permit::close, () -> taken.set(limiter.tryAcquire()));

                assertThat(available(bulkhead)).isEqualTo(taken.get().isPresent() ? 0 : 1);
                taken.get().ifPresent(Permit::close);
            }
        }
    }

    /** T1 is about to give back what nobody uses, T2 takes it of the gate, T3 queues: what T2 gives back is T3's. */
    @Test
    void rule_1_2_what_is_taken_as_it_is_about_to_be_given_back_goes_on_to_whoever_waits_for_it() {
        CapacityLimiter limiter = adopt(bulkhead(1));
        AtomicReference<Optional<Permit>> taken = new AtomicReference<>(Optional.empty());
        try (Duel duel = new Duel(ROUNDS)) {
            while (duel.goesOn()) {
                Permit permit = limiter.tryAcquire().orElseThrow();

                duel.round(permit::close, () -> taken.set(limiter.tryAcquire()));

                if (taken.get().isPresent()) {
                    CompletableFuture<Permit> waiter = limiter.acquireAsync();
                    taken.get().get().close();
                    assertThat(waiter).isDone();
                    waiter.join().close();
                }
            }
        }
    }

    /** T1 gives back what nobody uses, T2 queues: one of them serves T2, though nobody hears of what is given back. */
    @Test
    void t12_whoever_queues_as_the_last_permit_is_given_back_gets_it() {
        Bulkhead bulkhead = bulkhead(1);
        CapacityLimiter limiter = adopt(with(bulkhead, "onComplete", () -> {
            bulkhead.releasePermission(); // no event
            return null;
        }));
        AtomicReference<CompletableFuture<Permit>> waiter = new AtomicReference<>(new CompletableFuture<>());
        try (Duel duel = new Duel(ROUNDS)) {
            while (duel.goesOn()) {
                Permit permit = limiter.tryAcquire().orElseThrow();

                duel.round(permit::close, () -> waiter.set(limiter.acquireAsync()));

                boolean served = waiter.get().isDone();
                waiter.get().join().close();
                assertThat(served).isTrue();
            }
        }
    }
}
