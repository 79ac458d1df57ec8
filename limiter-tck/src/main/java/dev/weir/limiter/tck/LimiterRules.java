package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Section 1 of the rules: the limiter as a gate that hands out permits. For implementations that only do that; one that also
 * runs work extends {@link CapacityLimiterContract}.
 *
 * <p>Each test's name begins with the number of the rule it checks.
 */
@SuppressWarnings("FutureReturnValueIgnored") // many waiters are watched through the limiter, not through their futures
public abstract class LimiterRules extends ContractSupport {

    private static final Duration LONG = Duration.ofHours(1);
    private static final ThreadMXBean PROCESSOR = ManagementFactory.getThreadMXBean();

    /** For subclasses. */
    protected LimiterRules() {}

    // ---- 1.1 capacity ----

    @Test
    void rule_1_1_admits_as_many_as_its_capacity_and_no_more() {
        CapacityLimiter limiter = limiter(3);

        List<Permit> held = hold(limiter, 3);

        assertNoneFree(limiter);
        assertThat(limiter.statistics().inUse()).isEqualTo(3);
        held.get(1).close();
        Permit next = take(limiter);
        assertNoneFree(limiter);
        next.close();
        closeAll(held);
        assertThat(limiter.statistics().available()).isEqualTo(3);
    }

    @Test
    void rule_1_1_has_the_documented_defaults() {
        CapacityLimiter limiter = build(builder());

        assertThat(limiter.capacity()).isEqualTo(CapacityLimiterBuilder.DEFAULT_CAPACITY);
        assertThat(limiter.statistics().maxWaiting()).isEqualTo(CapacityLimiterBuilder.DEFAULT_MAX_WAITING);
        assertThat(limiter.isClosed()).isFalse();
        List<Permit> held = hold(limiter, CapacityLimiterBuilder.DEFAULT_CAPACITY);
        assertNoneFree(limiter);
        closeAll(held);
    }

    @Test
    void rule_1_1_capacity_zero_admits_nobody_while_statistics_answer() {
        CapacityLimiter limiter = limiter(0);

        assertNoneFree(limiter);
        CompletableFuture<Permit> waiter = enqueue(limiter, 1).get(0);

        assertThat(waiter).isNotDone();
        assertThat(limiter.statistics().capacity()).isZero();
        assertThat(limiter.statistics().inUse()).isZero();
        assertThat(limiter.statistics().waiting()).isEqualTo(1);
        limiter.resize(1);
        get(waiter).close();
    }

    @Test
    void rule_1_1_pausing_lets_those_who_hold_permits_go_on() {
        CapacityLimiter limiter = limiter(2);
        List<Permit> held = hold(limiter, 2);

        promptly(() -> limiter.resize(0));

        assertThat(limiter.statistics().available()).isEqualTo(-2);
        closeAll(held);
        assertNoneFree(limiter);
        limiter.resize(1);
        take(limiter).close();
    }

    @Test
    void rule_1_1_unlimited_admits_everybody_and_still_counts() {
        CapacityLimiter limiter = limiter(CapacityLimiter.UNLIMITED);

        List<Permit> held = hold(limiter, 5_000);

        assertThat(limiter.capacity()).isEqualTo(CapacityLimiter.UNLIMITED);
        assertThat(limiter.statistics().inUse()).isEqualTo(5_000);
        closeAll(held);
        assertThat(limiter.statistics().inUse()).isZero();
        assertThat(limiter.statistics().acquired()).isEqualTo(5_000);
    }

    @Test
    void rule_1_1_a_bad_capacity_is_refused_naming_the_argument_and_the_old_value_stays() {
        CapacityLimiter limiter = limiter(2);

        assertThatThrownBy(() -> limiter.resize(-7))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("capacity")
                .hasMessageContaining("-7");

        assertThat(limiter.capacity()).isEqualTo(2);
        List<Permit> held = hold(limiter, 2);
        assertNoneFree(limiter);
        closeAll(held);
    }

    @Test
    void rule_1_1_bad_settings_are_refused_naming_setting_and_value_and_the_old_value_stays() {
        CapacityLimiterBuilder builder = builder().capacity(2).maxWaiting(1);

        assertBadSetting(builder, b -> b.capacity(-3), "capacity", "-3");
        assertBadSetting(builder, b -> b.maxWaiting(-4), "maxWaiting", "-4");
        assertBadSetting(builder, b -> b.reserve(-5), "reserve", "-5");
        assertBadSetting(builder, b -> b.maxWait(Duration.ZERO), "maxWait", "");
        assertBadSetting(builder, b -> b.maxWait(Duration.ofMillis(-6)), "maxWait", "");
        assertBadSetting(builder, b -> b.workerIdleTime(Duration.ZERO), "workerIdleTime", "");
        assertThatThrownBy(() -> newBuilder(" ")).isInstanceOf(IllegalArgumentException.class);

        CapacityLimiter limiter = build(builder);
        assertThat(limiter.capacity()).isEqualTo(2);
        assertThat(limiter.statistics().maxWaiting()).isEqualTo(1);
    }

    private static void assertBadSetting(
            CapacityLimiterBuilder builder, UnaryOperator<CapacityLimiterBuilder> change, String name, String value) {
        assertThatThrownBy(() -> change.apply(builder))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(name)
                .hasMessageContaining(value);
    }

    @Test
    @SuppressWarnings({"NullAway", "DataFlowIssue"}) // null is what is tested
    void rule_1_1_null_is_refused() {
        CapacityLimiter limiter = limiter(1);

        assertThatNullPointerException().isThrownBy(() -> newBuilder(null));
        assertThatNullPointerException().isThrownBy(() -> builder().maxWait(null));
        assertThatNullPointerException().isThrownBy(() -> builder().listener(null));
        assertThatNullPointerException().isThrownBy(() -> limiter.tryAcquire(null));
    }

    // ---- 1.2 order ----

    @Test
    void rule_1_2_waiters_are_served_in_the_order_they_came() {
        CapacityLimiter limiter = limiter(1);
        Permit first = take(limiter);
        Queue<Integer> order = new ConcurrentLinkedQueue<>();
        Queue<Permit> granted = new ConcurrentLinkedQueue<>();
        List<Integer> expected = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            int number = i;
            expected.add(i);
            limiter.acquireAsync().thenAccept(permit -> {
                order.add(number);
                granted.add(permit);
            });
            awaitWaiting(limiter, i + 1);
        }

        first.close();
        for (int i = 1; i <= 20; i++) {
            int served = i;
            await("waiter " + i, () -> order.size() == served);
            granted.remove().close();
        }

