package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.spi.WorkLimiter;
import dev.weir.limiter.tck.IdleLimiters;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Executors that do not keep to their contract, and executors that stand on other limiters. */
class MisbehavingExecutorTest {

    private static final int SECONDS = 5;

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    private CapacityLimiter limiter(int capacity, Executor workers) {
        return limiters.watchAndClose(CapacityLimiter.builder("workers")
                .capacity(capacity)
                .workers(workers)
                .build());
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(SECONDS, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void rule_2_3_work_that_an_executor_started_and_then_rejected_keeps_its_permit_to_its_end() throws Exception {
        CountDownLatch started = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        CapacityLimiter limiter = limiter(1, task -> {
            new Thread(task, "misbehaving").start();
            await(started);
            throw new RejectedExecutionException("after all");
        });
        CompletableFuture<String> result = Limiters.run(limiter, () -> {
            started.countDown();
            await(end);
            return "ran";
        });
        assertThat(limiter.statistics().inUse()).isEqualTo(1);
        end.countDown();
        assertThat(result.get(SECONDS, TimeUnit.SECONDS)).isEqualTo("ran");
    }

    @Test
    void rule_3_5_a_draw_that_an_executor_started_and_then_rejected_is_the_only_one() throws Exception {
        CountDownLatch started = new CountDownLatch(1);
        CountDownLatch end = new CountDownLatch(1);
        AtomicBoolean once = new AtomicBoolean();
        CapacityLimiter limiter = limiter(1, task -> {
            new Thread(task, "misbehaving").start();
            await(started);
            if (once.compareAndSet(false, true)) {
                throw new RejectedExecutionException("after all");
            }
        });
        AtomicInteger closed = new AtomicInteger();
        Collector collector = new Collector();
        Limiters.iterate(limiter, () -> new Guarded(started, end, closed)).subscribe(collector);
        end.countDown();
        collector.ended.get(SECONDS, TimeUnit.SECONDS);
        assertThat(collector.signals).containsExactly("1", "complete");
        assertThat(closed).hasValue(1);
    }

    /** One item; the first look for it waits. */
    private record Guarded(CountDownLatch started, CountDownLatch end, AtomicInteger closed, AtomicInteger drawn)
            implements Iterator<Integer>, AutoCloseable {
        Guarded(CountDownLatch started, CountDownLatch end, AtomicInteger closed) {
            this(started, end, closed, new AtomicInteger());
        }

        @Override
        public boolean hasNext() {
            started.countDown();
            await(end);
            return drawn.get() == 0;
        }

        @Override
        public Integer next() {
            return drawn.incrementAndGet();
        }

        @Override
        public void close() {
            closed.incrementAndGet();
        }
    }

    private static final class Collector implements Flow.Subscriber<Integer> {
        final List<String> signals = new ArrayList<>();
        final CompletableFuture<String> ended = new CompletableFuture<>();
        final CompletableFuture<Flow.Subscription> begun = new CompletableFuture<>();
        private final long demand;

        Collector() {
            this(Long.MAX_VALUE);
        }

        Collector(long demand) {
            this.demand = demand;
        }

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            begun.complete(subscription);
            subscription.request(demand);
        }

        @Override
        public void onNext(Integer item) {
            signals.add(item.toString());
        }

        @Override
        public void onError(Throwable failure) {
            signals.add(failure.toString());
            ended.completeExceptionally(failure);
        }

        @Override
        public void onComplete() {
            signals.add("complete");
            ended.complete("complete");
        }
    }

    @Test
    void rule_2_3_an_executor_that_runs_work_twice_draws_no_interrupt_to_a_stranger() throws Exception {
        AtomicReference<Runnable> given = new AtomicReference<>();
        CapacityLimiter limiter = limiter(1, given::set);
        CountDownLatch started = new CountDownLatch(1);
        CompletableFuture<Boolean> interrupted = new CompletableFuture<>();
        CompletableFuture<String> result = Limiters.runInterruptibly(limiter, () -> {
            started.countDown();
            try {
                interrupted.complete(new CountDownLatch(1).await(SECONDS, TimeUnit.SECONDS));
            } catch (InterruptedException e) {
                interrupted.complete(true);
            }
            return "ended";
        });
        Thread worker = new Thread(given.get(), "misbehaving");
        worker.start();
        await(started);
        given.get().run();
        result.cancel(true);
        assertThat(Thread.interrupted()).as("interrupt of a stranger").isFalse();
        assertThat(interrupted.get(2L * SECONDS, TimeUnit.SECONDS)).isTrue();
        worker.join(TimeUnit.SECONDS.toMillis(SECONDS));
    }

    @Test
    void rule_2_2_an_executor_over_a_limiter_throws_when_there_is_no_worker() {
        CapacityLimiter limiter = limiter(1, task -> {
            throw new RejectedExecutionException("never");
        });
        assertThatExceptionOfType(LimitExceededException.class)
                .isThrownBy(() -> Limiters.executor(limiter).execute(() -> {}))
                .satisfies(refusal -> assertThat(refusal.reason()).isEqualTo(RefusalReason.NO_WORKER));
    }

    /** Two limiters over the threads of a third. */
    @Test
    void rule_2_2_work_is_refused_when_the_limiter_below_refuses_after_a_wait() throws Exception {
        CapacityLimiter below = limiters.watch(CapacityLimiter.of("below", 1));
        CapacityLimiter above = limiter(2, Limiters.executor(below));
        Permit held = below.acquire();
        CompletableFuture<String> work = Limiters.run(above, () -> "ran");
        Collector collector = new Collector();
        Limiters.iterate(above, List.of(1)).subscribe(collector);
        assertThat(below.statistics().waiting()).isEqualTo(2);
        below.close();
        assertThatExceptionOfType(ExecutionException.class)
                .isThrownBy(() -> work.get(SECONDS, TimeUnit.SECONDS))
                .withCauseInstanceOf(LimitExceededException.class)
                .withMessageContaining("no thread could be had");
        assertThatExceptionOfType(ExecutionException.class)
                .isThrownBy(() -> collector.ended.get(SECONDS, TimeUnit.SECONDS));
        held.close();
    }

    @Test
    void rule_2_4_work_that_runs_on_the_worker_of_another_limiter_is_covered_by_its_permit() throws Exception {
        CapacityLimiter below = limiters.watchAndClose(CapacityLimiter.of("below", 1));
        CapacityLimiter above = limiter(1, Limiters.executor(below));
        String result = Limiters.run(
                        above, () -> Limiters.run(below, () -> "nested").get(SECONDS, TimeUnit.SECONDS))
                .get(2L * SECONDS, TimeUnit.SECONDS);
        assertThat(result).isEqualTo("nested");
    }

    /** What the handler of this thread's uncaught exceptions is told meanwhile. */
    private static List<Throwable> uncaughtDuring(Runnable step) {
        List<Throwable> uncaught = new ArrayList<>();
        Thread thread = Thread.currentThread();
        Thread.UncaughtExceptionHandler before = thread.getUncaughtExceptionHandler();
        thread.setUncaughtExceptionHandler((where, failure) -> uncaught.add(failure));
        try {
            step.run();
        } finally {
            thread.setUncaughtExceptionHandler(before);
        }
        return uncaught;
    }

    @Test
    void rule_2_2_a_refusal_below_is_told_the_callers_above_and_no_handler_of_uncaught_exceptions() throws Exception {
        CapacityLimiter below = limiters.watch(CapacityLimiter.of("below", 1));
        CapacityLimiter above = limiter(3, Limiters.executor(below));
        try (Permit held = below.acquire()) {
            CompletableFuture<String> work = Limiters.run(above, () -> "ran");
            Collector reader = new Collector();
            Limiters.iterate(above, List.of(1)).subscribe(reader);
            Collector left = new Collector();
            CountDownLatch closed = new CountDownLatch(1);
            Limiters.iterate(above, Stream.of(1).onClose(closed::countDown)).subscribe(left);
            left.begun.join().cancel();

            assertThat(uncaughtDuring(below::close)).isEmpty();

            assertThat(held.limiter()).isSameAs(below);
            assertThat(work).isCompletedExceptionally();
            assertThat(reader.ended).isCompletedExceptionally();
            await(closed);
            assertThat(left.signals).isEmpty();
        }
    }

    @Test
    void rule_2_2_a_refusal_below_is_told_the_handler_when_the_caller_above_has_left() throws Exception {
        CapacityLimiter below = limiters.watch(CapacityLimiter.of("below", 1));
        CapacityLimiter above = limiter(1, Limiters.executor(below));
        try (Permit held = below.acquire()) {
            Limiters.run(above, () -> "ran").cancel(false);

            assertThat(uncaughtDuring(below::close))
                    .singleElement()
                    .isInstanceOfSatisfying(
                            LimitExceededException.class,
                            refusal -> assertThat(refusal.reason()).isEqualTo(RefusalReason.CLOSED));

            assertThat(held.limiter()).isSameAs(below);
        }
    }

    /** Runs tasks on the calling thread until it is shut down. */
    private static final class ShutDown implements Executor {
        private final RejectedExecutionException rejection = new RejectedExecutionException("shut down");
        private boolean shutDown;

        @Override
        public void execute(Runnable task) {
            if (shutDown) {
                throw rejection;
            }
            task.run();
        }
    }

    @Test
    void rule_2_2_a_task_that_has_waited_is_refused_before_the_handler_whoever_frees_its_permit() throws Exception {
        ShutDown workers = new ShutDown();
        CapacityLimiter limiter = limiter(1, workers);
        Permit held = limiter.acquire();
        Limiters.executor(limiter).execute(() -> {});
        workers.shutDown = true;

        assertThat(uncaughtDuring(held::close))
                .singleElement()
                .isInstanceOfSatisfying(
                        LimitExceededException.class,
                        refusal -> assertThat(refusal.reason()).isEqualTo(RefusalReason.NO_WORKER));
    }

    @Test
    void rule_2_2_a_refusal_that_a_task_has_met_itself_is_its_own_failure_and_not_that_of_who_asked() {
        CapacityLimiter full = limiters.watchAndClose(
                CapacityLimiter.builder("full").capacity(0).maxWaiting(0).build());
        CapacityLimiter limiter = limiter(1, Runnable::run);

        assertThat(uncaughtDuring(() -> Limiters.executor(limiter)
                        .execute(() -> Limiters.executor(full).execute(() -> {}))))
                .singleElement()
                .isInstanceOf(LimitExceededException.class);
        assertThat(full.statistics().refused(RefusalReason.QUEUE_FULL)).isEqualTo(1);
    }

    @Test
    @SuppressWarnings("NullAway") // what it does with null is the question
    void nothing_is_no_task() throws Exception {
        WorkLimiter limiter = (WorkLimiter) limiter(1, Runnable::run);
        assertThatNullPointerException()
                .isThrownBy(() -> limiter.executor().execute(null))
                .withMessage("command");
        assertThatNullPointerException()
                .isThrownBy(() -> limiter.withContext(null))
                .withMessage("work");
        try (Permit permit = limiter.acquire()) {
            assertThatNullPointerException()
                    .isThrownBy(() -> limiter.execute(permit, null))
                    .withMessage("command");
        }
    }

    @Test
    void rule_3_4_an_iteration_whose_workers_were_shut_down_is_told_so_and_its_source_closed() throws Exception {
        ShutDown workers = new ShutDown();
        CapacityLimiter limiter = limiter(1, workers);
        Collector reader = new Collector(1);
        CompletableFuture<Thread> closer = new CompletableFuture<>();
        Limiters.iterate(limiter, Stream.of(1, 2).onClose(() -> closer.complete(Thread.currentThread())))
                .subscribe(reader);
        assertThat(reader.signals).containsExactly("1");
        workers.shutDown = true;

        reader.begun.join().request(1);

        assertThat(reader.signals).hasSize(2);
        assertThat(reader.ended)
                .failsWithin(SECONDS, TimeUnit.SECONDS)
                .withThrowableThat()
                .withCauseInstanceOf(LimitExceededException.class)
                .havingRootCause()
                .isSameAs(workers.rejection);
        assertThat(closer.get(SECONDS, TimeUnit.SECONDS)).isNotSameAs(Thread.currentThread());
    }

    @Test
    void rule_3_4_an_iteration_that_is_left_after_its_workers_were_shut_down_closes_its_source() throws Exception {
        ShutDown workers = new ShutDown();
        CapacityLimiter limiter = limiter(1, workers);
        Collector reader = new Collector(1);
        CompletableFuture<Thread> closer = new CompletableFuture<>();
        Limiters.iterate(limiter, Stream.of(1, 2).onClose(() -> closer.complete(Thread.currentThread())))
                .subscribe(reader);
        workers.shutDown = true;

        reader.begun.join().cancel();

        assertThat(closer.get(SECONDS, TimeUnit.SECONDS)).isNotSameAs(Thread.currentThread());
        assertThat(reader.signals).containsExactly("1");
    }

    @Test
    void rule_3_5_a_request_that_is_an_error_is_told_as_such_after_the_workers_were_shut_down() throws Exception {
        ShutDown workers = new ShutDown();
        Collector reader = new Collector(1);
        CountDownLatch closed = new CountDownLatch(1);
        Limiters.iterate(limiter(1, workers), Stream.of(1, 2).onClose(closed::countDown))
                .subscribe(reader);
        workers.shutDown = true;

        reader.begun.join().request(-3);

        await(closed);
        assertThat(reader.ended)
                .failsWithin(SECONDS, TimeUnit.SECONDS)
                .withThrowableThat()
                .withCauseInstanceOf(IllegalArgumentException.class)
                .withMessageContaining("was -3");
    }

    /** The task it rejected, and one that closes the source. */
    @Test
    void rule_3_4_a_draw_that_an_executor_rejected_and_runs_all_the_same_does_nothing() {
        List<Runnable> tasks = new ArrayList<>();
        CapacityLimiter limiter = limiter(1, task -> {
            tasks.add(task);
            if (tasks.size() == 1) {
                throw new RejectedExecutionException("not at once");
            }
        });
        AtomicInteger closed = new AtomicInteger();
        Collector reader = new Collector();
        Limiters.iterate(limiter, Stream.of(1).onClose(closed::incrementAndGet)).subscribe(reader);
        assertThat(reader.ended).isCompletedExceptionally();
        assertThat(tasks).hasSize(2);

        tasks.get(0).run();

        assertThat(closed).hasValue(0);
        assertThat(((Crew.Task) tasks.get(0)).noWorker(new RejectedExecutionException("again")))
                .isFalse();
        tasks.get(1).run();
        assertThat(closed).hasValue(1);
        assertThat(reader.signals).hasSize(1);
    }

    @Test
    void rule_2_1_a_permit_is_back_before_the_caller_hears_that_there_is_no_worker() throws Exception {
        ShutDown workers = new ShutDown();
        CapacityLimiter limiter = limiter(1, workers);
        workers.shutDown = true;
        Permit held = limiter.acquire();
        CompletableFuture<Integer> inUse = Limiters.run(limiter, () -> "ran")
                .handle((ran, failure) -> limiter.statistics().inUse());

        held.close();

        assertThat(inUse).isCompletedWithValue(0);
    }

    @Test
    void rule_2_1_a_permit_is_back_before_a_subscriber_hears_that_there_is_no_worker() throws Exception {
        ShutDown workers = new ShutDown();
        CapacityLimiter limiter = limiter(1, workers);
        workers.shutDown = true;
        Permit held = limiter.acquire();
        Collector reader = new Collector();
        CompletableFuture<Integer> inUse =
                reader.ended.handle((complete, failure) -> limiter.statistics().inUse());
        Limiters.iterate(limiter, List.of(1)).subscribe(reader);

        held.close();

        assertThat(inUse).isCompletedWithValue(0);
    }

    /** A slice that a foreign executor runs again while it is under way. */
    @Test
    void rule_1_4_a_draw_that_an_executor_runs_twice_gives_one_permit_back_in_the_end() {
        CapacityLimiter limiter = limiter(2, task -> {
            task.run();
            task.run();
        });
        Collector collector = new Collector();
        AtomicInteger closed = new AtomicInteger();
        try (Permit held = limiter.tryAcquire().orElseThrow()) {
            Limiters.iterate(limiter, Stream.of(1, 2).onClose(closed::incrementAndGet))
                    .subscribe(collector);
            assertThat(held.limiter().statistics().inUse()).isEqualTo(1);
        }
        assertThat(collector.signals).containsExactly("1", "2", "complete");
        assertThat(closed).hasValue(1);
    }

    /** A limiter whose threads cannot be started. */
    private static final class WithoutThreads extends GateLimiter {
        private final Crew none = new Crew() {
            @Override
            public void execute(Runnable task, boolean passOn) {
                throw new OutOfMemoryError("unable to create native thread");
            }

            @Override
            public boolean foreign() {
                return false;
            }

            @Override
            public void resized() {}

            @Override
            public void retire() {}
        };

        WithoutThreads(LimiterSettings settings) {
            super(settings);
        }

        @Override
        Crew crew() {
            return none;
        }
    }

    private CapacityLimiter withoutThreads(LimiterListener listener) {
        LimiterSettings settings = new LimiterSettings("threadless");
        settings.capacity(1).maxWaiting(20_000).listener(listener);
        return limiters.watchAndClose(new WithoutThreads(settings));
    }

    @Test
    void rule_1_8_any_number_of_works_for_which_there_is_no_thread_fail_on_a_small_stack() throws Exception {
        CapacityLimiter limiter = withoutThreads(new LimiterListener() {});
        Permit held = limiter.acquire();
        List<CompletableFuture<String>> works = new ArrayList<>();
        for (int i = 0; i < 20_000; i++) {
            works.add(Limiters.run(limiter, () -> "ran"));
        }

        held.close();

        assertThat(limiter.statistics().refused(RefusalReason.NO_WORKER)).isEqualTo(20_000);
        assertThat(works.stream().filter(CompletableFuture::isCompletedExceptionally))
                .hasSize(20_000);
    }

    /** Not many, as each source is closed on a thread that is started for it. */
    @Test
    void rule_1_8_iterations_for_which_there_is_no_thread_fail_one_after_another() throws Exception {
        AtomicLong deepest = new AtomicLong();
        CapacityLimiter limiter = withoutThreads(new LimiterListener() {
            @Override
            public void refused(CapacityLimiter from, RefusalReason reason) {
                long depth = StackWalker.getInstance().walk(Stream::count);
                deepest.accumulateAndGet(depth, Math::max);
            }
        });
        Permit held = limiter.acquire();
        CountDownLatch closed = new CountDownLatch(200);
        for (int i = 0; i < 200; i++) {
            Limiters.iterate(limiter, Stream.of(1).onClose(closed::countDown)).subscribe(new Collector());
        }

        held.close();

        await(closed);
        assertThat(limiter.statistics().refused(RefusalReason.NO_WORKER)).isEqualTo(200);
        assertThat(deepest).as("frames").hasValueLessThan(500);
    }
}
