package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.Deadlock;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.resilience4j.Bulkheads;
import dev.weir.limiter.spi.WorkLimiter;
import dev.weir.limiter.tck.IdleLimiters;
import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadConfig;
import java.time.Duration;
import java.util.AbstractCollection;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Flow;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Work that waits for one another: what is found, what is not, and what becomes of it. The test is the timer. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class DeadlockTest {

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private final Queue<Runnable> timers = new ConcurrentLinkedQueue<>();
    private final Deadlocks deadlocks = new Deadlocks((nanos, task) -> timers.add(task), Runnable::run);
    private final List<Deadlock> reports = new CopyOnWriteArrayList<>();
    private final List<CapacityLimiter> told = new CopyOnWriteArrayList<>();
    private final List<Thread> tellers = new CopyOnWriteArrayList<>();
    private final CountDownLatch end = new CountDownLatch(1);
    private @Nullable Deadlocks before;

    @BeforeEach
    void beTheTimer() {
        before = Deadlocks.use(deadlocks);
    }

    @AfterEach
    void nothingIsRetained() {
        if (before != null) {
            Deadlocks.use(before);
        }
        end.countDown();
        await().pollInterval(Duration.ofMillis(2))
                .until(() -> deadlocks.listed().isEmpty());
    }

    private CapacityLimiter limiter(String name, int capacity) {
        return limiter(name, builder -> builder.capacity(capacity).reserve(0));
    }

    private CapacityLimiter limiter(String name, UnaryOperator<CapacityLimiterBuilder> settings) {
        return idle.watchAndClose(settings.apply(CapacityLimiter.builder(name))
                .listener(listener())
                .build());
    }

    private LimiterListener listener() {
        return new LimiterListener() {
            @Override
            public void deadlocked(CapacityLimiter limiter, Deadlock deadlock) {
                told.add(limiter);
                tellers.add(Thread.currentThread());
                reports.add(deadlock);
            }
        };
    }

    /** How work waits for something under a limiter. */
    enum Way {
        JOIN {
            @Override
            void waitFor(CapacityLimiter limiter) {
                assertThat(Limiters.run(limiter, () -> "done").join()).isEqualTo("done");
            }
        },
        GET {
            @Override
            void waitFor(CapacityLimiter limiter) throws Exception {
                assertThat(Limiters.run(limiter, () -> "done").get()).isEqualTo("done");
            }
        },
        INTERRUPTIBLY {
            @Override
            void waitFor(CapacityLimiter limiter) {
                assertThat(Limiters.runInterruptibly(limiter, () -> "done").join())
                        .isEqualTo("done");
            }
        },
        FINISH {
            @Override
            void waitFor(CapacityLimiter limiter) {
                assertThat(Limiters.finish(limiter, () -> "done").join()).isEqualTo("done");
            }
        },
        BACKGROUND {
            @Override
            void waitFor(CapacityLimiter limiter) {
                Limiters.background(limiter, () -> {}).join();
            }
        },
        CALL {
            @Override
            void waitFor(CapacityLimiter limiter) throws Exception {
                assertThat(Limiters.call(limiter, () -> "done")).isEqualTo("done");
            }
        },
        ACQUIRE {
            @Override
            void waitFor(CapacityLimiter limiter) throws Exception {
                limiter.acquire().close();
            }
        },
        ACQUIRE_ASYNC {
            @Override
            void waitFor(CapacityLimiter limiter) {
                limiter.acquireAsync().join().close();
            }
        };

        abstract void waitFor(CapacityLimiter limiter) throws Exception;
    }

    @FunctionalInterface
    private interface Step {
        void run() throws Exception;
    }

    /** Work that holds a permit, and goes on when everybody does. */
    private static CompletableFuture<Void> hold(CapacityLimiter limiter, CountDownLatch everybody, Step then) {
        return Limiters.run(limiter, () -> {
            everybody.countDown();
            awaitUninterruptibly(everybody);
            then.run();
            return null;
        });
    }

    private static void awaitUninterruptibly(CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** All permits of each limiter are held by work that waits for the next limiter. */
    private List<CompletableFuture<Void>> ring(List<CapacityLimiter> limiters, Way... ways) {
        CountDownLatch everybody = new CountDownLatch(
                limiters.stream().mapToInt(CapacityLimiter::capacity).sum());
        List<CompletableFuture<Void>> all = new ArrayList<>();
        for (int i = 0; i < limiters.size(); i++) {
            CapacityLimiter next = limiters.get((i + 1) % limiters.size());
            Way way = ways[i % ways.length];
            for (int n = limiters.get(i).capacity(); n > 0; n--) {
                all.add(hold(limiters.get(i), everybody, () -> way.waitFor(next)));
            }
        }
        awaitBlocked(all.size());
        return all;
    }

    private void awaitBlocked(int threads) {
        await().pollInterval(Duration.ofMillis(2))
                .until(() -> deadlocks.listed().stream()
                                .filter(wait -> wait.thread.getState() == Thread.State.WAITING)
                                .count()
                        == threads);
    }

    private static @Nullable LimitExceededException refusalOf(CompletableFuture<?> work) {
        try {
            work.get(10, TimeUnit.SECONDS);
            return null;
        } catch (ExecutionException e) {
            Throwable cause = e;
            while (cause != null && !(cause instanceof LimitExceededException)) {
                cause = cause.getCause();
            }
            if (cause instanceof LimitExceededException refusal) {
                return refusal;
            }
            throw new AssertionError(e);
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError(e);
        }
    }

    private static List<LimitExceededException> refusalsOf(List<CompletableFuture<Void>> work) {
        List<LimitExceededException> refusals = new ArrayList<>();
        for (CompletableFuture<Void> one : work) {
            LimitExceededException refusal = refusalOf(one);
            if (refusal != null) {
                refusals.add(refusal);
            }
        }
        return refusals;
    }

    /** Somebody may go on: nothing is found, however often one looks, and nobody refused. */
    private void assertNoAlarm() {
        for (int i = 0; i < 3; i++) {
            deadlocks.breakAll();
        }
        assertThat(reports).isEmpty();
    }

    private static void assertAllEnd(List<CompletableFuture<Void>> work) {
        assertThat(refusalsOf(work)).isEmpty();
    }

    // ---- rings ----

    static Stream<Arguments> pairs() {
        return Arrays.stream(Way.values())
                .flatMap(one -> Arrays.stream(Way.values()).map(other -> Arguments.of(one, other)));
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void rule_2_4_a_ring_of_two_is_broken(Way one, Way other) {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        List<CompletableFuture<Void>> work = ring(List.of(a, b), one, other);

        deadlocks.breakAll();

        assertThat(refusalsOf(work)).singleElement().satisfies(refusal -> {
            assertThat(refusal.reason()).isEqualTo(RefusalReason.WOULD_DEADLOCK);
            assertThat(refusal).hasMessageContaining("'A'").hasMessageContaining("'B'");
            assertThat(refusal).hasMessageContaining("capacity 1, in use 1");
        });
        assertThat(reports).hasSize(1);
    }

    @ParameterizedTest
    @EnumSource(names = {"ACQUIRE", "ACQUIRE_ASYNC", "BACKGROUND"})
    void rule_2_4_a_ring_of_one_is_broken(Way way) {
        CapacityLimiter a = limiter("A", 1);
        List<CompletableFuture<Void>> work = ring(List.of(a), way);

        deadlocks.breakAll();

        assertThat(refusalsOf(work))
                .singleElement()
                .satisfies(refusal -> assertThat(refusal.limiterName()).isEqualTo("A"));
        assertThat(reports)
                .singleElement()
                .satisfies(report -> assertThat(report.threads()).isEqualTo(1));
    }

    @Test
    void rule_2_4_a_ring_of_three_with_several_permits_each_is_broken_and_reported_with_names_and_stacks() {
        CapacityLimiter a = limiter("A", 2);
        CapacityLimiter b = limiter("B", 3);
        CapacityLimiter c = limiter("C", 2);
        List<CompletableFuture<Void>> work = ring(List.of(a, b, c), Way.JOIN, Way.CALL, Way.ACQUIRE);

        deadlocks.breakAll();

        assertThat(refusalsOf(work)).hasSize(1);
        assertThat(told).hasSize(1);
        Deadlock report = reports.get(0);
        assertThat(report.threads()).isEqualTo(7);
        assertThat(report.limiters())
                .extracting(numbers -> numbers.limiterName() + ": " + numbers.capacity() + " " + numbers.inUse() + " "
                        + numbers.waiting())
                .containsExactlyInAnyOrder("A: 2 2 2", "B: 3 3 2", "C: 2 2 3");
        assertThat(report.members()).hasSize(7).allSatisfy(member -> {
            assertThat(member.holds()).hasSize(1);
            assertThat(member.threadName()).startsWith("weir-" + member.holds().get(0) + "-");
            assertThat(member.waitsFor())
                    .isEqualTo(List.of("B", "C", "A")
                            .get("ABC".indexOf(member.holds().get(0))));
            assertThat(member.queued()).isTrue();
            assertThat(member.stack())
                    .anySatisfy(frame -> assertThat(frame.getFileName()).isEqualTo("DeadlockTest.java"));
        });
        assertThat(report.members()).filteredOn(Deadlock.Member::refused).hasSize(1);
        assertThat(report.members().get(0).refused()).isTrue();
        assertThat(report.members().get(0).waitsFor()).isEqualTo(told.get(0).name());
        assertThat(report.toString())
                .startsWith("Deadlock of 7 threads under ")
                .contains("limiter 'B': capacity 3, in use 3, waiting 2")
                .contains("thread 'weir-A-1' holds a permit of 'A' and waits for a permit of 'B'")
                .contains("DeadlockTest.java:");
        assertThat(told.get(0).statistics().refused(RefusalReason.WOULD_DEADLOCK))
                .isEqualTo(1);
    }

    @Test
    void rule_2_4_rings_that_have_nothing_to_do_with_each_other_are_broken_at_one_look() {
        List<CompletableFuture<Void>> work = new ArrayList<>();
        for (String name : List.of("A", "B", "C")) {
            CapacityLimiter one = limiter(name + "1", 1);
            CapacityLimiter other = limiter(name + "2", 1);
            CountDownLatch both = new CountDownLatch(2);
            work.add(hold(one, both, () -> Way.JOIN.waitFor(other)));
            work.add(hold(other, both, () -> Way.CALL.waitFor(one)));
        }
        awaitBlocked(6);

        deadlocks.breakAll();

        assertThat(refusalsOf(work)).hasSize(3);
        assertThat(reports)
                .hasSize(3)
                .allSatisfy(report -> assertThat(report.threads()).isEqualTo(2));
    }

    /** Nothing is gained by refusing work that only waits for a ring. */
    @Test
    void rule_2_4_whoever_waits_for_a_ring_without_being_part_of_it_is_left_alone() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        CapacityLimiter c = limiter("C", 1);
        CapacityLimiter d = limiter("D", 1);
        List<CompletableFuture<Void>> inside = ring(List.of(a, b), Way.JOIN);
        CompletableFuture<Void> waitsForTheRing = hold(c, new CountDownLatch(1), () -> Way.JOIN.waitFor(a));
        awaitBlocked(3);
        CompletableFuture<Void> waitsForThat = hold(d, new CountDownLatch(1), () -> Way.CALL.waitFor(c));
        awaitBlocked(4);

        List<BlockedWait> listed = deadlocks.listed();
        for (int i = 0; i < 4; i++) { // wherever one begins to look
            Collections.rotate(listed, 1);
            assertThat(DeadlockSearch.rings(listed, deadlocks::isRegistered))
                    .singleElement()
                    .satisfies(ring -> assertThat(ring.members).hasSize(2));
        }

        deadlocks.breakAll();

        assertThat(refusalsOf(inside)).hasSize(1);
        assertAllEnd(List.of(waitsForTheRing, waitsForThat));
        assertThat(reports)
                .singleElement()
                .satisfies(report -> assertThat(report.threads()).isEqualTo(2));
    }

    @Test
    void rule_2_4_the_youngest_newcomer_of_a_ring_is_refused() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        CapacityLimiter c = limiter("C", 1);
        CountDownLatch everybody = new CountDownLatch(3);
        CountDownLatch second = new CountDownLatch(1);
        CountDownLatch third = new CountDownLatch(1);
        List<CompletableFuture<Void>> work = List.of(
                hold(a, everybody, () -> Way.JOIN.waitFor(b)),
                hold(b, everybody, () -> {
                    awaitUninterruptibly(second);
                    Way.CALL.waitFor(c);
                }),
                hold(c, everybody, () -> {
                    awaitUninterruptibly(third);
                    Way.FINISH.waitFor(a);
                }));
        awaitBlocked(1);
        second.countDown();
        awaitBlocked(2);
        third.countDown();
        awaitBlocked(3);

        deadlocks.breakAll();

        assertThat(refusalsOf(work))
                .singleElement()
                .satisfies(refusal -> assertThat(refusal.limiterName()).isEqualTo("C"));
    }

    /** A waits for work that runs under B, not in a queue; that work waits in A's queue, on B's thread. */
    @Test
    void rule_2_4_a_ring_through_running_work_is_broken() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        CompletableFuture<Void> work = hold(
                a,
                new CountDownLatch(1),
                () -> Limiters.run(b, () -> Limiters.background(a, () -> {}).join())
                        .join());
        awaitBlocked(2);

        deadlocks.breakAll();

        assertThat(refusalOf(work)).isNotNull();
        assertThat(reports)
                .singleElement()
                .satisfies(report -> assertThat(report.members())
                        .extracting(Deadlock.Member::waitsFor, Deadlock.Member::queued)
                        .containsExactly(tuple("A", true), tuple("B", false)));
    }

    /** Nobody waits for a permit, so nobody can be refused: it is reported once. */
    @Test
    void rule_2_4_work_that_waits_for_each_others_results_is_reported_once() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        AtomicReference<CompletableFuture<Void>> one = new AtomicReference<>();
        AtomicReference<CompletableFuture<Void>> other = new AtomicReference<>();
        CountDownLatch known = new CountDownLatch(1);
        one.set(hold(a, known, () -> {
            awaitUninterruptibly(end);
            other.get().join();
        }));
        other.set(hold(b, known, () -> {
            awaitUninterruptibly(end);
            one.get().join();
        }));
        end.countDown();
        awaitBlocked(2);

        deadlocks.breakAll();
        deadlocks.breakAll();

        assertThat(reports).singleElement().satisfies(report -> {
            assertThat(report.members()).noneMatch(Deadlock.Member::refused);
            assertThat(report.toString())
                    .contains("none can be refused")
                    .contains("waits for work under 'A'")
                    .contains("waits for work under 'B'");
        });
        assertThat(one.get().complete(null)).isTrue();
        assertThat(other.get()).succeedsWithin(10, TimeUnit.SECONDS);
    }

    @Test
    void rule_2_4_a_permit_that_a_caller_holds_for_its_work_counts() throws Exception {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        CompletableFuture<Void> handler = new CompletableFuture<>();
        CountDownLatch both = new CountDownLatch(2);
        Permit permit = a.acquire();
        WorkLimiter.of(a).execute(permit, () -> {
            try (permit) {
                both.countDown();
                awaitUninterruptibly(both);
                Way.JOIN.waitFor(b);
                handler.complete(null);
            } catch (Throwable e) {
                handler.completeExceptionally(e);
            }
        });
        CompletableFuture<Void> other = hold(b, both, () -> Way.JOIN.waitFor(a));
        awaitBlocked(2);

        deadlocks.breakAll();

        assertThat(refusalsOf(List.of(handler, other))).hasSize(1);
    }

    @Test
    void rule_2_4_a_source_that_waits_while_its_items_are_drawn_counts() {
        CapacityLimiter streaming = limiter("streaming", 1);
        CapacityLimiter b = limiter("B", 1);
        CountDownLatch both = new CountDownLatch(2);
        CollectingSubscriber<String> items = new CollectingSubscriber<>();
        Limiters.iterate(streaming, (Iterable<String>) () -> {
                    both.countDown();
                    awaitUninterruptibly(both);
                    return List.of(Limiters.run(b, () -> "item").join()).iterator();
                })
                .subscribe(items);
        CompletableFuture<Void> other = hold(b, both, () -> Way.JOIN.waitFor(streaming));
        awaitBlocked(2);

        deadlocks.breakAll();

        assertThat(refusalsOf(List.of(items.end, other))).hasSize(1);
    }

    private static final class CollectingSubscriber<T> implements Flow.Subscriber<T> {
        final CompletableFuture<Void> end = new CompletableFuture<>();

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(T item) {}

        @Override
        public void onError(Throwable failure) {
            end.completeExceptionally(failure);
        }

        @Override
        public void onComplete() {
            end.complete(null);
        }
    }

    /** Work of A on a thread of B holds a permit of each. */
    @Test
    void rule_2_4_a_thread_borrowed_of_another_limiter_holds_the_permits_of_both() {
        CapacityLimiter b = limiter("B", 1);
        CapacityLimiter a = limiter("A", builder -> builder.capacity(1).workers(Limiters.executor(b)));
        CapacityLimiter c = limiter("C", 1);
        CountDownLatch both = new CountDownLatch(2);
        CompletableFuture<Void> borrowed = hold(a, both, () -> Way.JOIN.waitFor(c));
        CompletableFuture<Void> other = hold(c, both, () -> Way.JOIN.waitFor(b));
        awaitBlocked(2);

        deadlocks.breakAll();

        assertThat(refusalsOf(List.of(borrowed, other))).hasSize(1);
    }

    @Test
    void rule_2_4_work_run_on_the_callers_thread_holds_what_the_caller_holds() {
        CapacityLimiter a = limiter("A", builder -> builder.capacity(1).workers(Runnable::run));
        CapacityLimiter b = limiter("B", 1);
        CapacityLimiter c = limiter("C", 1);
        CountDownLatch both = new CountDownLatch(2);
        CompletableFuture<Void> outer = hold(
                b,
                both,
                () -> Limiters.run(a, () -> {
                            Way.JOIN.waitFor(c);
                            return null;
                        })
                        .join());
        CompletableFuture<Void> other = hold(c, both, () -> Way.CALL.waitFor(b));
        awaitBlocked(2);

        deadlocks.breakAll();

        assertThat(refusalsOf(List.of(outer, other))).hasSize(1);
    }

    @Test
    @EnabledForJreRange(minVersion = 21)
    void rule_2_4_a_ring_of_virtual_threads_is_broken() {
        CapacityLimiter a = limiter("A", builder -> builder.capacity(1).virtualThreads());
        CapacityLimiter b = limiter("B", builder -> builder.capacity(2).virtualThreads());
        List<CompletableFuture<Void>> work = ring(List.of(a, b), Way.JOIN, Way.CALL);

        deadlocks.breakAll();

        assertThat(refusalsOf(work)).hasSize(1);
        assertThat(reports)
                .singleElement()
                .satisfies(report -> assertThat(report.members())
                        .allSatisfy(member -> assertThat(member.stack())
                                .anySatisfy(
                                        frame -> assertThat(frame.getFileName()).isEqualTo("DeadlockTest.java"))));
    }

    private static Bulkhead bulkhead(int permits) {
        return Bulkhead.of(
                "A",
                BulkheadConfig.custom()
                        .maxConcurrentCalls(permits)
                        .maxWaitDuration(Duration.ZERO)
                        .build());
    }

    @Test
    void rule_2_4_a_ring_through_an_adopted_bulkhead_is_broken() {
        CapacityLimiter a = idle.watchAndClose(Bulkheads.adopt(bulkhead(2), builder -> builder.listener(listener())));
        CapacityLimiter b = limiter("B", 1);

        List<CompletableFuture<Void>> work = ring(List.of(a, b), Way.JOIN);
        deadlocks.breakAll();

        assertThat(refusalsOf(work)).hasSize(1);
        assertThat(reports).hasSize(1);
    }

    @Test
    void rule_2_4_permits_of_an_adopted_bulkhead_that_others_hold_may_come_home() {
        Bulkhead bulkhead = bulkhead(2);
        assertThat(bulkhead.tryAcquirePermission()).isTrue();
        CapacityLimiter a = idle.watchAndClose(Bulkheads.adopt(bulkhead, builder -> builder.listener(listener())));
        CapacityLimiter b = limiter("B", 1);
        CountDownLatch both = new CountDownLatch(2);
        List<CompletableFuture<Void>> work =
                List.of(hold(a, both, () -> Way.JOIN.waitFor(b)), hold(b, both, () -> Way.JOIN.waitFor(a)));
        awaitBlocked(2);

        assertNoAlarm();

        bulkhead.onComplete();
        assertAllEnd(work);
    }

    // ---- no rings ----

    @Test
    void rule_2_4_a_permit_that_may_come_home_is_enough_to_wait_for() {
        CapacityLimiter a = limiter("A", 2);
        CapacityLimiter b = limiter("B", 2);
        CountDownLatch everybody = new CountDownLatch(4);
        List<CompletableFuture<Void>> work = List.of(
                hold(a, everybody, () -> Way.JOIN.waitFor(b)),
                hold(a, everybody, () -> Way.CALL.waitFor(b)),
                hold(b, everybody, () -> Way.ACQUIRE.waitFor(a)),
                hold(b, everybody, () -> awaitUninterruptibly(end)));
        awaitBlocked(3);

        assertNoAlarm();

        end.countDown();
        assertAllEnd(work);
    }

    @Test
    void rule_2_4_a_permit_that_was_acquired_by_hand_may_come_home() throws Exception {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 2);
        Permit byHand = b.acquire();
        CountDownLatch both = new CountDownLatch(2);
        List<CompletableFuture<Void>> work =
                List.of(hold(a, both, () -> Way.JOIN.waitFor(b)), hold(b, both, () -> Way.JOIN.waitFor(a)));
        awaitBlocked(2);

        assertNoAlarm();

        byHand.close();
        assertAllEnd(work);
    }

    /**
     * A ring if the starter's permit is taken for the thread's: A's work has started B's and goes on; B's waits for C, C's waits
     * for A.
     */
    @Test
    void rule_2_4_only_the_permits_of_the_thread_itself_are_stuck_with_it() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        CapacityLimiter c = limiter("C", 1);
        CountDownLatch everybody = new CountDownLatch(3);
        List<CompletableFuture<Void>> started = new CopyOnWriteArrayList<>();
        CompletableFuture<Void> starter = Limiters.run(a, () -> {
            started.add(hold(b, everybody, () -> Way.JOIN.waitFor(c)));
            everybody.countDown();
            awaitUninterruptibly(end);
        });
        CompletableFuture<Void> other = hold(c, everybody, () -> Way.JOIN.waitFor(a));
        awaitBlocked(2);

        assertNoAlarm();

        end.countDown();
        assertAllEnd(List.of(starter, other, started.get(0)));
    }

    /** The same, but the starter waits for what it has started. */
    @Test
    void rule_2_4_a_starter_that_waits_is_stuck_with_the_work_it_started() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        CapacityLimiter c = limiter("C", 1);
        CountDownLatch both = new CountDownLatch(2);
        CompletableFuture<Void> starter = Limiters.run(a, () -> {
            hold(b, both, () -> Way.JOIN.waitFor(c)).join();
        });
        CompletableFuture<Void> other = hold(c, both, () -> Way.JOIN.waitFor(a));
        awaitBlocked(3);

        deadlocks.breakAll();

        assertThat(refusalsOf(List.of(starter, other))).hasSize(1);
        assertThat(reports)
                .singleElement()
                .satisfies(report -> assertThat(report.threads()).isEqualTo(3));
    }

    /** How work waits for something, but not for ever. */
    enum TimedWay {
        GET {
            @Override
            void waitFor(CapacityLimiter limiter) throws Exception {
                assertThat(Limiters.run(limiter, () -> "done").get(1, TimeUnit.HOURS))
                        .isEqualTo("done");
            }
        },
        OR_TIMEOUT {
            @Override
            void waitFor(CapacityLimiter limiter) {
                assertThat(Limiters.run(limiter, () -> "done")
                                .orTimeout(1, TimeUnit.HOURS)
                                .join())
                        .isEqualTo("done");
            }
        },
        COMPLETE_ON_TIMEOUT {
            @Override
            void waitFor(CapacityLimiter limiter) {
                assertThat(Limiters.run(limiter, () -> "done")
                                .completeOnTimeout("late", 1, TimeUnit.HOURS)
                                .join())
                        .isEqualTo("done");
            }
        },
        COMPLETE_ASYNC {
            @Override
            void waitFor(CapacityLimiter limiter) {
                assertThat(Limiters.run(limiter, () -> "done")
                                .completeAsync(() -> "late", never -> {})
                                .join())
                        .isEqualTo("done");
            }
        },
        TRY_ACQUIRE {
            @Override
            void waitFor(CapacityLimiter limiter) throws Exception {
                assertThat(limiter.tryAcquire(Duration.ofHours(1))).hasValueSatisfying(Permit::close);
            }
        };

        abstract void waitFor(CapacityLimiter limiter) throws Exception;
    }

    @ParameterizedTest
    @EnumSource
    void rule_2_4_a_wait_with_a_time_limit_ends_by_itself(TimedWay timed) {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        CountDownLatch both = new CountDownLatch(2);
        List<CompletableFuture<Void>> work =
                List.of(hold(a, both, () -> timed.waitFor(b)), hold(b, both, () -> Way.JOIN.waitFor(a)));
        awaitWaiting(a, b);

        assertNoAlarm();

        a.resize(2);
        assertAllEnd(work);
    }

    @ParameterizedTest
    @EnumSource(names = {"JOIN", "GET", "CALL", "ACQUIRE", "ACQUIRE_ASYNC"})
    void rule_2_4_a_wait_for_a_limiter_with_a_wait_limit_ends_by_itself(Way way) {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b =
                limiter("B", builder -> builder.capacity(1).reserve(0).maxWait(Duration.ofHours(1)));
        CountDownLatch both = new CountDownLatch(2);
        List<CompletableFuture<Void>> work =
                List.of(hold(a, both, () -> way.waitFor(b)), hold(b, both, () -> Way.JOIN.waitFor(a)));
        awaitWaiting(a, b);

        assertNoAlarm();

        a.resize(2);
        assertAllEnd(work);
    }

    /** Both have somebody in the queue, whose thread is blocked and, if that is to be, registered. */
    private void awaitWaiting(CapacityLimiter a, CapacityLimiter b) {
        await().pollInterval(Duration.ofMillis(2))
                .until(() -> a.statistics().waiting() == 1
                        && b.statistics().waiting() == 1
                        && parked("weir-A-1")
                        && parked("weir-B-1"));
    }

    private static boolean parked(String thread) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(one -> one.getName().equals(thread))
                .anyMatch(
                        one -> one.getState() == Thread.State.WAITING || one.getState() == Thread.State.TIMED_WAITING);
    }

    /** Whoever waits for finishing work is exempt from the wait limit, and so may wait for ever. */
    @Test
    void rule_2_4_finishing_work_is_bound_by_no_wait_limit() {
        UnaryOperator<CapacityLimiterBuilder> impatient =
                builder -> builder.capacity(1).reserve(0).maxWait(Duration.ofHours(1));
        List<CompletableFuture<Void>> work =
                ring(List.of(limiter("A", impatient), limiter("B", impatient)), Way.FINISH);

        deadlocks.breakAll();

        assertThat(refusalsOf(work)).hasSize(1);
    }

    @Test
    void rule_2_4_a_time_limit_set_while_somebody_waits_ends_the_wait() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        AtomicReference<CompletableFuture<String>> awaited = new AtomicReference<>();
        CountDownLatch both = new CountDownLatch(2);
        List<CompletableFuture<Void>> work = List.of(
                hold(a, both, () -> {
                    awaited.set(Limiters.run(b, () -> "done"));
                    awaited.get().join();
                }),
                hold(b, both, () -> Way.JOIN.waitFor(a)));
        awaitBlocked(2);
        CompletableFuture<String> limited = awaited.get().orTimeout(1, TimeUnit.HOURS);

        assertNoAlarm();

        assertThat(limited.cancel(false)).isTrue();
        assertThat(catchThrowable(work.get(0)::join)).isInstanceOf(CancellationException.class);
        assertAllEnd(List.of(work.get(1)));
    }

    @Test
    void rule_2_4_a_paused_limiter_is_no_deadlock_until_it_is_resumed() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        CountDownLatch both = new CountDownLatch(2);
        List<CompletableFuture<Void>> work =
                List.of(hold(a, both, () -> Way.JOIN.waitFor(b)), hold(b, both, () -> Way.JOIN.waitFor(a)));
        awaitBlocked(2);
        b.resize(0);
        assertNoAlarm();

        b.resize(1);
        deadlocks.breakAll();

        assertThat(refusalsOf(work)).hasSize(1);
    }

    /** The reserve of a paused limiter is in use, and finishing work waits. */
    @Test
    void rule_2_4_a_paused_limiter_is_no_deadlock_for_finishing_work_either() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", builder -> builder.capacity(1).reserve(1));
        CountDownLatch both = new CountDownLatch(2);
        CountDownLatch paused = new CountDownLatch(1);
        List<CompletableFuture<Void>> work = List.of(
                hold(a, both, () -> {
                    awaitUninterruptibly(paused);
                    Way.FINISH.waitFor(b);
                }),
                hold(b, both, () -> Way.JOIN.waitFor(a)));
        awaitBlocked(1);
        b.resize(0);
        paused.countDown();
        awaitBlocked(2);

        assertNoAlarm();

        b.resize(1);
        assertAllEnd(work);
    }

    /** What its work has given back already is somebody else's by now. */
    @Test
    void rule_2_4_a_permit_that_work_has_given_back_before_its_end_is_not_stuck() throws Exception {
        CapacityLimiter a = limiter("A", builder -> builder.capacity(1).reserve(1)); // two threads
        CapacityLimiter b = limiter("B", 1);
        CountDownLatch takenAgain = new CountDownLatch(1);
        CompletableFuture<Void> handler = new CompletableFuture<>();
        Permit early = a.acquire();
        WorkLimiter.of(a).execute(early, () -> {
            try {
                early.close();
                awaitUninterruptibly(takenAgain);
                Way.CALL.waitFor(b);
                handler.complete(null);
            } catch (Throwable e) {
                handler.completeExceptionally(e);
            }
        });
        Permit byHand = a.acquire();
        CompletableFuture<Void> other = hold(b, new CountDownLatch(1), () -> Way.JOIN.waitFor(a));
        awaitBlocked(1);
        takenAgain.countDown();
        awaitBlocked(2);

        assertNoAlarm();

        byHand.close();
        assertAllEnd(List.of(handler, other));
    }

    @Test
    void rule_2_4_a_shrink_that_drains_is_taken_at_its_end() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 3);
        CountDownLatch everybody = new CountDownLatch(4);
        List<CompletableFuture<Void>> work = new ArrayList<>(List.of(
                hold(a, everybody, () -> Way.JOIN.waitFor(b)),
                hold(b, everybody, () -> Way.JOIN.waitFor(a)),
                hold(b, everybody, () -> awaitUninterruptibly(end)),
                hold(b, everybody, () -> awaitUninterruptibly(end))));
        awaitBlocked(2);
        b.resize(2); // two will come home, and then one is free
        assertNoAlarm();

        b.resize(1); // two will come home, and then none is free
        deadlocks.breakAll();

        assertThat(reports).hasSize(1);
        end.countDown();
        assertThat(refusalsOf(work)).hasSize(1);
    }

    @Test
    void rule_2_5_the_reserve_is_enough_for_finishing_work() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", builder -> builder.capacity(1).reserve(1));
        CountDownLatch everybody = new CountDownLatch(3);
        CountDownLatch inReserve = new CountDownLatch(1);
        List<CompletableFuture<Void>> work =
                new ArrayList<>(List.of(hold(b, everybody, () -> Way.JOIN.waitFor(a)), hold(a, everybody, () -> {
                    awaitUninterruptibly(inReserve);
                    Way.FINISH.waitFor(b);
                })));
        await().until(() -> b.statistics().inUse() == 1);
        work.add(Limiters.finish(b, () -> {
            everybody.countDown();
            awaitUninterruptibly(end);
            return null;
        }));
        await().until(() -> b.statistics().inUse() == 2);
        inReserve.countDown();
        awaitBlocked(2);

        assertNoAlarm(); // what holds the reserve comes home, and is enough

        end.countDown();
        assertAllEnd(work);
    }

    @Test
    void rule_2_4_work_that_no_thread_can_be_had_for_yet_is_not_stuck() {
        ThreadPoolExecutor pool = (ThreadPoolExecutor) Executors.newFixedThreadPool(1);
        try {
            CapacityLimiter a = limiter("A", 1);
            CapacityLimiter b = limiter("B", builder -> builder.capacity(1).workers(pool));
            pool.execute(() -> awaitUninterruptibly(end));
            CompletableFuture<Void> work = hold(a, new CountDownLatch(1), () -> Way.JOIN.waitFor(b));
            awaitBlocked(1);
            assertThat(b.statistics().inUse()).isEqualTo(1);

            assertNoAlarm();

            end.countDown();
            assertAllEnd(List.of(work));
        } finally {
            pool.shutdown();
        }
    }

    @Test
    void rule_2_4_who_holds_nothing_is_not_registered() {
        CapacityLimiter a = limiter("A", 1);
        CompletableFuture<Void> holder = hold(a, new CountDownLatch(1), () -> awaitUninterruptibly(end));
        CompletableFuture<Void> outside = CompletableFuture.runAsync(
                () -> Limiters.run(a, () -> "done").join(), task -> new Thread(task).start());
        await().until(() -> a.statistics().waiting() == 1);
        assertThat(deadlocks.listed()).isEmpty();
        end.countDown();
        assertAllEnd(List.of(holder, outside));
        assertThat(timers).isEmpty();
    }

    // ---- races ----

    /** What lies between two looks: the work is cancelled, and its waiter goes on. */
    @Test
    void rule_2_4_a_ring_that_dissolves_between_the_looks_is_none() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        AtomicReference<CompletableFuture<String>> awaited = new AtomicReference<>();
        CountDownLatch both = new CountDownLatch(2);
        List<CompletableFuture<Void>> work = List.of(
                hold(a, both, () -> {
                    awaited.set(Limiters.run(b, () -> "done"));
                    assertThat(catchThrowable(awaited.get()::join)).isInstanceOf(CancellationException.class);
                }),
                hold(b, both, () -> Way.JOIN.waitFor(a)));
        awaitBlocked(2);
        AtomicBoolean dissolved = new AtomicBoolean();

        List<Ring> rings = DeadlockSearch.rings(deadlocks.listed(), wait -> {
            if (dissolved.compareAndSet(false, true)) {
                assertThat(awaited.get().cancel(false)).isTrue();
                assertAllEnd(work);
            }
            return deadlocks.isRegistered(wait);
        });

        assertThat(rings).isEmpty();
    }

    /** A thread that has gone on and waits again is another wait, although it is the same thread in the same place. */
    @Test
    void rule_2_4_a_wait_that_ended_between_the_looks_is_not_taken_for_the_next_one() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        List<CompletableFuture<String>> awaited = new CopyOnWriteArrayList<>();
        CountDownLatch both = new CountDownLatch(2);
        List<CompletableFuture<Void>> work = List.of(
                hold(a, both, () -> {
                    for (int i = 0; i < 2; i++) {
                        awaited.add(Limiters.run(b, () -> "done"));
                        assertThat(catchThrowable(awaited.get(i)::join)).isInstanceOf(CancellationException.class);
                    }
                }),
                hold(b, both, () -> Way.JOIN.waitFor(a)));
        awaitBlocked(2);
        AtomicBoolean dissolved = new AtomicBoolean();

        List<Ring> rings = DeadlockSearch.rings(deadlocks.listed(), wait -> {
            if (dissolved.compareAndSet(false, true)) {
                assertThat(awaited.get(0).cancel(false)).isTrue();
                await().until(() -> awaited.size() == 2);
                awaitBlocked(2);
            }
            return deadlocks.isRegistered(wait);
        });

        assertThat(rings).isEmpty();
        assertThat(awaited.get(1).cancel(false)).isTrue();
        assertAllEnd(work);
    }

    /** Completed by somebody else while its work still runs: whoever waits for it is about to go on. */
    @Test
    void rule_2_4_what_is_done_is_not_waited_for_although_its_work_runs() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        AtomicReference<CompletableFuture<Void>> one = new AtomicReference<>();
        AtomicReference<CompletableFuture<Void>> other = new AtomicReference<>();
        CountDownLatch known = new CountDownLatch(1);
        CountDownLatch wentOn = new CountDownLatch(1);
        one.set(Limiters.run(a, () -> {
            awaitUninterruptibly(known);
            other.get().join();
            wentOn.countDown();
            awaitUninterruptibly(end);
        }));
        other.set(Limiters.run(b, () -> {
            awaitUninterruptibly(known);
            one.get().join();
        }));
        known.countDown();
        awaitBlocked(2);
        List<BlockedWait> listed = deadlocks.listed();
        assertThat(other.get().complete(null)).isTrue();
        awaitUninterruptibly(wentOn);

        assertThat(DeadlockSearch.rings(listed, wait -> true)).isEmpty(); // as if it had not left yet

        end.countDown();
        assertAllEnd(List.of(one.get()));
    }

    /** Found, and then somebody raises a capacity before anybody is refused. */
    @Test
    void rule_2_4_a_resize_that_rescues_is_quicker_or_it_is_not() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        List<CompletableFuture<Void>> work = ring(List.of(a, b), Way.JOIN, Way.CALL);
        List<Ring> rings = deadlocks.rings();
        assertThat(rings).hasSize(1);

        a.resize(2);
        b.resize(2);
        rings.get(0).resolve(wait -> true); // as if all of it had come between

        assertAllEnd(work);
        assertThat(reports).isEmpty();
        assertThat(a.statistics().refused() + b.statistics().refused()).isZero();
    }

    /** Found, and then somebody goes on, who will give back what the youngest waits for. */
    @Test
    void rule_2_4_a_ring_that_dissolves_when_it_has_been_found_is_left_alone() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        AtomicReference<CompletableFuture<String>> awaited = new AtomicReference<>();
        CountDownLatch both = new CountDownLatch(2);
        CountDownLatch second = new CountDownLatch(1);
        CountDownLatch wentOn = new CountDownLatch(1);
        List<CompletableFuture<Void>> work = List.of(
                hold(a, both, () -> {
                    awaited.set(Limiters.run(b, () -> "done"));
                    assertThat(catchThrowable(awaited.get()::join)).isInstanceOf(CancellationException.class);
                    wentOn.countDown();
                    awaitUninterruptibly(end);
                }),
                hold(b, both, () -> {
                    awaitUninterruptibly(second);
                    Way.JOIN.waitFor(a);
                }));
        awaitBlocked(1);
        second.countDown();
        awaitBlocked(2);
        List<Ring> rings = deadlocks.rings();
        assertThat(rings).hasSize(1);

        assertThat(awaited.get().cancel(false)).isTrue();
        awaitUninterruptibly(wentOn);
        await().until(() -> deadlocks.listed().size() == 1);
        rings.get(0).resolve(deadlocks::isRegistered);

        assertThat(reports).isEmpty();
        end.countDown();
        assertAllEnd(work);
    }

    @Test
    void rule_2_4_a_resize_between_the_looks_is_seen() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        List<CompletableFuture<Void>> work = ring(List.of(a, b), Way.JOIN, Way.CALL);
        AtomicBoolean resized = new AtomicBoolean();
        Collection<BlockedWait> listed = new AbstractCollection<>() {
            private final List<BlockedWait> waits = deadlocks.listed();
            private int looks;

            @Override
            public Iterator<BlockedWait> iterator() {
                if (looks++ == 1) { // the capacities were read in the first look
                    resized.set(true);
                    b.resize(0);
                    b.resize(1);
                }
                return waits.iterator();
            }

            @Override
            public int size() {
                return waits.size();
            }
        };

        assertThat(DeadlockSearch.rings(listed, deadlocks::isRegistered)).isEmpty();
        assertThat(resized).isTrue();

        deadlocks.breakAll();
        assertThat(refusalsOf(work)).hasSize(1);
    }

    @Test
    void rule_2_4_two_looks_at_once_refuse_one() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        List<CompletableFuture<Void>> work = ring(List.of(a, b), Way.JOIN);
        List<Ring> one = deadlocks.rings();
        List<Ring> other = deadlocks.rings();
        one.get(0).resolve(deadlocks::isRegistered);
        other.get(0).resolve(wait -> true);
        assertThat(refusalsOf(work)).hasSize(1);
        assertThat(reports).hasSize(1);
    }

    @Test
    void rule_2_4_a_cancelled_wait_leaves_nothing_behind() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        AtomicReference<Thread> blocked = new AtomicReference<>();
        CountDownLatch both = new CountDownLatch(2);
        List<CompletableFuture<Void>> work = List.of(
                hold(a, both, () -> {
                    blocked.set(Thread.currentThread());
                    assertThat(catchThrowable(() -> Way.CALL.waitFor(b))).isInstanceOf(InterruptedException.class);
                }),
                hold(b, both, () -> Way.JOIN.waitFor(a)));
        awaitBlocked(2);
        blocked.get().interrupt();
        assertAllEnd(work);
        await().until(() -> deadlocks.listed().isEmpty());
        assertNoAlarm();
    }

    // ---- the timer ----

    @Test
    void rule_2_4_a_timer_looks_as_long_as_somebody_waits_under_a_permit() {
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        CompletableFuture<Void> holder = hold(b, new CountDownLatch(1), () -> awaitUninterruptibly(end));
        CompletableFuture<Void> waiter = hold(a, new CountDownLatch(1), () -> Way.JOIN.waitFor(b));
        awaitBlocked(1);
        assertThat(timers).hasSize(1);
        for (int i = 0; i < 3; i++) {
            timers.remove().run();
            assertThat(timers).hasSize(1);
        }
        end.countDown();
        assertAllEnd(List.of(holder, waiter));
        await().until(() -> deadlocks.listed().isEmpty());
        timers.remove().run();
        assertThat(timers).isEmpty();

        List<CompletableFuture<Void>> work = ring(List.of(a, b), Way.JOIN);
        assertThat(timers).hasSize(1);
        timers.remove().run();
        assertThat(refusalsOf(work)).hasSize(1);
    }

    @Test
    void rule_2_4_a_timer_or_a_thread_that_cannot_be_had_is_tried_again() {
        AtomicBoolean failing = new AtomicBoolean(true);
        Queue<Runnable> set = new ConcurrentLinkedQueue<>();
        Deadlocks unlucky = new Deadlocks(
                (nanos, task) -> {
                    if (failing.get()) {
                        throw new OutOfMemoryError("unable to create native thread");
                    }
                    set.add(task);
                },
                task -> {
                    if (failing.get()) {
                        throw new OutOfMemoryError("unable to create native thread");
                    }
                    task.run();
                });
        Deadlocks.use(unlucky);
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        CountDownLatch both = new CountDownLatch(2);
        CompletableFuture<Void> one = hold(a, both, () -> Way.JOIN.waitFor(b));
        CompletableFuture<Void> other = hold(b, both, () -> {
            await().until(() -> unlucky.listed().size() == 1);
            failing.set(false);
            Way.JOIN.waitFor(a);
        });
        await().until(() -> unlucky.listed().size() == 2);
        Runnable timer = set.remove();
        failing.set(true);
        timer.run();
        failing.set(false);
        assertThat(reports).isEmpty();
        assertThat(set).isEmpty();
        CompletableFuture<Void> third = hold(limiter("C", 1), new CountDownLatch(1), () -> Way.JOIN.waitFor(a));
        await().until(() -> !set.isEmpty());
        set.remove().run();
        assertThat(refusalsOf(List.of(one, other, third))).hasSize(1);
        await().until(() -> unlucky.listed().isEmpty());
    }

    /** With the timer and the thread of every day. */
    @Test
    void rule_2_4_a_ring_is_broken_by_itself_in_a_second_or_two() {
        if (before != null) {
            Deadlocks.use(before);
        }
        CapacityLimiter a = limiter("A", 1);
        CapacityLimiter b = limiter("B", 1);
        CountDownLatch both = new CountDownLatch(2);
        List<CompletableFuture<Void>> work =
                List.of(hold(a, both, () -> Way.JOIN.waitFor(b)), hold(b, both, () -> Way.CALL.waitFor(a)));
        assertThat(refusalsOf(work)).hasSize(1);
        await().until(() -> reports.size() == 1);
        assertThat(tellers)
                .singleElement()
                .matches(Thread::isDaemon)
                .satisfies(thread -> assertThat(thread.getName()).isEqualTo("weir-deadlock"));
    }

    /** Listeners and dependents are the user's. */
    @Test
    void rule_1_7_a_listener_that_throws_changes_nothing() {
        CapacityLimiter a = limiter(
                "A",
                builder -> builder.capacity(1).listener(new LimiterListener() {
                    @Override
                    public void deadlocked(CapacityLimiter limiter, Deadlock deadlock) {
                        throw new AssertionError("a listener's");
                    }
                }));
        List<CompletableFuture<Void>> work = ring(List.of(a), Way.ACQUIRE);
        deadlocks.breakAll();
        assertThat(refusalsOf(work)).hasSize(1);
        assertThat(reports).hasSize(1);
    }
}