        assertThat(order).containsExactlyElementsOf(expected);
    }

    @Test
    void rule_1_2_all_ways_of_waiting_share_one_queue() {
        CapacityLimiter limiter = limiter(1);
        Permit first = take(limiter);
        Queue<String> order = new ConcurrentLinkedQueue<>();
        Caller<Boolean> blocking = startStep(() -> {
            try (Permit permit = limiter.acquire()) {
                order.add("acquire of " + permit.limiter().name());
            }
        });
        awaitWaiting(limiter, 1);
        CompletableFuture<Void> async = limiter.acquireAsync().thenAccept(permit -> {
            order.add("acquireAsync");
            permit.close();
        });
        awaitWaiting(limiter, 2);
        Caller<Boolean> timed = startStep(() -> limiter.tryAcquire(LONG).ifPresent(permit -> {
            order.add("tryAcquire");
            permit.close();
        }));
        awaitWaiting(limiter, 3);

        first.close();

        get(blocking.outcome());
        get(async);
        get(timed.outcome());
        assertThat(order).containsExactly("acquire of " + limiter.name(), "acquireAsync", "tryAcquire");
    }

    @Test
    void rule_1_2_a_freed_permit_belongs_to_the_head_waiter_inside_the_release() {
        CapacityLimiter limiter = limiter(1);
        for (int round = 0; round < 100; round++) {
            Permit first = take(limiter);
            CompletableFuture<Permit> head = enqueue(limiter, 1).get(0);

            first.close();

            boolean grantedInside = isGranted(head);
            get(head).close();
            assertThat(grantedInside).as("granted when close() returned").isTrue();
        }
    }

    @Test
    void rule_1_2_a_freed_permit_belongs_to_a_blocked_thread_inside_the_release() {
        CapacityLimiter limiter = limiter(1);
        for (int round = 0; round < 100; round++) {
            Permit first = take(limiter);
            Caller<Permit> head = start(limiter::acquire);
            awaitWaiting(limiter, 1);

            first.close();

            Optional<Permit> overtaker = limiter.tryAcquire();
            LimiterStatistics now = limiter.statistics();
            overtaker.ifPresent(Permit::close);
            get(head.outcome()).close();
            assertThat(overtaker).as("a permit that overtook a waiter").isEmpty();
            assertThat(now.waiting()).isZero();
            assertThat(now.inUse()).isEqualTo(1);
        }
    }

    @Test
    void rule_1_2_try_acquire_never_overtakes_a_waiter() {
        CapacityLimiter limiter = limiter(1);
        for (int round = 0; round < 100; round++) {
            Permit first = take(limiter);
            Caller<Permit> waiter = start(limiter::acquire);
            awaitWaiting(limiter, 1);
            AtomicBoolean stop = new AtomicBoolean();
            CountDownLatch hammering = new CountDownLatch(1);
            Caller<Integer> hammer = start(() -> {
                int overtaken = 0;
                while (!stop.get()) {
                    Optional<Permit> permit = limiter.tryAcquire();
                    if (permit.isPresent()) {
                        overtaken++;
                        permit.get().close();
                    }
                    hammering.countDown();
                }
                return overtaken;
            });
            await(hammering);

            first.close();
            Permit second = get(waiter.outcome());
            stop.set(true);

            assertThat(get(hammer.outcome())).as("times overtaken").isZero();
            second.close();
        }
    }

    // ---- 1.3 resize ----

    @Test
    void rule_1_3_growing_admits_as_many_as_fit_in_order_before_it_returns() {
        CapacityLimiter limiter = limiter(2);
        List<Permit> held = hold(limiter, 2);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 5);

        promptly(() -> {
            limiter.resize(5);
            assertThat(waiters.subList(0, 3)).allMatch(ContractSupport::isGranted);
        });

        assertThat(waiters.subList(3, 5)).noneMatch(CompletableFuture::isDone);
        assertThat(limiter.statistics().waiting()).isEqualTo(2);
        assertThat(limiter.statistics().inUse()).isEqualTo(5);
        closeAll(held);
        waiters.forEach(waiter -> get(waiter).close());
    }

    @Test
    void rule_1_3_growing_beyond_the_waiters_admits_them_all_and_leaves_the_rest_free() {
        CapacityLimiter limiter = limiter(1);
        Permit held = take(limiter);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 2);

        promptly(() -> limiter.resize(10));

        assertThat(granted(waiters)).isEqualTo(2);
        assertThat(limiter.statistics().available()).isEqualTo(7);
        List<Permit> more = hold(limiter, 7);
        assertNoneFree(limiter);
        closeAll(more);
        held.close();
        waiters.forEach(waiter -> get(waiter).close());
    }

    @Test
    void rule_1_3_growing_wakes_blocked_threads() {
        CapacityLimiter limiter = limiter(0);
        List<Caller<Permit>> blocked = new ArrayList<>();
        for (int i = 1; i <= 3; i++) {
            blocked.add(start(limiter::acquire));
            awaitWaiting(limiter, i);
        }

        promptly(() -> limiter.resize(3));

        blocked.forEach(caller -> get(caller.outcome()).close());
    }

    @Test
    void rule_1_3_shrinking_neither_blocks_nor_revokes() {
        CapacityLimiter limiter = limiter(4);
        List<Permit> held = hold(limiter, 4);

        promptly(() -> limiter.resize(1));

        assertThat(limiter.capacity()).isEqualTo(1);
        assertThat(limiter.statistics().capacity()).isEqualTo(1);
        assertThat(limiter.statistics().inUse()).isEqualTo(4);
        assertThat(limiter.statistics().available()).isEqualTo(-3);
        closeAll(held);
        Permit only = take(limiter);
        assertNoneFree(limiter);
        only.close();
    }

    @Test
    void rule_1_3_shrink_to_one_with_four_held_admits_only_on_the_fourth_release() {
        CapacityLimiter limiter = limiter(4);
        List<Permit> held = hold(limiter, 4);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 2);

        promptly(() -> limiter.resize(1));

        for (Permit permit : held.subList(0, 3)) {
            permit.close();
            assertThat(granted(waiters)).isZero();
            assertNoneFree(limiter);
        }
        held.get(3).close();
        assertThat(isGranted(waiters.get(0))).isTrue();
        assertThat(waiters.get(1)).isNotDone();
        waiters.forEach(waiter -> get(waiter).close());
    }

    @Test
    void rule_1_3_shrinking_and_growing_back_admits_nobody() {
        CapacityLimiter limiter = limiter(4);
        List<Permit> held = hold(limiter, 4);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 3);

        promptly(() -> {
            limiter.resize(2);
            limiter.resize(4);
        });

        assertThat(granted(waiters)).isZero();
        assertThat(limiter.statistics().inUse()).isEqualTo(4);
        held.get(0).close();
        assertThat(granted(waiters)).isEqualTo(1);
        closeAll(held);
        waiters.forEach(waiter -> get(waiter).close());
    }

    /** Growing by three while far more than the capacity is in use: whoever admits "three more" has 13 of 5. */
    @Test
    void rule_1_3_growing_while_a_shrink_drains_admits_nobody_until_in_use_is_below_capacity() {
        CapacityLimiter limiter = limiter(10);
        List<Permit> held = hold(limiter, 10);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 10);

        promptly(() -> {
            limiter.resize(2);
            limiter.resize(5);
        });

        assertThat(limiter.statistics().inUse()).isEqualTo(10);
        assertThat(granted(waiters)).isZero();
        closeAll(held.subList(0, 5));
        assertThat(granted(waiters)).isZero();
        assertThat(limiter.statistics().inUse()).isEqualTo(5);
        held.get(5).close();
        assertThat(granted(waiters)).isEqualTo(1);
        closeAll(held);
        waiters.forEach(waiter -> get(waiter).close());
    }

    @Test
    void rule_1_3_unlimited_and_back_keeps_count() {
        CapacityLimiter limiter = limiter(1);
        Permit held = take(limiter);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 5);

        promptly(() -> limiter.resize(CapacityLimiter.UNLIMITED));
        assertThat(granted(waiters)).isEqualTo(5);
        promptly(() -> limiter.resize(2));

        assertThat(limiter.statistics().available()).isEqualTo(-4);
        held.close();
        waiters.forEach(waiter -> get(waiter).close());
        List<Permit> two = hold(limiter, 2);
        assertNoneFree(limiter);
        closeAll(two);
    }

    @Test
    void rule_1_3_resizing_to_the_same_capacity_changes_nothing() {
        CapacityLimiter limiter = limiter(2);
        List<Permit> held = hold(limiter, 2);
        CompletableFuture<Permit> waiter = enqueue(limiter, 1).get(0);

        promptly(() -> limiter.resize(2));

        assertThat(waiter).isNotDone();
        closeAll(held);
        get(waiter).close();
        assertThat(limiter.statistics().acquired()).isEqualTo(3);
    }

    @Test
    void rule_1_3_concurrent_resizes_leave_exactly_the_last_capacity() throws Exception {
        CapacityLimiter limiter = limiter(4);
        for (int round = 0; round < 50; round++) {
            List<Permit> held = hold(limiter, limiter.capacity());
            CyclicBarrier barrier = new CyclicBarrier(3);
            List<Caller<Boolean>> callers = new ArrayList<>();
            for (int capacity : new int[] {1, 7}) {
                callers.add(startStep(() -> {
                    barrier.await();
                    limiter.resize(capacity);
                }));
            }
            callers.add(startStep(() -> {
                barrier.await();
                closeAll(held);
            }));
            callers.forEach(caller -> get(caller.outcome()));

            int capacity = limiter.capacity();
            assertThat(capacity).isIn(1, 7);
            List<Permit> all = hold(limiter, capacity);
            assertNoneFree(limiter);
            closeAll(all);
        }
    }

    // ---- 1.4 one-shot permits ----

    @Test
    void rule_1_4_closing_a_permit_again_does_nothing() {
        CapacityLimiter limiter = limiter(2);
        List<Permit> held = hold(limiter, 2);

        held.get(0).close();
        held.get(0).close();
        held.get(0).close();

        Permit second = take(limiter);
        assertNoneFree(limiter);
        held.get(0).close();
        assertNoneFree(limiter);
        assertThat(limiter.statistics().inUse()).isEqualTo(2);
        assertThat(limiter.statistics().released()).isEqualTo(1);
        second.close();
        held.get(1).close();
        assertThat(limiter.statistics().released()).isEqualTo(3);
    }

    @Test
    void rule_1_4_closing_an_idle_limiters_permit_again_never_adds_capacity() {
        CapacityLimiter limiter = limiter(2);
        Permit permit = take(limiter);

        for (int i = 0; i < 10; i++) {
            permit.close();
        }

        assertThat(limiter.statistics().available()).isEqualTo(2);
        List<Permit> held = hold(limiter, 2);
        assertNoneFree(limiter);
        closeAll(held);
    }

    @Test
    void rule_1_4_closing_twice_admits_one_waiter() {
        CapacityLimiter limiter = limiter(1);
        Permit held = take(limiter);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 3);

        held.close();
        held.close();

        get(waiters.get(0));
        assertThat(waiters.subList(1, 3)).noneMatch(CompletableFuture::isDone);
        waiters.forEach(waiter -> get(waiter).close());
    }

    /** The threads go through the same permits, neck and neck. */
    @Test
    void rule_1_4_of_threads_that_close_the_same_permit_at_once_one_counts() {
        int permits = 10_000;
        CapacityLimiter limiter = limiter(permits + 1);
        Permit other = take(limiter);
        for (int round = 1; round <= 20; round++) {
            List<Permit> shared = new ArrayList<>();
            for (int i = 0; i < permits; i++) {
                shared.add(take(limiter));
            }
            CyclicBarrier barrier = new CyclicBarrier(2);
            List<Caller<Boolean>> callers = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                callers.add(startStep(() -> {
                    barrier.await();
                    shared.forEach(Permit::close);
                }));
            }
            callers.forEach(caller -> get(caller.outcome()));
            assertThat(limiter.statistics().inUse()).isEqualTo(1);
            assertThat(limiter.statistics().released()).isEqualTo((long) round * permits);
        }
        other.close();
    }

    /** As above, but one of the two has taken the permits, and the other one goes on taking: in use is soon what it was. */
    @Test
    void rule_1_4_of_the_thread_that_took_a_permit_and_another_one_counts() {
        int permits = 10_000;
        CapacityLimiter limiter = limiter(2 * permits + 1);
        Permit other = take(limiter);
        for (int round = 1; round <= 20; round++) {
            List<Permit> shared = new ArrayList<>();
            List<Permit> taken = new ArrayList<>();
            CyclicBarrier barrier = new CyclicBarrier(2);
            Caller<Boolean> taker = startStep(() -> {
                for (int i = 0; i < permits; i++) {
                    shared.add(take(limiter));
                }
                barrier.await();
                shared.forEach(Permit::close);
            });
            Caller<Boolean> stranger = startStep(() -> {
                barrier.await();
                for (Permit permit : shared) {
                    permit.close();
                    taken.add(take(limiter));
                }
            });
            get(taker.outcome());
            get(stranger.outcome());
            assertThat(limiter.statistics().inUse()).isEqualTo(1 + permits);
            closeAll(taken);
            assertThat(limiter.statistics().inUse()).isEqualTo(1);
            assertThat(limiter.statistics().released()).isEqualTo(2L * round * permits);
        }
        other.close();
    }

    @Test
    void rule_1_4_a_permit_knows_its_limiter_and_may_be_closed_by_another_thread() {
        CapacityLimiter limiter = limiter(1);
        Permit permit = take(limiter);

        assertThat(permit.limiter()).isSameAs(limiter);
        promptly(permit::close);

        assertThat(limiter.statistics().inUse()).isZero();
    }

    // ---- 1.5 waiting and leaving ----

    @Test
    void rule_1_5_waiting_asynchronously_holds_no_thread() {
        CapacityLimiter limiter = build(builder().capacity(0).maxWaiting(5_000));
        int before = liveThreads();

        List<CompletableFuture<Permit>> waiters = new ArrayList<>();
        for (int i = 0; i < 5_000; i++) {
            waiters.add(limiter.acquireAsync());
        }

        assertThat(limiter.statistics().waiting()).isEqualTo(5_000);
        assertThat(liveThreads()).as("live threads").isLessThan(before + 20);
        waiters.forEach(waiter -> waiter.cancel(true));
    }

    @Test
    void rule_1_5_of_fifty_thousand_waiters_half_cancel_at_random_and_the_rest_keep_their_order() {
        int waiters = 50_000;
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(waiters));
        Permit held = take(limiter);
        int threadsBefore = liveThreads();
        Queue<Integer> served = new ConcurrentLinkedQueue<>();
        List<CompletableFuture<Permit>> futures = new ArrayList<>(waiters);
        List<Integer> numbers = new ArrayList<>(waiters);
        for (int i = 0; i < waiters; i++) {
            int number = i;
            numbers.add(number);
            CompletableFuture<Permit> future = limiter.acquireAsync();
            future.thenAccept(permit -> {
                served.add(number);
                permit.close();
            });
            futures.add(future);
        }
        Collections.shuffle(numbers, new Random(1724));
        List<Integer> leaving = numbers.subList(0, waiters / 2);

        long start = PROCESSOR.getCurrentThreadCpuTime();
        leaving.forEach(number -> futures.get(number).cancel(true));
        Duration took = Duration.ofNanos(PROCESSOR.getCurrentThreadCpuTime() - start);

        // Of the processor: a busy machine does not count.
        assertThat(took).as("time to cancel").isLessThan(Duration.ofSeconds(2));
        assertThat(limiter.statistics().waiting()).isEqualTo(waiters / 2);
        assertThat(limiter.statistics().withdrawn()).isEqualTo(waiters / 2);
        assertThat(liveThreads()).as("live threads").isLessThan(threadsBefore + 20);
        held.close();
        await("all survivors", () -> served.size() == waiters / 2);
        List<Integer> survivors = new ArrayList<>(numbers.subList(waiters / 2, waiters));
        Collections.sort(survivors);
        assertThat(served).containsExactlyElementsOf(survivors);
    }

    @Test
    void rule_1_5_a_cancelled_waiter_consumes_nothing_and_the_others_keep_their_order() {
        CapacityLimiter limiter = limiter(1);
        Permit held = take(limiter);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 4);

        waiters.get(0).cancel(true);
        waiters.get(2).cancel(false);

        awaitWaiting(limiter, 2);
        assertThat(limiter.statistics().withdrawn()).isEqualTo(2);
        held.close();
        Permit second = get(waiters.get(1));
        assertThat(waiters.get(3)).isNotDone();
        second.close();
        get(waiters.get(3)).close();
        take(limiter).close();
    }

    @Test
    void rule_1_5_when_all_waiters_left_the_permit_is_free() {
        CapacityLimiter limiter = limiter(1);
        Permit held = take(limiter);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 3);
        waiters.forEach(waiter -> waiter.cancel(true));
        awaitWaiting(limiter, 0);

        held.close();

        take(limiter).close();
        assertThat(limiter.statistics().acquired()).isEqualTo(2);
    }

    @Test
    void rule_1_5_completing_the_future_in_any_way_gives_up_the_place() {
        CapacityLimiter limiter = limiter(1);
        Permit held = take(limiter);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 4);

        waiters.get(0).complete(held);
        waiters.get(1).completeExceptionally(new IllegalStateException("the test left"));
        waiters.get(2).orTimeout(1, TimeUnit.MILLISECONDS);

        awaitWaiting(limiter, 1);
        assertThat(limiter.statistics().withdrawn()).isEqualTo(3);
        assertThat(limiter.statistics().inUse()).isEqualTo(1);
        held.close();
        get(waiters.get(3)).close();
        take(limiter).close();
    }

    @Test
    void rule_1_5_a_waiter_that_left_frees_its_memory_while_others_wait() {
        CapacityLimiter limiter = limiter(1);
        Permit held = take(limiter);
        List<CompletableFuture<Permit>> around = new ArrayList<>(enqueue(limiter, 1));
        WeakReference<?> left = leaveBehind(limiter);
        around.addAll(enqueue(limiter, 1));

        awaitCollected("the waiter that left", left);

        held.close();
        around.forEach(waiter -> get(waiter).close());
    }

    private WeakReference<?> leaveBehind(CapacityLimiter limiter) {
        CompletableFuture<Permit> waiter = enqueue(limiter, 1).get(0);
        waiter.cancel(true);
        return new WeakReference<>(waiter);
    }

    @Test
    void rule_1_5_a_waiter_whose_time_passed_consumes_nothing() throws Exception {
        CapacityLimiter limiter = limiter(1);
        Permit held = take(limiter);

        Optional<Permit> late =
                get(start(() -> limiter.tryAcquire(Duration.ofMillis(5))).outcome());

        assertThat(late).isEmpty();
        assertThat(limiter.statistics().waiting()).isZero();
        held.close();
        take(limiter).close();
        assertThat(limiter.statistics().withdrawn()).isEqualTo(1);
    }

    @Test
    void rule_1_5_a_time_limit_of_zero_or_less_does_not_wait() throws Exception {
        CapacityLimiter limiter = limiter(1);

        Permit held = limiter.tryAcquire(Duration.ZERO).orElseThrow();
        assertThat(limiter.tryAcquire(Duration.ZERO)).isEmpty();
        assertThat(limiter.tryAcquire(Duration.ofSeconds(-1))).isEmpty();

        assertThat(limiter.statistics().waiting()).isZero();
        held.close();
        assertThat(limiter.statistics().inUse()).isZero();
    }

    @Test
    void rule_1_5_an_interrupted_waiter_consumes_nothing() {
        CapacityLimiter limiter = limiter(1);
        Permit held = take(limiter);
        for (int i = 0; i < 2; i++) {
            boolean timed = i == 1;
            Caller<Boolean> waiter = startStep(() -> {
                if (timed) {
                    limiter.tryAcquire(LONG);
                } else {
                    limiter.acquire();
                }
            });
            awaitWaiting(limiter, 1);

            waiter.thread().interrupt();

            assertThat(failureOf(waiter.outcome())).isInstanceOf(InterruptedException.class);
            assertThat(limiter.statistics().waiting()).isZero();
        }
        held.close();
        take(limiter).close();
        assertThat(limiter.statistics().withdrawn()).isEqualTo(2);
    }

    @Test
    void rule_1_5_a_grant_that_races_with_a_cancel_is_never_lost() throws Exception {
        CapacityLimiter limiter = limiter(1);
        for (int round = 0; round < 500; round++) {
            Permit held = take(limiter);
            CompletableFuture<Permit> waiter = enqueue(limiter, 1).get(0);
            race(held::close, () -> waiter.cancel(true));

            if (isGranted(waiter)) {
                get(waiter).close();
            }
            assertFreeAgain(limiter);
        }
    }

    @Test
    void rule_1_5_a_grant_that_races_with_an_interrupt_is_never_lost() throws Exception {
        CapacityLimiter limiter = limiter(1);
        for (int round = 0; round < 300; round++) {
            Permit held = take(limiter);
            Caller<Permit> waiter = start(limiter::acquire);
            awaitWaiting(limiter, 1);
            race(held::close, () -> waiter.thread().interrupt());

            await("the waiter", waiter.outcome()::isDone);
            if (isGranted(waiter.outcome())) {
                get(waiter.outcome()).close();
            }
            assertFreeAgain(limiter);
        }
    }

    @Test
    void rule_1_5_a_grant_that_races_with_a_time_limit_is_never_lost() {
        CapacityLimiter limiter = limiter(1);
        for (int round = 0; round < 200; round++) {
            Permit held = take(limiter);
            Caller<Optional<Permit>> waiter = start(() -> limiter.tryAcquire(Duration.ofMillis(1)));
            await(
                    "the waiter to wait or be done",
                    () -> limiter.statistics().waiting() == 1
                            || waiter.outcome().isDone());
            held.close();

            get(waiter.outcome()).ifPresent(Permit::close);
            assertFreeAgain(limiter);
        }
    }

    /** Both on threads of their own, as much at once as can be had. */
    private void race(Step one, Step other) {
        CyclicBarrier barrier = new CyclicBarrier(2);
        Caller<Boolean> first = startStep(() -> {
            barrier.await();
            one.run();
        });
        Caller<Boolean> second = startStep(() -> {
            barrier.await();
            other.run();
        });
        get(first.outcome());
        get(second.outcome());
    }

    private static void assertFreeAgain(CapacityLimiter limiter) {
        assertThat(limiter.statistics().waiting()).isZero();
        assertThat(limiter.statistics().inUse()).isZero();
        take(limiter).close();
    }

    @Test
    void rule_1_5_one_caller_may_wait_twice() {
        CapacityLimiter limiter = limiter(1);
        Permit held = take(limiter);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 2);

        held.close();

        get(waiters.get(0)).close();
        get(waiters.get(1)).close();
        take(limiter).close();
    }

    // ---- 1.6 the bounded queue and typed refusals ----

    @Test
    void rule_1_6_the_queue_holds_1024_unless_told_otherwise_and_then_refuses_at_once() {
        CapacityLimiter limiter = limiter(1);
        Permit held = take(limiter);
        List<CompletableFuture<Permit>> waiters = new ArrayList<>();
        for (int i = 0; i < 1024; i++) {
            waiters.add(limiter.acquireAsync());
        }
        awaitWaiting(limiter, 1024);

        CompletableFuture<Permit> refused = limiter.acquireAsync();

        assertThat(refused).isCompletedExceptionally();
        Throwable failure = failureOf(refused);
        assertRefused(failure, RefusalReason.QUEUE_FULL, limiter);
        assertThat(((LimitExceededException) failure).statistics().waiting()).isEqualTo(1024);
        assertThat(((LimitExceededException) failure).statistics().inUse()).isEqualTo(1);
        assertThat(failure).hasMessageContaining("1024");
        assertThat(limiter.statistics().refused(RefusalReason.QUEUE_FULL)).isEqualTo(1);
        assertThat(limiter.statistics().inUse()).isEqualTo(1);
        waiters.forEach(waiter -> waiter.cancel(true));
        held.close();
    }

    @Test
    void rule_1_6_every_way_of_waiting_meets_the_full_queue() {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(0));
        Permit held = take(limiter);

        Caller<Permit> blocking = start(limiter::acquire);
        Caller<Optional<Permit>> timed = start(() -> limiter.tryAcquire(LONG));

        Throwable failure = failureOf(blocking.outcome());
        assertRefused(failure, RefusalReason.QUEUE_FULL, limiter);
        assertThat(failure.getStackTrace())
                .as("the stack of the caller who was refused")
                .isNotEmpty();
        assertThat(get(timed.outcome())).isEmpty();
        assertRefused(failureOf(limiter.acquireAsync()), RefusalReason.QUEUE_FULL, limiter);
        held.close();
        take(limiter).close();
    }

    @Test
    void rule_1_6_a_place_that_was_given_up_can_be_taken() {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(2));
        Permit held = take(limiter);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 2);
        assertRefused(failureOf(limiter.acquireAsync()), RefusalReason.QUEUE_FULL, limiter);

        waiters.get(0).cancel(true);
        awaitWaiting(limiter, 1);
        CompletableFuture<Permit> newcomer = enqueue(limiter, 1).get(0);

        held.close();
        get(waiters.get(1)).close();
        get(newcomer).close();
    }

    @Test
    void rule_1_6_the_wait_limit_refuses_and_leaves_nothing_behind() {
        CapacityLimiter limiter = build(builder().capacity(1).maxWait(Duration.ofMillis(20)));
        Permit held = take(limiter);

        CompletableFuture<Permit> async = limiter.acquireAsync();
        Caller<Permit> blocking = start(limiter::acquire);
        Caller<Optional<Permit>> timed = start(() -> limiter.tryAcquire(LONG));

        Throwable failure = failureOf(async);
        assertRefused(failure, RefusalReason.WAIT_TIMEOUT, limiter);
        assertThat(failure.getStackTrace())
                .as("a stack nobody asked for, made off the caller's thread")
                .isEmpty();
        assertRefused(failureOf(blocking.outcome()), RefusalReason.WAIT_TIMEOUT, limiter);
        assertThat(get(timed.outcome())).isEmpty();
        awaitWaiting(limiter, 0);
        assertThat(limiter.statistics().refused(RefusalReason.WAIT_TIMEOUT)).isGreaterThanOrEqualTo(2);
        held.close();
        take(limiter).close();
    }

    @Test
    void rule_1_6_the_wait_limit_does_not_touch_who_was_granted_in_time() {
        CapacityLimiter limiter = build(builder().capacity(1).maxWait(Duration.ofMillis(30)));
        Permit held = take(limiter);
        CompletableFuture<Permit> first = enqueue(limiter, 1).get(0);
        held.close();
        if (!isGranted(first)) { // this machine took longer than the limit: nothing to see
            assertRefused(failureOf(first), RefusalReason.WAIT_TIMEOUT, limiter);
            return;
        }

        CompletableFuture<Permit> second = limiter.acquireAsync();
        assertRefused(failureOf(second), RefusalReason.WAIT_TIMEOUT, limiter);

        assertThat(limiter.statistics().inUse()).isEqualTo(1);
        get(first).close();
        take(limiter).close();
    }

    // ---- 1.7 user code ----

    @Test
    void rule_1_7_a_listener_that_throws_changes_no_count_and_no_result() {
        assertUnharmedBy(event -> {
            throw new IllegalStateException("a listener's own trouble with: " + event);
        });
    }

    @Test
    void rule_1_7_a_listener_that_throws_an_error_changes_no_count_and_no_result() {
        assertUnharmedBy(event -> {
            throw new AssertionError("a listener's own trouble with: " + event);
        });
    }

    private void assertUnharmedBy(java.util.function.Consumer<String> reaction) {
        RecordingListener listener = new RecordingListener(reaction);
        CapacityLimiter limiter = build(builder().capacity(2).maxWaiting(2).listener(listener));
        List<Permit> held = hold(limiter, 2);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 2);
        assertRefused(failureOf(limiter.acquireAsync()), RefusalReason.QUEUE_FULL, limiter);
        waiters.get(0).cancel(true);
        awaitWaiting(limiter, 1);
        held.get(0).close();
        get(waiters.get(1)).close();
        promptly(() -> limiter.resize(3));
        held.get(1).close();

        assertThat(limiter.capacity()).isEqualTo(3);
        assertThat(limiter.statistics().inUse()).isZero();
        assertThat(limiter.statistics().acquired()).isEqualTo(3);
        assertThat(limiter.statistics().released()).isEqualTo(3);
        List<Permit> all = hold(limiter, 3);
        assertNoneFree(limiter);
        closeAll(all);
        assertThat(listener.events)
                .contains("granted", "released", "withdrawn", "refused QUEUE_FULL", "resized 2 to 3");
    }

    @Test
    void rule_1_7_a_listener_that_throws_does_not_disturb_the_others() {
        RecordingListener second = new RecordingListener();
        CapacityLimiter limiter = build(builder()
                .capacity(1)
                .listener(new RecordingListener(event -> {
                    throw new IllegalStateException("a listener's own trouble with: " + event);
                }))
                .listener(second));

        take(limiter).close();

        await("both events", () -> second.events.equals(List.of("granted", "released")));
    }

    @Test
    void rule_1_7_listeners_run_under_no_lock() {
        AtomicReference<CapacityLimiter> reference = new AtomicReference<>();
        List<String> stuck = new CopyOnWriteArrayList<>();
        List<String> seen = new CopyOnWriteArrayList<>();
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(2).listener(new RecordingListener(event -> {
            CapacityLimiter itself = reference.get();
            if (itself != null && !seen.contains(event)) { // else each look would bring on another
                seen.add(event);
                lookFromAnotherThread(itself, event, stuck);
            }
        })));
        reference.set(limiter);

        exerciseEverything(limiter);

        await(
                "all events",
                () -> seen.containsAll(List.of(
                        "granted", "released", "withdrawn", "refused QUEUE_FULL", "resized 1 to 2", "refused CLOSED")));
        assertThat(stuck)
                .as("callbacks during which no other thread could use the limiter")
                .isEmpty();
    }

    @Test
    void rule_1_7_dependents_of_futures_run_under_no_lock() {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(10).maxWait(Duration.ofMillis(50)));
        List<String> stuck = new CopyOnWriteArrayList<>();

        Permit held = take(limiter);
        lookWhenDone(limiter, enqueue(limiter, 1).get(0), "granted by a release", stuck, held::close);
        Permit another = take(limiter);
        lookWhenDone(limiter, limiter.acquireAsync(), "granted by a resize", stuck, () -> limiter.resize(2));
        limiter.resize(1);
        CompletableFuture<Permit> leaving = limiter.acquireAsync();
        lookWhenDone(limiter, leaving, "cancelled", stuck, () -> leaving.cancel(true));
        lookWhenDone(limiter, limiter.acquireAsync(), "timed out", stuck, () -> {});
        lookWhenDone(limiter, limiter.acquireAsync(), "closed", stuck, limiter::close);
        another.close();

        assertThat(stuck)
                .as("callbacks during which no other thread could use the limiter")
                .isEmpty();
    }

    private void lookWhenDone(
            CapacityLimiter limiter, CompletableFuture<Permit> future, String event, List<String> stuck, Step step) {
        CompletableFuture<Void> looked = future.handle((permit, failure) -> {
            lookFromAnotherThread(limiter, event, stuck);
            if (permit != null) {
                permit.close();
            }
            return null;
        });
        promptly(step);
        get(looked);
    }

    void lookFromAnotherThread(CapacityLimiter limiter, String event, List<String> stuck) {
        boolean free = anotherThreadCan(() -> {
            limiter.tryAcquire().ifPresent(Permit::close);
            CompletableFuture<Permit> passing = limiter.acquireAsync();
            if (!passing.cancel(true) && isGranted(passing)) {
                passing.join().close();
            }
            limiter.resize(limiter.capacity());
            assertThat(limiter.statistics().limiterName()).isNotBlank();
            assertThat(limiter.toString()).isNotBlank();
        });
        if (!free) {
            stuck.add(event);
        }
    }

    private void exerciseEverything(CapacityLimiter limiter) {
        Permit held = take(limiter);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 2);
        failureOf(limiter.acquireAsync());
        waiters.get(0).cancel(true);
        promptly(held::close);
        Permit next = get(waiters.get(1));
        promptly(() -> limiter.resize(2));
        promptly(next::close);
        promptly(limiter::close);
        failureOf(limiter.acquireAsync());
    }

    @Test
    void rule_1_7_a_dependent_may_use_the_limiter_itself() {
        CapacityLimiter limiter = limiter(1);
        Permit held = take(limiter);
        CompletableFuture<Boolean> outcome = limiter.acquireAsync().thenApply(permit -> {
            limiter.resize(3);
            Permit second = take(limiter);
            limiter.resize(1);
            permit.close();
            second.close();
            return limiter.tryAcquire()
                    .map(third -> {
                        third.close();
                        return true;
                    })
                    .orElse(false);
        });
        awaitWaiting(limiter, 1);

        promptly(held::close);

        assertThat(get(outcome)).isTrue();
    }

    // ---- 1.8 no recursion ----

    @Test
    void rule_1_8_twenty_thousand_waiters_that_close_at_once_are_granted_on_a_small_stack() {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(20_000));
        Permit held = take(limiter);
        AtomicInteger nesting = new AtomicInteger();
        AtomicInteger deepest = new AtomicInteger();
        AtomicInteger served = new AtomicInteger();
        for (int i = 0; i < 20_000; i++) {
            limiter.acquireAsync().thenAccept(permit -> {
                deepest.accumulateAndGet(nesting.incrementAndGet(), Math::max);
                permit.close();
                served.incrementAndGet();
                nesting.decrementAndGet();
            });
        }

        onSmallStack(held::close);

        await("all waiters", () -> served.get() == 20_000);
        assertThat(deepest).as("depth of dependents inside dependents").hasValue(1);
    }

    @Test
    void rule_1_8_a_resize_grants_twenty_thousand_waiters_on_a_small_stack() {
        CapacityLimiter limiter = build(builder().capacity(0).maxWaiting(20_000));
        AtomicInteger served = new AtomicInteger();
        for (int i = 0; i < 20_000; i++) {
            limiter.acquireAsync().thenAccept(permit -> {
                permit.close();
                served.incrementAndGet();
            });
        }

        onSmallStack(() -> limiter.resize(1));

        await("all waiters", () -> served.get() == 20_000);
    }

    @Test
    void rule_1_8_closing_fails_twenty_thousand_waiters_on_a_small_stack() {
        CapacityLimiter limiter = build(builder().capacity(0).maxWaiting(20_000));
        List<CompletableFuture<Permit>> waiters = new ArrayList<>();
        AtomicInteger failed = new AtomicInteger();
        for (int i = 0; i < 20_000; i++) {
            CompletableFuture<Permit> waiter = limiter.acquireAsync();
            waiter.exceptionally(failure -> {
                failed.incrementAndGet();
                throw new AssertionError("whatever dependents throw is theirs");
            });
            waiters.add(waiter);
        }

        onSmallStack(limiter::close);

        await("all failures", () -> failed.get() == 20_000);
        assertThat(waiters).allMatch(CompletableFuture::isCompletedExceptionally);
    }

    // ---- 1.9 interrupted threads ----

    @Test
    void rule_1_9_an_interrupted_thread_try_acquires_and_releases_and_stays_interrupted() {
        CapacityLimiter limiter = limiter(1);

        promptly(() -> {
            Thread.currentThread().interrupt();
            Optional<Permit> permit = limiter.tryAcquire();
            boolean interruptedAfterAcquire = Thread.currentThread().isInterrupted();
            permit.ifPresent(Permit::close);
            boolean interruptedAfterRelease = Thread.interrupted();

            assertThat(permit).as("a free permit").isPresent();
            assertThat(interruptedAfterAcquire).isTrue();
            assertThat(interruptedAfterRelease).isTrue();
        });

        assertThat(limiter.statistics().inUse()).isZero();
        take(limiter).close();
    }

    @Test
    void rule_1_9_an_interrupted_thread_acquires_asynchronously_and_grants_to_waiters() {
        CapacityLimiter limiter = limiter(1);

        promptly(() -> {
            Thread.currentThread().interrupt();
            CompletableFuture<Permit> first = limiter.acquireAsync();
            CompletableFuture<Permit> second = limiter.acquireAsync();
            boolean firstGranted = isGranted(first);
            if (firstGranted) {
                first.join().close();
            }
            boolean secondGranted = isGranted(second);
            boolean stillInterrupted = Thread.interrupted();
            get(second).close();

            assertThat(firstGranted).isTrue();
            assertThat(secondGranted).isTrue();
            assertThat(stillInterrupted).isTrue();
        });
    }

    @Test
    void rule_1_9_an_interrupted_thread_resizes_both_ways() {
        CapacityLimiter limiter = limiter(2);
        List<Permit> held = hold(limiter, 2);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 2);

        promptly(() -> {
            Thread.currentThread().interrupt();
            limiter.resize(1);
            limiter.resize(3);
            boolean stillInterrupted = Thread.interrupted();

            assertThat(stillInterrupted).isTrue();
        });

        assertThat(granted(waiters)).isEqualTo(1);
        closeAll(held);
        waiters.forEach(waiter -> get(waiter).close());
        List<Permit> all = hold(limiter, 3);
        assertNoneFree(limiter);
        closeAll(all);
    }

    @Test
    void rule_1_9_blocking_acquisition_on_an_interrupted_thread_throws_and_holds_nothing() {
        CapacityLimiter limiter = limiter(1);
        for (Step step : List.<Step>of(limiter::acquire, () -> limiter.tryAcquire(LONG))) {
            Caller<Boolean> caller = startStep(() -> {
                Thread.currentThread().interrupt();
                step.run();
            });
            assertThat(failureOf(caller.outcome())).isInstanceOf(InterruptedException.class);
            assertThat(limiter.statistics().inUse()).isZero();
            assertThat(limiter.statistics().waiting()).isZero();
        }
    }

    // ---- 1.10 statistics ----

    @Test
    void rule_1_10_totals_add_up() {
        CapacityLimiter limiter = build(builder().capacity(2).maxWaiting(1));
        List<Permit> held = hold(limiter, 2);
        CompletableFuture<Permit> leaving = enqueue(limiter, 1).get(0);
        failureOf(limiter.acquireAsync());
        failureOf(limiter.acquireAsync());
        leaving.cancel(true);
        awaitWaiting(limiter, 0);
        held.get(0).close();

        LimiterStatistics now = limiter.statistics();

        assertThat(now.limiterName()).isEqualTo(limiter.name());
        assertThat(now.capacity()).isEqualTo(2);
        assertThat(now.inUse()).isEqualTo(1);
        assertThat(now.available()).isEqualTo(1);
        assertThat(now.waiting()).isZero();
        assertThat(now.maxWaiting()).isEqualTo(1);
        assertThat(now.acquired()).isEqualTo(2);
        assertThat(now.released()).isEqualTo(1);
        assertThat(now.refused(RefusalReason.QUEUE_FULL)).isEqualTo(2);
        assertThat(now.refused(RefusalReason.CLOSED)).isZero();
        assertThat(now.refused()).isEqualTo(2);
        assertThat(now.withdrawn()).isEqualTo(1);
        assertThat(now.abandoned()).isZero();
        assertThat(now.summary()).contains("capacity 2").contains("in use 1");
        held.get(1).close();
        assertThat(now.inUse()).as("a snapshot does not change").isEqualTo(1);
    }

    @Test
    void rule_1_10_the_oldest_wait_is_that_of_the_head_waiter() {
        CapacityLimiter limiter = limiter(1);
        Permit held = take(limiter);
        assertThat(limiter.statistics().oldestWait()).isZero();

        CompletableFuture<Permit> head = enqueue(limiter, 1).get(0);
        await("a wait of 20 ms", () -> limiter.statistics().oldestWait().toMillis() >= 20);
        long headWaitsSince = System.nanoTime();
        CompletableFuture<Permit> second = enqueue(limiter, 1).get(0);
        head.cancel(true);
        awaitWaiting(limiter, 1);

        Duration oldest = limiter.statistics().oldestWait();
        assertThat(oldest).isLessThanOrEqualTo(Duration.ofNanos(System.nanoTime() - headWaitsSince));
        held.close();
        get(second).close();
        assertThat(limiter.statistics().oldestWait()).isZero();
    }

    @Test
    void rule_1_10_a_snapshot_is_consistent_while_the_limiter_is_in_use() {
        int capacity = 3;
        CapacityLimiter limiter = limiter(capacity);
        AtomicBoolean stop = new AtomicBoolean();
        List<Caller<Boolean>> users = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            users.add(startStep(() -> {
                while (!stop.get()) {
                    limiter.acquire().close();
                    limiter.acquireAsync().thenAccept(Permit::close);
                    limiter.tryAcquire().ifPresent(Permit::close);
                }
            }));
        }
        try {
            await("some use", () -> limiter.statistics().acquired() > 100);
            for (int i = 0; i < 20_000; i++) {
                LimiterStatistics now = limiter.statistics();
                assertThat(now.inUse()).as(now::summary).isBetween(0, capacity);
                assertThat(now.acquired() - now.released()).as("%s", now).isEqualTo(now.inUse());
                assertThat(now.available()).isEqualTo(now.capacity() - now.inUse());
                if (now.waiting() > 0) {
                    assertThat(now.inUse()).as("%s, while somebody waits", now).isEqualTo(capacity);
                }
            }
        } finally {
            stop.set(true);
            users.forEach(user -> get(user.outcome()));
        }
    }

    /** The capacity is that of the waiters or one more, at any moment; numbers of different moments are further apart. */
    @Test
    void rule_1_10_a_snapshot_is_of_one_moment_while_queue_and_capacity_change() {
        int most = 20;
        CapacityLimiter limiter = build(builder().capacity(most + 1).maxWaiting(most));
        List<Permit> held = hold(limiter, most + 1);
        limiter.resize(1);
        AtomicBoolean stop = new AtomicBoolean();
        Caller<Boolean> changer = startStep(() -> {
            Deque<CompletableFuture<Permit>> waiters = new ArrayDeque<>();
            while (!stop.get()) {
                while (waiters.size() < most) {
                    waiters.push(limiter.acquireAsync());
                    limiter.resize(waiters.size() + 1);
                }
                while (!waiters.isEmpty()) {
                    limiter.resize(waiters.size());
                    waiters.pop().cancel(true);
                    awaitWaiting(limiter, waiters.size());
                }
            }
        });
        try {
            for (int i = 0; i < 200_000; i++) {
                LimiterStatistics now = limiter.statistics();
                assertThat(now.capacity() - now.waiting()).as("%s", now).isBetween(0, 1);
            }
        } finally {
            stop.set(true);
            get(changer.outcome());
        }
        closeAll(held);
    }

    @Test
    void rule_1_10_to_string_shows_name_and_numbers() {
        CapacityLimiter limiter = limiter(13);
        List<Permit> held = hold(limiter, 13);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 29);
        limiter.resize(7);

        assertThat(limiter.toString())
                .contains(limiter.name())
                .contains("7")
                .contains("13")
                .contains("29");

        waiters.forEach(waiter -> waiter.cancel(true));
        closeAll(held);
    }

    @Test
    void rule_1_10_the_listener_is_told_each_event_once() {
        RecordingListener listener = new RecordingListener();
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(2).listener(listener));
        Permit held = take(limiter);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 2);
        failureOf(limiter.acquireAsync());
        waiters.get(0).cancel(true);
        awaitWaiting(limiter, 1);
        held.close();
        held.close();
        get(waiters.get(1)).close();
        limiter.resize(2);

        await("the events", () -> listener.count("released") == 2);
        assertThat(listener.events)
                .containsExactlyInAnyOrder(
                        "granted",
                        "refused QUEUE_FULL",
                        "withdrawn",
                        "released",
                        "granted",
                        "released",
                        "resized 1 to 2");
    }

    // ---- 1.11 closing ----

    @Test
    void rule_1_11_closing_fails_the_waiters_and_refuses_newcomers() {
        RecordingListener listener = new RecordingListener();
        CapacityLimiter limiter = build(builder().capacity(1).listener(listener));
        Permit held = take(limiter);
        CompletableFuture<Permit> async = enqueue(limiter, 1).get(0);
        Caller<Permit> blocking = start(limiter::acquire);
        awaitWaiting(limiter, 2);
        Caller<Optional<Permit>> timed = start(() -> limiter.tryAcquire(LONG));
        awaitWaiting(limiter, 3);

        promptly(limiter::close);

        assertThat(limiter.isClosed()).isTrue();
        Throwable failure = failureOf(async);
        assertRefused(failure, RefusalReason.CLOSED, limiter);
        assertThat(failure.getStackTrace())
                .as("a stack nobody asked for, made off the caller's thread")
                .isEmpty();
        assertRefused(failureOf(blocking.outcome()), RefusalReason.CLOSED, limiter);
        assertThat(get(timed.outcome())).isEmpty();
        assertThat(limiter.statistics().waiting()).isZero();
        assertRefused(failureOf(limiter.acquireAsync()), RefusalReason.CLOSED, limiter);
        assertRefused(failureOf(start(limiter::acquire).outcome()), RefusalReason.CLOSED, limiter);
        assertThat(limiter.statistics().refused(RefusalReason.CLOSED)).isGreaterThanOrEqualTo(4);
        assertThat(listener.count("refused CLOSED")).isGreaterThanOrEqualTo(4);
        held.close();
    }

    @Test
    void rule_1_11_work_in_progress_gives_its_permits_back() {
        CapacityLimiter limiter = limiter(2);
        List<Permit> held = hold(limiter, 2);

        limiter.close();
        limiter.close();

        assertThat(limiter.statistics().inUse()).isEqualTo(2);
        held.get(0).close();
        assertThat(limiter.statistics().inUse()).isEqualTo(1);
        assertNoneFree(limiter);
        assertRefused(failureOf(limiter.acquireAsync()), RefusalReason.CLOSED, limiter);
        promptly(() -> limiter.resize(5));
        assertThat(limiter.capacity()).isEqualTo(5);
        assertNoneFree(limiter);
        held.get(1).close();
        assertThat(limiter.statistics().inUse()).isZero();
        assertThat(limiter.statistics().released()).isEqualTo(2);
    }

    @Test
    void rule_1_11_two_limiters_of_one_builder_share_nothing() {
        CapacityLimiterBuilder builder = builder().capacity(1);
        CapacityLimiter one = build(builder);
        CapacityLimiter other = build(builder.capacity(2));

        Permit held = take(one);
        one.close();

        List<Permit> others = hold(other, 2);
        assertNoneFree(other);
        assertThat(other.isClosed()).isFalse();
        assertThat(one.capacity()).isEqualTo(1);
        closeAll(others);
        held.close();
    }

    // ---- all of it at once ----

    /**
     * Random programs of one thread, step by step beside a model of two counts and a queue. {@code -Dweir.model.programs} sets
     * how many (500 unless set, of 100 steps each), {@code -Dweir.model.seed} repeats one whose seed was named.
     */
    @Test
    @Timeout(value = 1, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void rule_1_2_random_programs_end_as_a_simple_model_says() {
        @Nullable Long chosen = Long.getLong("weir.model.seed");
        int programs = chosen == null ? Integer.getInteger("weir.model.programs", 500) : 1;
        for (int i = 0; i < programs; i++) {
            long seed = chosen == null ? ThreadLocalRandom.current().nextLong() : chosen;
            CapacityLimiter limiter =
                    builder().capacity(3).maxWaiting(LimiterModel.MAX_WAITING).build();
            try {
                promptly(() -> new LimiterModel(limiter, seed).run(100));
            } catch (AssertionError e) {
                throw new AssertionError("A program failed, seed " + seed, e);
            }
            limiter.close();
        }
    }

    /**
     * Random acquire, release, cancel, time-out, interrupt, resize and double close on eight threads: nothing is lost and
     * nobody is admitted beyond the capacity. {@code -Dweir.stress.seconds} sets how long (2 unless set), {@code
     * -Dweir.stress.seed} repeats the decisions of a run whose seed was printed.
     */
    @Test
    @Timeout(value = 1, unit = TimeUnit.HOURS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void rule_1_3_random_use_on_eight_threads_loses_nothing_and_admits_nobody_too_many() {
        CapacityLimiter limiter = build(builder().capacity(4).maxWaiting(64));
        new LimiterStress(limiter, patience()).run();
        awaitIdle(limiter);
        promptly(() -> limiter.resize(5));
        List<Permit> all = hold(limiter, 5);
        assertNoneFree(limiter);
        closeAll(all);
        LimiterStatistics end = limiter.statistics();
        assertThat(end.acquired()).isEqualTo(end.released());
    }
}
