package dev.weir.limiter.resilience4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.LimiterHealth;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.Registration;
import dev.weir.limiter.core.watch.LedgerKeeper;
import dev.weir.limiter.tck.IdleLimiters;
import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadConfig;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A limiter over somebody else's bulkhead; a test named t… holds against the trap of that number in Resilience4j. */
@Timeout(120)
@SuppressWarnings({"FutureReturnValueIgnored", "ThreadPriorityCheck"}) // races want a chance
class AdoptedLimiterTest {

    private static final int MAX = 3;

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private final Bulkhead bulkhead = Bulkhead.of("partner", config(MAX));
    private final CapacityLimiter limiter = idle.watchAndClose(Bulkheads.adopt(bulkhead));

    private static BulkheadConfig config(int max) {
        return BulkheadConfig.custom()
                .maxConcurrentCalls(max)
                .maxWaitDuration(Duration.ZERO)
                .build();
    }

    @AfterEach
    void nothingIsKept() {
        await().until(() -> bulkhead.getMetrics().getAvailableConcurrentCalls()
                == bulkhead.getMetrics().getMaxAllowedConcurrentCalls());
    }

    private int available() {
        return bulkhead.getMetrics().getAvailableConcurrentCalls();
    }

    @Test
    void each_permit_is_one_of_the_bulkhead_for_as_long_as_it_is_in_use() throws Exception {
        Permit one = limiter.acquire();
        Permit two = limiter.tryAcquire().orElseThrow();
        assertThat(available()).isEqualTo(1);
        Permit three = limiter.acquireAsync().get(5, TimeUnit.SECONDS);
        assertThat(available()).isZero();
        assertThat(limiter.tryAcquire()).isEmpty();
        assertThat(bulkhead.tryAcquirePermission()).isFalse();
        one.close();
        one.close();
        assertThat(available()).isEqualTo(1);
        two.close();
        three.close();
        assertThat(available()).isEqualTo(MAX);
    }

    @Test
    void totals_are_those_of_the_limiters_callers() throws Exception {
        CapacityLimiter small = idle.watchAndClose(
                Bulkheads.adopt(bulkhead, settings -> settings.maxWaiting(1).workers(Runnable::run)));
        small.resize(1);
        Permit held = small.acquire();
        CompletableFuture<Permit> waiting = small.acquireAsync();
        assertThat(small.acquireAsync()).isCompletedExceptionally();
        assertThat(small.acquireAsync()).isCompletedExceptionally();
        await().until(() -> small.statistics().oldestWait().toMillis() >= 1);
        waiting.cancel(false);
        AtomicReference<CompletableFuture<Void>> left = new AtomicReference<>();
        left.set(Limiters.run(small, () -> {
            left.get().cancel(false);
        }));
        held.close();
        LimiterStatistics now = small.statistics();
        assertThat(now.limiterName()).isEqualTo("partner");
        assertThat(now.maxWaiting()).isEqualTo(1);
        assertThat(now.acquired()).isEqualTo(2);
        assertThat(now.released()).isEqualTo(2);
        assertThat(now.refused(RefusalReason.QUEUE_FULL)).isEqualTo(2);
        assertThat(now.withdrawn()).isEqualTo(1);
        assertThat(now.abandoned()).isEqualTo(1);
        assertThat(now.leaked()).isZero();
        assertThat(now).hasToString("Limiter 'partner' (capacity 1, in use 0, waiting 0)");
    }

    @Test
    void what_others_use_is_not_there_for_the_limiter_and_its_numbers_say_so() {
        bulkhead.acquirePermission();
        bulkhead.acquirePermission();
        Permit permit = limiter.tryAcquire().orElseThrow();
        assertThat(limiter.tryAcquire()).isEmpty();
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        LimiterStatistics now = limiter.statistics();
        assertThat(now.capacity()).isEqualTo(MAX);
        assertThat(now.inUse()).isEqualTo(3);
        assertThat(now.waiting()).isEqualTo(1);
        assertThat(now.acquired()).isEqualTo(1);
        assertThat(now.released()).isZero();
        await().until(() ->
                LimiterHealth.of(List.of(limiter), Duration.ZERO).status() == LimiterHealth.Status.SATURATED);
        permit.close();
        assertThat(waiter).isDone();
        waiter.join().close();
        bulkhead.onComplete();
        bulkhead.onComplete();
    }

