package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.spi.WorkLimiter;
import dev.weir.limiter.tck.IdleLimiters;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.awaitility.core.ConditionFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Rules 2.1 and 2.6 for platform threads: who holds a permit gets a thread, whatever the others are doing. */
class PlatformCrewTest {

    private static final int SECONDS = 5;

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    @RegisterExtension
    final Warnings warnings = new Warnings();

    private CapacityLimiter limiter(int capacity) {
        return limiters.watchAndClose(
                CapacityLimiter.builder("crew").capacity(capacity).reserve(0).build());
    }

    /**
     * T1 and T2 find the same idle thread and both queue their task for it. Or: the idle thread has taken T1's task, and T2
     * still counts it as idle.
     */
    @Test
    void rule_2_1_admitted_work_never_waits_for_the_end_of_other_work_while_there_may_be_more_threads()
            throws Exception {
        for (int round = 0; round < 1_000; round++) {
            CapacityLimiter limiter = limiter(2);
            Limiters.run(limiter, () -> {}).get(SECONDS, TimeUnit.SECONDS);
            CyclicBarrier asking = new CyclicBarrier(2);
            CyclicBarrier running = new CyclicBarrier(2);
            CompletableFuture<Integer> other = CompletableFuture.supplyAsync(() -> meet(limiter, asking, running));
            int mine = meet(limiter, asking, running);
            assertThat(mine + other.get(SECONDS, TimeUnit.SECONDS))
                    .as("both run at once, in round %d", round)
                    .isEqualTo(1);
            limiter.close();
        }
    }