    @Test
    void rule_1_2_those_who_wait_are_served_in_order_when_others_are_done() {
        for (int i = 0; i < MAX; i++) {
            bulkhead.acquirePermission();
        }
        List<CompletableFuture<Permit>> waiters = new ArrayList<>();
        for (int i = 0; i < MAX; i++) {
            waiters.add(limiter.acquireAsync());
        }
        for (int i = 0; i < MAX; i++) {
            bulkhead.onComplete(); // an event
            assertThat(waiters.subList(0, i + 1)).allMatch(CompletableFuture::isDone);
            assertThat(waiters.subList(i + 1, MAX)).noneMatch(CompletableFuture::isDone);
        }
        waiters.forEach(waiter -> waiter.join().close());
    }

    @Test
    void t12_whoever_begins_to_wait_finds_at_once_what_others_gave_back_without_an_event() {
        for (int i = 0; i < MAX; i++) {
            bulkhead.acquirePermission();
        }
        CompletableFuture<Permit> first = limiter.acquireAsync();
        for (int i = 0; i < MAX; i++) {
            bulkhead.releasePermission();
        }
        CompletableFuture<Permit> second = limiter.acquireAsync();
        assertThat(first).isDone();
        assertThat(second).isDone();
        first.join().close();
        second.join().close();
    }

    @Test
    void t12_those_who_wait_are_served_when_others_give_back_without_an_event() throws Exception {
        for (int i = 0; i < MAX; i++) {
            bulkhead.acquirePermission();
        }
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        bulkhead.releasePermission();
        waiter.get(10, TimeUnit.SECONDS);
        CompletableFuture<Permit> next = limiter.acquireAsync();
        bulkhead.changeConfig(config(MAX + 1));
        next.get(10, TimeUnit.SECONDS).close();
        assertThat(limiter.capacity()).isEqualTo(MAX + 1);
        waiter.join().close();
        bulkhead.onComplete();
        bulkhead.onComplete();
    }