    private static int meet(CapacityLimiter limiter, CyclicBarrier asking, CyclicBarrier running) {
        try {
            asking.await(SECONDS, TimeUnit.SECONDS);
            return Limiters.run(limiter, () -> running.await(SECONDS, TimeUnit.SECONDS))
                    .get(SECONDS, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError("work did not run", e);
        }
    }

    @Test
    void rule_1_3_who_holds_a_permit_gets_a_thread_though_the_capacity_shrank_to_nothing() throws Exception {
        CapacityLimiter limiter = limiter(2);
        Permit first = limiter.acquire();
        Permit second = limiter.acquire();
        limiter.resize(0);
        CyclicBarrier both = new CyclicBarrier(3);
        for (Permit permit : List.of(first, second)) {
            WorkLimiter.of(limiter).execute(permit, () -> {
                try (permit) {
                    both.await(SECONDS, TimeUnit.SECONDS);
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            });
        }
        both.await(SECONDS, TimeUnit.SECONDS);
    }

    @Test
    void rule_1_3_after_concurrent_resizes_there_are_threads_for_the_whole_capacity() throws Exception {
        CapacityLimiter limiter = limiter(1);
        for (int round = 0; round < 2_000; round++) {
            CyclicBarrier start = new CyclicBarrier(2);
            CompletableFuture<Void> grow = CompletableFuture.runAsync(() -> resize(limiter, 4, start));
            resize(limiter, 2, start);
            grow.get(SECONDS, TimeUnit.SECONDS);
            int capacity = limiter.capacity();
            CyclicBarrier all = new CyclicBarrier(capacity);
            List<CompletableFuture<Integer>> work = new ArrayList<>();
            for (int i = 0; i < capacity; i++) {
                work.add(Limiters.run(limiter, () -> all.await(SECONDS, TimeUnit.SECONDS)));
            }
            CompletableFuture.allOf(work.toArray(new CompletableFuture<?>[0])).get(SECONDS, TimeUnit.SECONDS);
        }
    }

    private static void resize(CapacityLimiter limiter, int capacity, CyclicBarrier start) {
        try {
            start.await(SECONDS, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
        limiter.resize(capacity);
    }

    /** Code of others on the same thread has to end first; work that has a thread of its own does not wait for it. */
    @Test
    void rule_2_1_a_dependent_that_frees_a_permit_may_wait_for_the_work_that_gets_it() throws Exception {
        CapacityLimiter limiter = limiter(1);
        Permit held = limiter.acquire();
        CompletableFuture<String> work = new CompletableFuture<>();
        CompletableFuture<String> told = limiter.acquireAsync().thenApply(permit -> {
            permit.close();
            return work.orTimeout(SECONDS, TimeUnit.SECONDS).join();
        });
        CompletableFuture<Boolean> next = Limiters.run(limiter, () -> work.complete("ran"));

        held.close();

        assertThat(told).isCompletedWithValue("ran");
        assertThat(next.get(SECONDS, TimeUnit.SECONDS)).isTrue();
    }

    /** The worker has been passed the next work already when telling of the failure of the last one fails in turn. */
    @Test
    void rule_2_2_a_failure_that_cannot_be_logged_costs_no_permit_and_no_work() throws Exception {
        CapacityLimiter limiter = limiter(1);
        CountDownLatch fail = new CountDownLatch(1);
        CompletableFuture<Void> failing = Limiters.background(limiter, () -> {
            try {
                fail.await(SECONDS, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            throw new Unspeakable();
        });
        CompletableFuture<String> next = Limiters.run(limiter, () -> "ran");
        fail.countDown();
        assertThat(next.get(SECONDS, TimeUnit.SECONDS)).isEqualTo("ran");
        assertThat(failing.isCompletedExceptionally()).isTrue();
    }

    /** Whoever formats it for a log gets an error of the same kind. */
    private static final class Unspeakable extends Error {
        private static final long serialVersionUID = 1L;

        @Override
        public String getMessage() {
            throw new Unspeakable();
        }
    }

    /** Thousands of small works, threads that end as soon as they are idle, a capacity that changes all the time. */
    @Test
    void rule_2_6_no_work_is_lost_between_threads_that_end_and_threads_that_start() throws Exception {
        for (String crew : List.of("ending", "resized")) {
            CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder(crew)
                    .capacity(3)
                    .reserve(1)
                    .maxWaiting(100_000)
                    .workerIdleTime(crew.equals("ending") ? Duration.ofNanos(1) : Duration.ofMillis(1))
                    .build());
            AtomicInteger ran = new AtomicInteger();
            List<CompletableFuture<Integer>> callers = new ArrayList<>();
            for (int caller = 0; caller < 3; caller++) {
                long seed = caller;
                callers.add(CompletableFuture.supplyAsync(() -> submit(limiter, new Random(seed), ran), command -> {
                    Thread thread = new Thread(command, "crew-test");
                    thread.setDaemon(true);
                    thread.start();
                }));
            }
            Random random = new Random(7);
            boolean ended = false;
            while (!ended) {
                limiter.resize(random.nextInt(5));
                Thread.onSpinWait();
                ended = callers.stream().allMatch(CompletableFuture::isDone);
                limiter.resize(1 + random.nextInt(4));
            }
            int sent = 0;
            for (CompletableFuture<Integer> caller : callers) {
                sent += caller.get(SECONDS, TimeUnit.SECONDS);
            }
            assertThat(ran).hasValue(sent);
        }
    }

    /** Its thread is kept by a dependent of work before it, and there may be no other, until there is more capacity. */
    @Test
    void rule_2_6_more_capacity_brings_a_thread_for_work_that_is_admitted_already() throws Exception {
        CapacityLimiter limiter = limiter(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        CountDownLatch mayGoOn = new CountDownLatch(1);
        CompletableFuture<Boolean> dependent = Limiters.run(limiter, () -> mayEnd.await(SECONDS, TimeUnit.SECONDS))
                .thenApply(value -> {
                    try {
                        return mayGoOn.await(SECONDS, TimeUnit.SECONDS);
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                });
        CompletableFuture<String> admitted = Limiters.run(limiter, () -> "ran");
        mayEnd.countDown();
        await().until(() -> limiter.statistics().waiting() == 0);
        assertThat(admitted).isNotDone();

        limiter.resize(2);

        assertThat(admitted.get(SECONDS, TimeUnit.SECONDS)).isEqualTo("ran");
        mayGoOn.countDown();
        assertThat(dependent.get(SECONDS, TimeUnit.SECONDS)).isTrue();
    }

    /** Each task comes while the thread of the one before, the only one there may be, is about to end. */
    @Test
    void rule_2_6_a_task_that_comes_while_the_last_thread_ends_is_run() {
        PlatformCrew crew = new PlatformCrew("ending", () -> 1, Duration.ZERO, Timer::onTimerThread);
        Random random = new Random();
        AtomicInteger ran = new AtomicInteger();
        for (int sent = 1; sent <= 5_000; sent++) {
            crew.execute(ran::incrementAndGet, false);
            long start = System.nanoTime();
            while (ran.get() < sent) {
                assertThat(System.nanoTime() - start)
                        .as("task %d has waited for, in ns", sent)
                        .isLessThan(TimeUnit.SECONDS.toNanos(SECONDS));
                Thread.onSpinWait();
            }
            for (int spins = random.nextInt(20); spins > 0; spins--) {
                Thread.onSpinWait();
            }
        }
    }

    // ---- no thread to be had: up to Java 20, making a thread asks the current one for its class loader ----

    /** Runs it on a thread that can start no other, and returns what it ended with. */
    private static @Nullable Throwable threadless(Runnable before, Runnable task) throws Exception {
        CompletableFuture<Void> ended = new CompletableFuture<>();
        Thread thread = new Thread("threadless") {
            @Override
            public void run() {
                try {
                    task.run();
                    ended.complete(null);
                } catch (Throwable e) {
                    ended.completeExceptionally(e);
                }
            }

            @Override
            public ClassLoader getContextClassLoader() {
                if (currentThread() == this) {
                    before.run();
                    throw new OutOfMemoryError("unable to create native thread");
                }
                return super.getContextClassLoader();
            }
        };
        thread.setDaemon(true);
        thread.start();
        return ended.handle((nothing, failure) -> failure).get(SECONDS, TimeUnit.SECONDS);
    }

    private static void awaitRun(PlatformCrew crew) throws Exception {
        CountDownLatch ran = new CountDownLatch(1);
        crew.execute(ran::countDown, false);
        assertThat(ran.await(SECONDS, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    @EnabledForJreRange(max = JRE.JAVA_20)
    void rule_1_8_a_task_for_which_no_thread_is_to_be_had_is_refused_and_later_ones_run() throws Exception {
        PlatformCrew crew = crew("refused", 1);
        CountDownLatch never = new CountDownLatch(1);

        assertThat(threadless(() -> {}, () -> crew.execute(never::countDown, false)))
                .isInstanceOf(OutOfMemoryError.class);

        awaitRun(crew);
        assertThat(never.getCount()).isOne();
        crew.retire();
    }

    /** It is queued already when there may be one more thread, as it is when capacity grows in between. */
    @Test
    @EnabledForJreRange(max = JRE.JAVA_20)
    void rule_1_8_a_queued_task_for_which_no_thread_is_to_be_had_is_refused_and_later_ones_run() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        PlatformCrew crew = new PlatformCrew(
                "queued", () -> Math.min(asked.getAndIncrement(), 1), IDLE_TIME, (nanos, task) -> timers.add(task));
        CountDownLatch never = new CountDownLatch(1);

        assertThat(threadless(() -> {}, () -> crew.execute(never::countDown, false)))
                .isInstanceOf(OutOfMemoryError.class);

        awaitRun(crew);
        assertThat(never.getCount()).isOne();
        crew.retire();
    }

    /** A thread that is there gets to the queued task before the caller hears that no other can be had. */
    @Test
    @EnabledForJreRange(max = JRE.JAVA_20)
    void rule_1_8_a_task_that_another_thread_has_taken_meanwhile_is_not_refused() throws Exception {
        AtomicInteger maxThreads = new AtomicInteger(1);
        AtomicInteger asked = new AtomicInteger();
        PlatformCrew crew = new PlatformCrew(
                "taken",
                () -> asked.getAndIncrement() == 1 ? 1 : maxThreads.get(),
                IDLE_TIME,
                (nanos, task) -> timers.add(task));
        CyclicBarrier busy = new CyclicBarrier(2);
        crew.execute(() -> meet(busy), false);
        maxThreads.set(2);
        CountDownLatch ran = new CountDownLatch(1);

        Throwable failure = threadless(
                () -> {
                    meet(busy);
                    awaitEnd(ran);
                },
                () -> crew.execute(ran::countDown, false));

        assertThat(failure).isNull();
        crew.retire();
    }

    @Test
    @EnabledForJreRange(max = JRE.JAVA_20)
    void rule_1_3_whoever_resizes_is_not_told_that_no_thread_is_to_be_had() throws Exception {
        AtomicInteger maxThreads = new AtomicInteger();
        PlatformCrew crew = new PlatformCrew("grown", maxThreads::get, IDLE_TIME, (nanos, task) -> timers.add(task));
        CountDownLatch ran = new CountDownLatch(1);
        crew.execute(ran::countDown, false);
        maxThreads.set(1);

        assertThat(threadless(() -> {}, crew::resized)).isNull();
        assertThat(warnings.messages())
                .containsExactly("SEVERE: Unexpected failure while starting a thread weir-grown-");

        crew.resized();
        assertThat(ran.await(SECONDS, TimeUnit.SECONDS)).isTrue();
        crew.retire();
    }

    // ---- idle threads: the test's timer says when an idle time is over ----

    private static final Duration IDLE_TIME = Duration.ofSeconds(10);

    private final Queue<Runnable> timers = new ConcurrentLinkedQueue<>();

    private PlatformCrew crew(String name, int maxThreads) {
        return new PlatformCrew(name, () -> maxThreads, IDLE_TIME, (nanos, task) -> {
            assertThat(nanos).isEqualTo(IDLE_TIME.toNanos());
            timers.add(task);
        });
    }

    private void anIdleTimePasses() {
        assertThat(timers).hasSize(1);
        timers.remove().run();
    }

    /** Runs so many tasks at once, and awaits that their threads wait for more. */
    private static Set<Thread> use(PlatformCrew crew, int threads) throws Exception {
        Set<Thread> used = ConcurrentHashMap.newKeySet();
        CyclicBarrier all = new CyclicBarrier(threads + 1);
        for (int i = 0; i < threads; i++) {
            crew.execute(
                    () -> {
                        used.add(Thread.currentThread());
                        meet(all);
                    },
                    false);
        }
        all.await(SECONDS, TimeUnit.SECONDS);
        soon().until(() -> used.stream().allMatch(PlatformCrewTest::idle));
        return used;
    }

    private static boolean idle(Thread thread) {
        return thread.getState() == Thread.State.WAITING
                && Arrays.stream(thread.getStackTrace())
                        .anyMatch(frame -> frame.getClassName().equals(LinkedBlockingQueue.class.getName()));
    }

    private static void meet(CyclicBarrier barrier) {
        try {
            barrier.await(SECONDS, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private static void awaitLeft(Set<Thread> threads, int left) {
        soon().until(() -> threads.stream().filter(Thread::isAlive).count(), count -> count == left);
    }

    private static ConditionFactory soon() {
        return await().pollDelay(Duration.ZERO).pollInterval(Duration.ofMillis(1));
    }

    @Test
    void rule_2_6_threads_end_that_were_idle_for_all_of_an_idle_time() throws Exception {
        PlatformCrew crew = crew("idle-all", 3);
        Set<Thread> threads = use(crew, 3);
        assertThat(threads).hasSize(3);

        anIdleTimePasses(); // they came in the course of it
        assertThat(use(crew, 3)).isEqualTo(threads);
        anIdleTimePasses(); // and were used in this one
        assertThat(use(crew, 3)).isEqualTo(threads);
        anIdleTimePasses();
        anIdleTimePasses();
        awaitLeft(threads, 0);

        anIdleTimePasses(); // nobody to look after
        assertThat(timers).isEmpty();
        Set<Thread> others = use(crew, 2);
        assertThat(others).doesNotContainAnyElementsOf(threads);
        anIdleTimePasses();
        anIdleTimePasses();
        awaitLeft(others, 0);
    }

    @Test
    void rule_2_6_as_many_threads_stay_as_were_needed_at_once() throws Exception {
        PlatformCrew crew = crew("idle-some", 4);
        Set<Thread> threads = use(crew, 4);
        anIdleTimePasses();
        use(crew, 1);
        use(crew, 2);
        use(crew, 1);

        anIdleTimePasses();

        awaitLeft(threads, 2);
        assertThat(threads).containsAll(use(crew, 2));
        assertThat(threads)
                .extracting(Thread::getName)
                .containsExactlyInAnyOrder(
                        "weir-idle-some-1", "weir-idle-some-2", "weir-idle-some-3", "weir-idle-some-4");
        crew.retire();
        awaitLeft(threads, 0);
    }

    @Test
    void rule_2_6_a_queued_task_brings_one_thread_which_is_idle_after_it() throws Exception {
        AtomicInteger maxThreads = new AtomicInteger();
        PlatformCrew crew = new PlatformCrew("grown", maxThreads::get, IDLE_TIME, (nanos, task) -> timers.add(task));
        CompletableFuture<Thread> worker = new CompletableFuture<>();
        crew.execute(() -> worker.complete(Thread.currentThread()), false);
        maxThreads.set(3);

        crew.resized();

        Thread thread = worker.get(SECONDS, TimeUnit.SECONDS);
        soon().until(() -> idle(thread));
        assertThat(use(crew, 1)).containsExactly(thread);
        Set<Thread> all = use(crew, 3);
        assertThat(all).hasSize(3).contains(thread);
        crew.retire();
        awaitLeft(all, 0);
    }

    @Test
    void rule_2_1_a_thread_takes_over_one_task_and_of_its_own_crew() throws Exception {
        PlatformCrew crew = crew("own", 1);
        PlatformCrew another = crew("another", 1);
        CompletableFuture<Thread> first = new CompletableFuture<>();
        CompletableFuture<Thread> second = new CompletableFuture<>();
        CompletableFuture<Thread> others = new CompletableFuture<>();
        crew.execute(
                () -> {
                    another.execute(() -> others.complete(Thread.currentThread()), true);
                    crew.execute(() -> first.complete(Thread.currentThread()), true);
                    crew.execute(() -> second.complete(Thread.currentThread()), true);
                },
                false);

        assertThat(first.get(SECONDS, TimeUnit.SECONDS)).isSameAs(second.get(SECONDS, TimeUnit.SECONDS));
        assertThat(others.get(SECONDS, TimeUnit.SECONDS).getName()).isEqualTo("weir-another-1");
        crew.retire();
        another.retire();
    }

    @Test
    void rule_2_6_the_next_task_runs_on_the_thread_that_ends_its_last_one_and_one_more_on_another() throws Exception {
        PlatformCrew crew = crew("passing", 3);
        CompletableFuture<Thread> passing = new CompletableFuture<>();
        CompletableFuture<Thread> next = new CompletableFuture<>();
        CompletableFuture<Thread> oneMore = new CompletableFuture<>();
        crew.execute(
                () -> {
                    passing.complete(Thread.currentThread());
                    crew.execute(() -> next.complete(Thread.currentThread()), true);
                    crew.execute(() -> oneMore.complete(Thread.currentThread()), true);
                },
                false);

        assertThat(next.get(SECONDS, TimeUnit.SECONDS)).isSameAs(passing.get(SECONDS, TimeUnit.SECONDS));
        assertThat(oneMore.get(SECONDS, TimeUnit.SECONDS)).isNotSameAs(passing.get());
        crew.retire();
        awaitLeft(Set.of(passing.get(), oneMore.get()), 0);
    }

    @Test
    void rule_2_2_neither_a_task_that_fails_nor_an_interrupt_of_an_idle_thread_ends_it() throws Exception {
        PlatformCrew crew = crew("lasting", 1);
        Set<Thread> threads = use(crew, 1);
        crew.execute(
                () -> {
                    throw new AssertionError("made up");
                },
                false);
        assertThat(use(crew, 1)).isEqualTo(threads);
        assertThat(warnings.messages())
                .containsExactly("SEVERE: Unexpected failure while running a task on weir-lasting-1");

        threads.forEach(Thread::interrupt);
        soon().until(() -> threads.stream().noneMatch(Thread::isInterrupted));
        assertThat(use(crew, 1)).isEqualTo(threads);
        crew.retire();
        awaitLeft(threads, 0);
    }

    /** T1 has counted the threads; before it has reserved one, T2 has. */
    @Test
    void rule_2_6_of_two_that_reserve_the_last_thread_at_once_one_gets_it() throws Exception {
        AtomicReference<Runnable> meanwhile = new AtomicReference<>(() -> {});
        PlatformCrew crew = new PlatformCrew(
                "last",
                () -> {
                    meanwhile.getAndSet(() -> {}).run();
                    return 1;
                },
                IDLE_TIME,
                (nanos, task) -> timers.add(task));
        CountDownLatch mayEnd = new CountDownLatch(1);
        CompletableFuture<Thread> first = new CompletableFuture<>();
        CompletableFuture<Thread> second = new CompletableFuture<>();
        meanwhile.set(() -> crew.execute(
                () -> {
                    awaitEnd(mayEnd);
                    first.complete(Thread.currentThread());
                },
                false));

        crew.execute(() -> second.complete(Thread.currentThread()), false);

        mayEnd.countDown();
        assertThat(second.get(SECONDS, TimeUnit.SECONDS)).isSameAs(first.get(SECONDS, TimeUnit.SECONDS));
        crew.retire();
    }

    private static void awaitEnd(CountDownLatch latch) {
        try {
            assertThat(latch.await(SECONDS, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** The task comes after the look that found the thread idle throughout, and before it is let go. */
    @Test
    void rule_2_6_a_thread_that_is_busy_for_all_of_the_next_idle_time_stays_after_it() throws Exception {
        AtomicReference<Runnable> meanwhile = new AtomicReference<>(() -> {});
        PlatformCrew crew = new PlatformCrew("needed", () -> 1, IDLE_TIME, (nanos, task) -> {
            timers.add(task);
            meanwhile.getAndSet(() -> {}).run();
        });
        Set<Thread> threads = use(crew, 1);
        anIdleTimePasses();
        CyclicBarrier busy = new CyclicBarrier(2);
        meanwhile.set(() -> {
            crew.execute(
                    () -> {
                        meet(busy);
                        meet(busy);
                    },
                    false);
            meet(busy);
        });
        anIdleTimePasses();

        anIdleTimePasses();
        anIdleTimePasses();
        meet(busy);

        assertThat(use(crew, 1)).isEqualTo(threads);
        crew.retire();
        awaitLeft(threads, 0);
    }

    /** Its thread is busy with something else: it takes what was to wake an idle one, and has to wake it in turn. */
    @Test
    void rule_2_6_all_threads_end_with_the_limiter_whatever_they_are_about_to_do() throws Exception {
        for (int round = 0; round < 500; round++) {
            PlatformCrew crew = crew("retired-" + round, 3);
            Set<Thread> threads = use(crew, 3);
            CyclicBarrier start = new CyclicBarrier(3);
            for (int i = 0; i < 2; i++) {
                crew.execute(() -> meet(start), false);
            }
            start.await(SECONDS, TimeUnit.SECONDS);

            crew.retire();

            awaitLeft(threads, 0);
        }
    }

    @Test
    void rule_2_6_with_less_than_a_millisecond_threads_end_at_once() throws Exception {
        for (long idleNanos : new long[] {999_999, 1_000_000}) {
            PlatformCrew crew = new PlatformCrew(
                    "at-once", () -> 1, Duration.ofNanos(idleNanos), (nanos, task) -> timers.add(task));
            CompletableFuture<Thread> worker = new CompletableFuture<>();
            crew.execute(() -> worker.complete(Thread.currentThread()), false);
            Thread thread = worker.get(SECONDS, TimeUnit.SECONDS);
            if (idleNanos == 1_000_000) {
                soon().until(() -> idle(thread));
                anIdleTimePasses();
                anIdleTimePasses();
            }
            awaitLeft(Set.of(thread), 0);
            assertThat(timers).hasSize(idleNanos == 1_000_000 ? 1 : 0);
        }
    }

    @Test
    void rule_2_6_a_timer_that_cannot_be_had_is_asked_for_again() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        PlatformCrew crew = new PlatformCrew("no-timer", () -> 2, IDLE_TIME, (nanos, task) -> {
            if (asked.incrementAndGet() == 1) {
                throw new OutOfMemoryError("unable to create native thread");
            }
            timers.add(task);
        });
        Set<Thread> threads = use(crew, 1);
        assertThat(timers).isEmpty();
        assertThat(warnings.messages())
                .containsExactly("SEVERE: Unexpected failure while starting the timer of weir-no-timer-");

        threads.addAll(use(crew, 2));

        anIdleTimePasses();
        anIdleTimePasses();
        awaitLeft(threads, 0);
    }

    /** Else a thread that was not woken, since there was no memory for it, would stay for ever. */
    @Test
    void rule_2_6_the_timer_goes_on_until_the_last_thread_of_a_closed_limiter_has_ended() throws Exception {
        PlatformCrew crew = crew("closed", 1);
        CyclicBarrier meeting = new CyclicBarrier(2);
        CompletableFuture<Thread> worker = new CompletableFuture<>();
        crew.execute(
                () -> {
                    worker.complete(Thread.currentThread());
                    meet(meeting);
                },
                false);
        Thread thread = worker.get(SECONDS, TimeUnit.SECONDS);
        crew.retire();

        anIdleTimePasses();
        assertThat(timers).hasSize(1);

        meet(meeting);
        awaitLeft(Set.of(thread), 0);
        anIdleTimePasses();
        assertThat(timers).isEmpty();
    }

    @Test
    void rule_2_6_the_timer_does_not_keep_a_crew_that_has_ended() throws Exception {
        PlatformCrew crew = crew("forgotten", 1);
        Set<Thread> threads = use(crew, 1);
        crew.retire();
        awaitLeft(threads, 0);
        WeakReference<PlatformCrew> forgotten = new WeakReference<>(crew);
        crew = null;
        threads.clear();

        await().until(() -> {
            System.gc();
            return forgotten.get() == null;
        });

        anIdleTimePasses();
    }

    @Test
    void rule_2_6_an_idle_thread_keeps_nothing_of_what_it_ran() throws Exception {
        PlatformCrew crew = crew("keeping", 1);
        Set<Thread> threads = ConcurrentHashMap.newKeySet();
        WeakReference<Object> task = new WeakReference<>(run(crew, threads));
        soon().until(() -> !threads.isEmpty() && threads.stream().allMatch(PlatformCrewTest::idle));

        soon().until(() -> {
            System.gc();
            return task.get() == null;
        });

        crew.retire();
        awaitLeft(threads, 0);
    }

    private static Object run(PlatformCrew crew, Set<Thread> threads) {
        Runnable task = () -> threads.add(Thread.currentThread());
        crew.execute(task, false);
        return task;
    }

    private static int submit(CapacityLimiter limiter, Random random, AtomicInteger ran) {
        int sent = 0;
        List<CompletableFuture<?>> pending = new ArrayList<>();
        for (int i = 0; i < 5_000; i++) {
            pending.add(
                    random.nextInt(20) == 0
                            ? Limiters.finish(limiter, ran::incrementAndGet)
                            : Limiters.run(limiter, ran::incrementAndGet));
            sent++;
            if (pending.size() > random.nextInt(60)) {
                CompletableFuture.allOf(pending.toArray(new CompletableFuture<?>[0]))
                        .orTimeout(SECONDS, TimeUnit.SECONDS)
                        .join();
                pending.clear();
            }
        }
        CompletableFuture.allOf(pending.toArray(new CompletableFuture<?>[0]))
                .orTimeout(SECONDS, TimeUnit.SECONDS)
                .join();
        return sent;
    }
}