    @Test
    void a_thread_that_blocks_is_served_too() throws Exception {
        for (int i = 0; i < MAX; i++) {
            bulkhead.acquirePermission();
        }
        CompletableFuture<String> blocked = CompletableFuture.supplyAsync(() -> {
            try {
                return Limiters.call(limiter, () -> "ran");
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        await().until(() -> limiter.statistics().waiting() == 1);
        bulkhead.onComplete();
        assertThat(blocked.get(10, TimeUnit.SECONDS)).isEqualTo("ran");
        bulkhead.onComplete();
        bulkhead.onComplete();
    }

    @Test
    void t6_an_interrupted_thread_gets_a_permit_that_is_free_and_stays_interrupted() {
        Thread.currentThread().interrupt();
        limiter.tryAcquire().orElseThrow().close();
        limiter.acquireAsync().join().close();
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void t7_a_bulkhead_that_blocks_is_refused() {
        Bulkhead blocking = Bulkhead.of(
                "blocking",
                BulkheadConfig.custom().maxWaitDuration(Duration.ofSeconds(1)).build());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Bulkheads.adopt(blocking))
                .withMessageStartingWith("bulkhead 'blocking': expected a maxWaitDuration of zero, was PT1S");
    }

    @Test
    void t9_t10_consumers_that_throw_cost_no_permit_and_change_no_result() {
        assertUnharmedBy(() -> {
            throw new IllegalStateException("a consumer's");
        });
    }

    @Test
    void t9_t10_consumers_that_end_with_an_error_cost_no_permit_and_change_no_result() {
        assertUnharmedBy(() -> {
            throw new AssertionError("a consumer's");
        });
    }

    private void assertUnharmedBy(Runnable consumer) {
        AtomicBoolean throwing = new AtomicBoolean(true);
        bulkhead.getEventPublisher().onEvent(event -> {
            if (throwing.get()) {
                consumer.run();
            }
        });
        for (int i = 0; i < 2 * MAX; i++) {
            assertThat(Limiters.run(limiter, () -> "ran").join()).isEqualTo("ran");
        }
        throwing.set(false);
        await().until(() -> available() == MAX);
    }

    /** A dependent of one of ours runs on the thread of a stranger whose call has ended. */
    @Test
    void t10_what_our_callers_do_never_becomes_the_outcome_of_a_strangers_call() {
        for (int i = 0; i < MAX - 1; i++) {
            bulkhead.acquirePermission();
        }
        CompletableFuture<Void> waiter = new CompletableFuture<>();
        String outcome = bulkhead.executeSupplier(() -> {
            limiter.acquireAsync().thenAccept(permit -> {
                permit.close();
                waiter.complete(null);
                throw new AssertionError("a dependent's");
            });
            return "the stranger's";
        });
        assertThat(outcome).isEqualTo("the stranger's");
        assertThat(waiter).isDone();
        bulkhead.onComplete();
        bulkhead.onComplete();
    }

    @Test
    void t14_asking_while_the_bulkhead_is_full_is_no_rejected_call_of_its_own() {
        AtomicInteger rejected = new AtomicInteger();
        bulkhead.getEventPublisher().onCallRejected(event -> rejected.incrementAndGet());
        for (int i = 0; i < MAX; i++) {
            bulkhead.acquirePermission();
        }
        assertThat(limiter.tryAcquire()).isEmpty();
        limiter.acquireAsync().cancel(false);
        assertThat(rejected).hasValue(0);
        for (int i = 0; i < MAX; i++) {
            bulkhead.onComplete();
        }
    }

    @Test
    void resize_sets_the_limiters_share_and_leaves_the_bulkhead_alone() throws Exception {
        Permit one = limiter.acquire();
        Permit two = limiter.acquire();
        limiter.resize(1);
        assertThat(limiter.capacity()).isEqualTo(1);
        assertThat(bulkhead.getBulkheadConfig().getMaxConcurrentCalls()).isEqualTo(MAX);
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        one.close();
        assertThat(waiter).as("one is in use").isNotDone();
        assertThat(available()).isEqualTo(2);
        limiter.resize(2);
        assertThat(waiter).isDone();
        assertThat(available()).isEqualTo(1);
        limiter.resize(0);
        waiter.join().close();
        two.close();
        assertThat(available()).isEqualTo(MAX);
        assertThat(limiter.tryAcquire()).isEmpty();
        limiter.resize(CapacityLimiter.UNLIMITED);
        assertThat(limiter.capacity()).isEqualTo(MAX);
    }

    @Test
    void rule_1_3_shrink_to_one_with_three_held_admits_only_on_the_third_release() throws Exception {
        List<Permit> held = List.of(limiter.acquire(), limiter.acquire(), limiter.acquire());
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        limiter.resize(1);
        for (int given = 1; given <= 2; given++) {
            held.get(given).close();
            assertThat(waiter).isNotDone();
            assertThat(available()).isEqualTo(given);
        }
        held.get(0).close();
        assertThat(waiter).isDone();
        assertThat(available()).isEqualTo(2);
        waiter.join().close();
    }

    @Test
    void rule_1_3_growing_admits_as_many_as_fit_before_it_returns_and_says_from_what_it_grew() {
        List<String> resized = new ArrayList<>();
        try (Registration listening = limiter.listen(new LimiterListener() {
            @Override
            public void resized(CapacityLimiter from, int before, int now) {
                resized.add(before + " to " + now);
            }
        })) {
            assertThat(listening).isNotNull();
            limiter.resize(0);
            List<CompletableFuture<Permit>> waiters =
                    List.of(limiter.acquireAsync(), limiter.acquireAsync(), limiter.acquireAsync());
            limiter.resize(2);
            assertThat(waiters).extracting(CompletableFuture::isDone).containsExactly(true, true, false);
            waiters.forEach(waiter -> waiter.thenAccept(Permit::close));
        }
        assertThat(resized).containsExactly(CapacityLimiter.UNLIMITED + " to 0", "0 to 2");
    }

    /** Consumers of events run while a permit is borrowed. */
    private void whileTheNextIsBorrowed(Runnable step) {
        AtomicBoolean once = new AtomicBoolean();
        bulkhead.getEventPublisher().onCallPermitted(event -> {
            if (once.compareAndSet(false, true)) {
                step.run();
            }
        });
    }

    @Test
    void rule_1_1_a_limiter_that_is_paused_while_a_permit_is_borrowed_admits_nobody() {
        whileTheNextIsBorrowed(() -> limiter.resize(0));
        assertThat(limiter.tryAcquire()).isEmpty();
        assertThat(available()).isEqualTo(MAX);
    }

    @Test
    void rule_1_1_no_more_than_the_share_is_borrowed_though_another_is_about_to_be() {
        limiter.resize(1);
        List<Optional<Permit>> meanwhile = new ArrayList<>();
        whileTheNextIsBorrowed(() -> meanwhile.add(limiter.tryAcquire()));
        limiter.tryAcquire().orElseThrow().close();
        assertThat(meanwhile).containsExactly(Optional.empty());
    }

    @Test
    void rule_1_5_what_is_borrowed_for_a_waiter_that_leaves_meanwhile_is_given_back() {
        for (int i = 0; i < MAX; i++) {
            bulkhead.acquirePermission();
        }
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        whileTheNextIsBorrowed(() -> waiter.cancel(false));
        bulkhead.onComplete();
        assertThat(waiter).isCancelled();
        assertThat(available()).isEqualTo(1);
        bulkhead.onComplete();
        bulkhead.onComplete();
    }

    private void assertGivesBackWhatIsBorrowedAsItIsClosed(ThrowingCallable asking) {
        whileTheNextIsBorrowed(limiter::close);
        assertThatExceptionOfType(LimitExceededException.class).isThrownBy(asking);
        assertThat(available()).isEqualTo(MAX);
    }

    @Test
    void rule_1_11_what_a_thread_borrows_as_the_limiter_is_closed_is_given_back() {
        assertGivesBackWhatIsBorrowedAsItIsClosed(limiter::acquire);
    }

    @Test
    void rule_1_11_what_a_task_of_the_executor_borrows_as_the_limiter_is_closed_is_given_back() {
        assertGivesBackWhatIsBorrowedAsItIsClosed(
                () -> Limiters.executor(limiter).execute(() -> {}));
    }

    @Test
    void rule_1_9_an_interrupted_thread_borrows_nothing() {
        Thread.currentThread().interrupt();
        assertThatExceptionOfType(InterruptedException.class).isThrownBy(limiter::acquire);
        assertThat(available()).isEqualTo(MAX);
    }

    /** A dependent of ours runs on the stranger's thread. */
    @Test
    void rule_1_7_those_who_are_served_on_a_strangers_thread_run_under_no_lock() {
        for (int i = 0; i < MAX; i++) {
            bulkhead.acquirePermission();
        }
        CompletableFuture<Void> served = limiter.acquireAsync().thenAccept(permit -> {
            CompletableFuture.runAsync(() -> limiter.resize(MAX), command -> new Thread(command).start())
                    .orTimeout(10, TimeUnit.SECONDS)
                    .join();
            permit.close();
        });
        bulkhead.onComplete();
        assertThat(served).isCompleted();
        bulkhead.onComplete();
        bulkhead.onComplete();
    }

    @Test
    void a_permit_that_is_given_back_is_a_call_that_has_finished() {
        AtomicInteger finished = new AtomicInteger();
        bulkhead.getEventPublisher().onCallFinished(event -> finished.incrementAndGet());
        limiter.tryAcquire().orElseThrow().close();
        assertThat(finished).hasValue(1);
    }

    @Test
    void the_share_is_all_of_the_bulkhead_unless_told_otherwise() {
        Bulkhead large = Bulkhead.of("large", config(1000));
        assertThat(idle.watchAndClose(Bulkheads.adopt(large)).capacity()).isEqualTo(1000);
        CapacityLimiter some = idle.watchAndClose(Bulkheads.adopt(large, settings -> settings.capacity(10)));
        large.acquirePermission();
        LimiterStatistics ours = some.statistics();
        assertThat(ours.capacity()).isEqualTo(10);
        assertThat(ours.inUse()).as("the others have 990").isZero();
        large.onComplete();
    }

    @Test
    void settings_are_of_the_builder_that_is_given() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Bulkheads.adopt(bulkhead, settings -> CapacityLimiter.builder("another")))
                .withMessage("settings: expected the builder it was given to be returned");
    }

    @Test
    void its_own_ledger_is_no_bulkhead_to_publish() {
        assertThat(((LedgerKeeper) limiter).ledger()).isEmpty();
    }

    @Test
    void a_limiter_that_nobody_has_any_more_is_not_kept_by_the_bulkhead() {
        WeakReference<CapacityLimiter> gone = new WeakReference<>(Bulkheads.adopt(bulkhead));
        await().until(() -> {
            System.gc();
            return gone.refersTo(null);
        });
        bulkhead.acquirePermission();
        bulkhead.onComplete(); // and it is not missed
    }

    @Test
    void rule_1_6_without_a_queue_what_is_free_is_given_and_the_rest_refused() throws Exception {
        Bulkhead other = Bulkhead.of("other", config(1));
        try (CapacityLimiter small = Bulkheads.adopt(other, settings -> settings.maxWaiting(0))) {
            small.acquire().close();
            small.tryAcquire(Duration.ZERO).orElseThrow().close();
            Permit permit = small.acquireAsync().join();
            assertThat(small.acquireAsync())
                    .failsWithin(5, TimeUnit.SECONDS)
                    .withThrowableThat()
                    .withCauseInstanceOf(LimitExceededException.class);
            permit.close();
            assertThat(other.getMetrics().getAvailableConcurrentCalls()).isEqualTo(1);
        }
    }

    @Test
    void rule_1_11_a_closed_limiter_borrows_nothing() {
        limiter.close();
        AtomicInteger events = new AtomicInteger();
        bulkhead.getEventPublisher().onEvent(event -> events.incrementAndGet());
        assertThat(limiter.tryAcquire()).isEmpty();
        assertThatExceptionOfType(LimitExceededException.class).isThrownBy(limiter::acquire);
        assertThat(limiter.acquireAsync()).isCompletedExceptionally();
        assertThat(available()).isEqualTo(MAX);
        assertThat(events).hasValue(0);
    }

    @Test
    void rule_2_5_finishing_work_stands_first_and_has_no_reserve() throws Exception {
        CapacityLimiter reserving = idle.watchAndClose(Bulkheads.adopt(bulkhead, settings -> settings.reserve(1)));
        for (int i = 0; i < MAX; i++) {
            bulkhead.acquirePermission();
        }
        List<String> order = new ArrayList<>();
        CompletableFuture<Boolean> newcomer = Limiters.run(limiter, () -> order.add("newcomer"));
        CompletableFuture<Boolean> finisher = Limiters.finish(limiter, () -> order.add("finisher"));
        assertThat(finisher).isNotDone();
        CompletableFuture<Boolean> reserved = Limiters.finish(reserving, () -> order.add("reserved"));
        assertThat(reserving.statistics().waiting()).isEqualTo(1);
        reserved.cancel(false);
        bulkhead.onComplete();
        CompletableFuture.allOf(newcomer, finisher).get(10, TimeUnit.SECONDS);
        assertThat(order).containsExactly("finisher", "newcomer");
        bulkhead.onComplete();
        bulkhead.onComplete();
    }

    /** Ours and strangers, cancelling and resizing: never above the bulkhead's limit, and everything comes home. */
    @Test
    void never_more_run_than_the_bulkhead_has_permits() throws Exception {
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        Runnable work = () -> {
            most.accumulateAndGet(running.incrementAndGet(), Math::max);
            Thread.yield();
            running.decrementAndGet();
        };
        AtomicInteger ours = new AtomicInteger();
        AtomicInteger theirs = new AtomicInteger();
        List<CompletableFuture<Void>> callers = new ArrayList<>();
        int each = 3_000;
        for (int i = 0; i < 3; i++) {
            callers.add(CompletableFuture.runAsync(
                    () -> {
                        for (int call = 0; call < each; call++) {
                            Limiters.run(limiter, work).join();
                            ours.incrementAndGet();
                            CompletableFuture<Permit> left = limiter.acquireAsync();
                            if (!left.cancel(false)) {
                                left.join().close();
                            }
                            limiter.tryAcquire().ifPresent(Permit::close);
                        }
                    },
                    command -> new Thread(command).start()));
        }
        for (int i = 0; i < 2; i++) {
            callers.add(CompletableFuture.runAsync(
                    () -> {
                        for (int call = 0; call < each; call++) {
                            if (bulkhead.tryAcquirePermission()) {
                                work.run();
                                theirs.incrementAndGet();
                                if (call % 2 == 0) {
                                    bulkhead.onComplete();
                                } else {
                                    bulkhead.releasePermission();
                                }
                            } else {
                                Thread.yield();
                            }
                        }
                    },
                    command -> new Thread(command).start()));
        }
        CompletableFuture<Void> all = CompletableFuture.allOf(callers.toArray(new CompletableFuture<?>[0]));
        while (!all.isDone()) {
            limiter.resize(ThreadLocalRandom.current().nextInt(1, MAX + 2));
            Thread.yield();
        }
        all.get();
        assertThat(most.get()).isBetween(1, MAX);
        assertThat(ours).hasValue(3 * each);
        assertThat(theirs.get()).isPositive();
        await().until(() -> limiter.statistics().inUse() == 0);
    }
}
