package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.ContextCarrier;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.spi.WorkLimiter;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** Section 2 of the rules: work that runs under a limiter. */
@SuppressWarnings("FutureReturnValueIgnored") // much work is watched through the limiter, not through its future
public abstract class RunRules extends LimiterRules {

    /** For subclasses. */
    protected RunRules() {}

    /**
     * Whether limiters of {@link #newBuilder}, unless told otherwise, run work on platform threads of their own. Where they do
     * not, as with virtual threads, the rules about named threads are skipped.
     *
     * @return true, unless overridden
     */
    protected boolean ownsThreads() {
        return true;
    }

    /** Starts work that occupies a permit until its gate is opened. */
    Gate occupy(CapacityLimiter limiter) {
        Gate gate = new Gate();
        Limiters.run(limiter, gate);
        await(gate.entered);
        return gate;
    }

    /** What a future failed with, the very object. */
    Throwable thrownBy(CompletableFuture<?> future) {
        CompletableFuture<Optional<Throwable>> thrown = future.handle((value, failure) -> Optional.ofNullable(failure));
        return get(thrown).orElseThrow(() -> new AssertionError("Expected a failure, but there was none"));
    }

    static String threadPrefix(CapacityLimiter limiter) {
        return "weir-" + limiter.name() + "-";
    }

    static List<Thread> threadsOf(CapacityLimiter limiter) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith(threadPrefix(limiter)))
                .toList();
    }

    // ---- 2.1 permit first, thread second ----

    @Test
    void rule_2_1_run_hands_over_to_another_thread_and_returns_at_once() {
        CapacityLimiter limiter = limiter(1);
        Gate gate = new Gate();

        CompletableFuture<String> outcome = Limiters.run(limiter, gate);

        await(gate.entered);
        assertThat(outcome).isNotDone();
        assertThat(gate.thread.get()).isNotSameAs(Thread.currentThread());
        assertThat(limiter.statistics().inUse()).isEqualTo(1);
        gate.open();
        assertThat(get(outcome)).isEqualTo("passed");
    }

    @Test
    void rule_2_1_queued_work_owns_no_thread() {
        CapacityLimiter limiter = limiter(1);
        Gate gate = occupy(limiter);
        int before = liveThreads();

        List<CompletableFuture<Integer>> queued = new ArrayList<>();
        for (int i = 0; i < 1_000; i++) {
            int number = i;
            queued.add(Limiters.run(limiter, () -> number));
        }

        assertThat(limiter.statistics().waiting()).isEqualTo(1_000);
        assertThat(liveThreads()).as("live threads").isLessThan(before + 10);
        gate.open();
        for (int i = 0; i < 1_000; i++) {
            assertThat(get(queued.get(i))).isEqualTo(i);
        }
    }

    @Test
    void rule_2_1_workers_get_no_more_than_was_admitted() {
        Queue<Runnable> handedOver = new ConcurrentLinkedQueue<>();
        CapacityLimiter limiter = build(builder().capacity(2).workers(handedOver::add));

        List<CompletableFuture<String>> outcomes = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            outcomes.add(Limiters.run(limiter, () -> "done"));
        }

        assertThat(handedOver).hasSize(2);
        assertThat(limiter.statistics().inUse()).isEqualTo(2);
        assertThat(limiter.statistics().waiting()).isEqualTo(3);
        while (!handedOver.isEmpty()) {
            handedOver.remove().run();
        }
        outcomes.forEach(outcome -> assertThat(get(outcome)).isEqualTo("done"));
    }

    @Test
    void rule_2_1_work_of_one_permit_runs_in_order_and_one_at_a_time() {
        CapacityLimiter limiter = limiter(1);
        Gate gate = occupy(limiter);
        Queue<Integer> order = new ConcurrentLinkedQueue<>();
        List<Integer> expected = new ArrayList<>();
        AtomicInteger running = new AtomicInteger();
        List<CompletableFuture<Integer>> outcomes = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            int number = i;
            expected.add(number);
            outcomes.add(Limiters.run(limiter, () -> {
                int atOnce = running.incrementAndGet();
                order.add(number);
                running.decrementAndGet();
                return atOnce;
            }));
        }

        gate.open();

        outcomes.forEach(outcome -> assertThat(get(outcome)).isEqualTo(1));
        assertThat(order).containsExactlyElementsOf(expected);
    }

    @Test
    void rule_2_1_the_permit_is_back_before_the_result_is_published() {
        CapacityLimiter limiter = limiter(1);
        for (int round = 0; round < 500; round++) {
            boolean fails = round % 2 == 1;
            CompletableFuture<Integer> inUse = Limiters.run(limiter, () -> {
                        if (fails) {
                            throw new IOException("the work's own failure");
                        }
                        return 1;
                    })
                    .handle((value, failure) -> limiter.statistics().inUse());
            assertThat(get(inUse)).as("in use when the result was published").isZero();
            take(limiter).close();
        }
    }

    @Test
    void rule_2_1_work_in_the_queue_does_not_wait_for_dependents_of_work_that_has_ended() {
        CapacityLimiter limiter = limiter(1);
        Gate gate = new Gate();
        Gate dependents = new Gate();
        CompletableFuture<String> dependent = Limiters.run(limiter, gate).thenApply(value -> dependents.call());
        CompletableFuture<String> queued = Limiters.run(limiter, () -> "ran");
        gate.open();

        get(queued);
        dependents.open();
        get(dependent);
    }

    @Test
    void rule_2_1_call_runs_on_the_calling_thread_under_a_permit() throws Exception {
        CapacityLimiter limiter = limiter(1);

        Thread thread = Limiters.call(limiter, () -> {
            assertThat(limiter.statistics().inUse()).isEqualTo(1);
            assertNoneFree(limiter);
            return Thread.currentThread();
        });

        assertThat(thread).isSameAs(Thread.currentThread());
        assertThat(limiter.statistics().inUse()).isZero();
    }

    @Test
    void rule_2_1_call_waits_in_the_one_queue() {
        CapacityLimiter limiter = limiter(1);
        Gate gate = occupy(limiter);
        Caller<String> caller = start(() -> Limiters.call(limiter, () -> "called"));
        awaitWaiting(limiter, 1);
        CompletableFuture<String> later = Limiters.run(limiter, () -> "ran");
        assertNoneFree(limiter);

        gate.open();

        assertThat(get(caller.outcome())).isEqualTo("called");
        assertThat(get(later)).isEqualTo("ran");
    }

    @Test
    void rule_2_1_a_full_queue_refuses_work_in_the_future_and_never_runs_it() {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(0));
        Gate gate = occupy(limiter);
        AtomicBoolean ran = new AtomicBoolean();

        CompletableFuture<Void> refused = Limiters.run(limiter, () -> ran.set(true));

        assertRefused(thrownBy(refused), RefusalReason.QUEUE_FULL, limiter);
        assertRefused(
                catchThrowable(() -> Limiters.executor(limiter).execute(() -> ran.set(true))),
                RefusalReason.QUEUE_FULL,
                limiter);
        assertRefused(
                failureOf(start(() -> Limiters.call(limiter, () -> "called")).outcome()),
                RefusalReason.QUEUE_FULL,
                limiter);
        gate.open();
        awaitIdle(limiter);
        assertThat(ran).isFalse();
        assertThat(limiter.statistics().acquired()).isEqualTo(1);
    }

    // ---- 2.2 the permit comes home ----

    @Test
    void rule_2_2_the_permit_comes_back_and_the_caller_gets_the_same_throwable() {
        CapacityLimiter limiter = limiter(1);
        for (Throwable thrown : List.of(
                new IOException("checked"),
                new IllegalStateException("unchecked"),
                new AssertionError("an error"),
                new OutOfMemoryError("made up"),
                new StackOverflowError(),
                new NoClassDefFoundError("made.up"),
                new RejectedExecutionException("the work's own"))) {
            assertThat(thrownBy(Limiters.run(limiter, () -> raise(thrown)))).isSameAs(thrown);
            assertThat(limiter.statistics().inUse()).isZero();
            assertThat(catchThrowable(() -> Limiters.call(limiter, () -> raise(thrown))))
                    .isSameAs(thrown);
            assertThat(limiter.statistics().inUse()).isZero();
            assertThat(thrownBy(Limiters.finish(limiter, () -> raise(thrown)))).isSameAs(thrown);
            assertThat(thrownBy(Limiters.runInterruptibly(limiter, () -> raise(thrown))))
                    .isSameAs(thrown);
            assertThat(limiter.statistics().inUse()).isZero();
        }
        assertThat(get(Limiters.run(limiter, () -> "still working"))).isEqualTo("still working");
    }

    static String raise(Throwable thrown) throws Exception {
        if (thrown instanceof Error error) {
            throw error;
        }
        throw (Exception) thrown;
    }

    @Test
    void rule_2_2_work_that_interrupts_its_own_thread_harms_nobody() {
        CapacityLimiter limiter = limiter(1);
        for (int i = 0; i < 20; i++) {
            Limiters.run(limiter, () -> Thread.currentThread().interrupt());
        }

        assertThat(get(Limiters.run(limiter, () -> Thread.interrupted()))).isFalse();
        awaitIdle(limiter);
        assertThat(limiter.statistics().acquired()).isEqualTo(21);
    }

    @Test
    void rule_2_2_a_rejecting_executor_is_a_typed_refusal_and_the_permit_comes_back() {
        CapacityLimiter limiter = build(builder().capacity(1).workers(command -> {
            throw new RejectedExecutionException("no room");
        }));
        Permit held = take(limiter);
        List<CompletableFuture<String>> queued = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            queued.add(Limiters.run(limiter, () -> "never"));
        }

        held.close();

        queued.forEach(outcome -> assertRefused(thrownBy(outcome), RefusalReason.NO_WORKER, limiter));
        assertRefused(thrownBy(Limiters.run(limiter, () -> "never")), RefusalReason.NO_WORKER, limiter);
        awaitIdle(limiter);
        take(limiter).close();
        assertThat(limiter.statistics().refused(RefusalReason.NO_WORKER)).isEqualTo(4);
    }

    @Test
    void rule_2_2_an_executor_that_fails_gives_the_permit_back() {
        CapacityLimiter limiter = build(builder().capacity(1).workers(command -> {
            throw new OutOfMemoryError("unable to create native thread");
        }));

        CompletableFuture<String> outcome = new CompletableFuture<>();
        Throwable thrown = catchThrowable(() -> Limiters.run(limiter, () -> "never")
                .whenComplete((value, failure) -> outcome.completeExceptionally(
                        failure == null ? new AssertionError("ran, with " + value) : failure)));

        assertThat(thrown == null ? thrownBy(outcome) : thrown).isNotInstanceOf(AssertionError.class);
        assertThat(limiter.statistics().inUse()).isZero();
        take(limiter).close();
    }

    @Test
    void rule_2_2_an_executor_that_runs_the_work_and_then_fails_gives_the_permit_back_once() {
        CapacityLimiter limiter = build(builder().capacity(2).workers(command -> {
            command.run();
            throw new RejectedExecutionException("after the fact");
        }));
        Permit other = take(limiter);

        CompletableFuture<String> outcome = Limiters.run(limiter, () -> "ran");

        await("an outcome", outcome::isDone);
        assertThat(limiter.statistics().inUse()).isEqualTo(1);
        assertThat(limiter.statistics().released()).isEqualTo(1);
        other.close();
    }

    @Test
    void rule_2_2_null_is_a_value() {
        CapacityLimiter limiter = limiter(1);

        CompletableFuture<Boolean> wasNull = Limiters.run(
                        limiter, () -> Optional.<String>empty().orElse(null))
                .thenApply(value -> value == null);

        assertThat(get(wasNull)).isTrue();
    }

    @Test
    void rule_2_2_what_a_task_of_the_executor_throws_harms_nobody() {
        Queue<Throwable> uncaught = new ConcurrentLinkedQueue<>();
        CapacityLimiter limiter = build(builder().capacity(1).workers(command -> {
            Thread thread = new Thread(command, "tck-worker");
            thread.setDaemon(true);
            thread.setUncaughtExceptionHandler((t, failure) -> uncaught.add(failure));
            thread.start();
        }));
        IllegalStateException failure = new IllegalStateException("the task's own");
        Executor executor = Limiters.executor(limiter);
        CountDownLatch ran = new CountDownLatch(1);

        executor.execute(() -> {
            throw failure;
        });
        executor.execute(ran::countDown);

        await(ran);
        awaitIdle(limiter);
        await("the handler for uncaught exceptions", () -> uncaught.contains(failure));
    }

    // ---- 2.3 leaving ----

    @Test
    void rule_2_3_work_cancelled_while_queued_never_runs_and_uses_no_permit() {
        RecordingListener listener = new RecordingListener();
        CapacityLimiter limiter = build(builder().capacity(1).listener(listener));
        Gate gate = occupy(limiter);
        AtomicInteger ran = new AtomicInteger();
        CompletableFuture<Integer> cancelled = Limiters.run(limiter, ran::incrementAndGet);
        CompletableFuture<Integer> completed = Limiters.run(limiter, ran::incrementAndGet);
        CompletableFuture<Integer> timedOut = Limiters.run(limiter, ran::incrementAndGet);
        CompletableFuture<String> stays = Limiters.run(limiter, () -> "ran");

        cancelled.cancel(true);
        completed.complete(-1);
        timedOut.orTimeout(1, TimeUnit.MILLISECONDS);

        awaitWaiting(limiter, 1);
        gate.open();
        assertThat(get(stays)).isEqualTo("ran");
        awaitIdle(limiter);
        assertThat(ran).hasValue(0);
        assertThat(limiter.statistics().acquired()).isEqualTo(2);
        assertThat(limiter.statistics().withdrawn()).isEqualTo(3);
        assertThat(limiter.statistics().abandoned()).isZero();
        await("the events", () -> listener.count("withdrawn") == 3);
    }

    @Test
    void rule_2_3_work_cancelled_between_grant_and_start_never_runs_and_gives_the_permit_back() {
        Queue<Runnable> handedOver = new ConcurrentLinkedQueue<>();
        CapacityLimiter limiter = build(builder().capacity(1).workers(handedOver::add));
        AtomicBoolean ran = new AtomicBoolean();
        CompletableFuture<Void> outcome = Limiters.run(limiter, () -> ran.set(true));

        outcome.cancel(true);
        handedOver.forEach(Runnable::run);

        awaitIdle(limiter);
        assertThat(ran).isFalse();
        take(limiter).close();
    }

    @Test
    void rule_2_3_work_left_while_running_keeps_its_permit_until_it_ends() {
        RecordingListener listener = new RecordingListener();
        CapacityLimiter limiter = build(builder().capacity(1).listener(listener));
        Gate gate = new Gate();
        CompletableFuture<String> outcome = Limiters.run(limiter, gate);
        await(gate.entered);

        outcome.cancel(true);

        assertThat(thrownBy(outcome)).isInstanceOf(CancellationException.class);
        CompletableFuture<String> next = Limiters.run(limiter, () -> "next");
        assertThat(limiter.statistics().inUse()).isEqualTo(1);
        assertThat(limiter.statistics().abandoned()).isEqualTo(1);
        assertThat(limiter.statistics().waiting()).isEqualTo(1);
        assertThat(next).isNotDone();
        assertNoneFree(limiter);
        await("the event", () -> listener.count("abandoned") == 1);
        assertThat(listener.abandonedOutcomes).isEmpty();
        gate.open();
        assertThat(get(next)).isEqualTo("next");
        awaitIdle(limiter);
        assertThat(gate.interrupted)
                .as("interrupted without having asked for it")
                .isFalse();
        await("the outcome", () -> listener.abandonedOutcomes.equals(List.of(Optional.empty())));
    }

    @Test
    void rule_2_3_the_failure_of_work_that_was_left_is_reported() {
        RecordingListener listener = new RecordingListener();
        CapacityLimiter limiter = build(builder().capacity(1).listener(listener));
        AssertionError failure = new AssertionError("after the caller had left");
        Gate gate = new Gate();
        CompletableFuture<String> outcome = Limiters.run(limiter, () -> {
            gate.call();
            throw failure;
        });
        await(gate.entered);

        outcome.orTimeout(1, TimeUnit.MILLISECONDS);

        await("the event", () -> listener.count("abandoned") == 1);
        gate.open();
        await("the outcome", () -> listener.abandonedOutcomes.size() == 1);
        assertThat(listener.abandonedOutcomes.get(0)).containsSame(failure);
        awaitIdle(limiter);
        assertThat(limiter.statistics().abandoned()).isEqualTo(1);
    }

    @Test
    void rule_2_3_a_listener_that_throws_on_abandoned_work_changes_nothing() {
        CapacityLimiter limiter = build(builder().capacity(1).listener(new RecordingListener(event -> {
            throw new AssertionError("a listener's own trouble with: " + event);
        })));
        Gate gate = new Gate();
        CompletableFuture<String> outcome = Limiters.run(limiter, gate);
        await(gate.entered);

        outcome.cancel(true);
        gate.open();

        assertThat(get(Limiters.run(limiter, () -> "next"))).isEqualTo("next");
        assertThat(limiter.statistics().abandoned()).isEqualTo(1);
    }

    @Test
    void rule_2_3_interruption_is_opt_in_and_the_permit_stays_until_the_work_ends() {
        CapacityLimiter limiter = limiter(1);
        CountDownLatch entered = new CountDownLatch(1);
        CountDownLatch sawInterrupt = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        CompletableFuture<String> outcome = Limiters.runInterruptibly(limiter, () -> {
            entered.countDown();
            try {
                new CountDownLatch(1).await();
            } catch (InterruptedException e) {
                sawInterrupt.countDown();
            }
            awaitUninterruptibly(mayEnd);
            return "ended";
        });
        await(entered);

        outcome.cancel(true);

        await(sawInterrupt);
        assertThat(limiter.statistics().inUse()).isEqualTo(1);
        assertNoneFree(limiter);
        CompletableFuture<Boolean> next = Limiters.run(limiter, Thread::interrupted);
        mayEnd.countDown();
        assertThat(get(next)).as("the next work was interrupted").isFalse();
    }

    @Test
    void rule_2_3_an_interrupt_does_not_reach_dependents_of_whoever_is_next() {
        CapacityLimiter limiter = limiter(1);
        CountDownLatch running = new CountDownLatch(1);
        CompletableFuture<String> work = Limiters.runInterruptibly(limiter, () -> {
            running.countDown();
            while (!Thread.currentThread().isInterrupted()) {
                Thread.onSpinWait();
            }
            return "leaves it to others to clear the flag";
        });
        awaitUninterruptibly(running);
        CompletableFuture<Boolean> next = limiter.acquireAsync().thenApply(permit -> {
            permit.close();
            return Thread.currentThread().isInterrupted();
        });

        assertThat(work.cancel(true)).isTrue();

        assertThat(get(next)).isFalse();
    }

    @Test
    void rule_2_3_an_interrupt_never_reaches_other_work() {
        CapacityLimiter limiter = limiter(1);
        for (int round = 0; round < 300; round++) {
            CountDownLatch entered = new CountDownLatch(1);
            AtomicBoolean mayEnd = new AtomicBoolean();
            CompletableFuture<String> outcome = Limiters.runInterruptibly(limiter, () -> {
                entered.countDown();
                while (!mayEnd.get()) {
                    Thread.onSpinWait();
                }
                return "ended";
            });
            CompletableFuture<Boolean> next = Limiters.run(limiter, () -> {
                LockSupport.parkNanos(20_000);
                return Thread.interrupted();
            });
            await(entered);

            mayEnd.set(true);
            outcome.cancel(true);

            assertThat(get(next))
                    .as("the next work was interrupted, round " + round)
                    .isFalse();
        }
        awaitIdle(limiter);
    }

    @Test
    void rule_2_3_work_cancelled_at_random_runs_whole_or_not_at_all() {
        CapacityLimiter limiter = limiter(2);
        AtomicInteger begun = new AtomicInteger();
        AtomicInteger ended = new AtomicInteger();
        for (int round = 0; round < 1_000; round++) {
            CompletableFuture<Integer> outcome = Limiters.run(limiter, () -> {
                begun.incrementAndGet();
                return ended.incrementAndGet();
            });
            for (int spin = 0; spin < (round % 50) * 20; spin++) {
                Thread.onSpinWait();
            }
            outcome.cancel(true);
        }
        awaitIdle(limiter);
        assertThat(ended.get()).isEqualTo(begun.get());
        List<Permit> held = hold(limiter, 2);
        assertNoneFree(limiter);
        closeAll(held);
    }

    // ---- 2.4 nested use ----

    @Test
    void rule_2_4_nested_work_runs_inline_on_the_permit_it_holds() {
        CapacityLimiter limiter = limiter(1);

        CompletableFuture<List<Thread>> threads = Limiters.run(limiter, () -> {
            Thread outer = Thread.currentThread();
            Thread inRun = Limiters.run(limiter, Thread::currentThread).join();
            Thread inCall = Limiters.call(limiter, Thread::currentThread);
            Thread inFinish = Limiters.finish(limiter, Thread::currentThread).join();
            assertThat(limiter.statistics().inUse()).isEqualTo(1);
            return List.of(outer, inRun, inCall, inFinish);
        });

        assertThat(Set.copyOf(get(threads))).hasSize(1);
        assertThat(limiter.statistics().inUse()).isZero();
    }

    @Test
    void rule_2_4_nested_work_inside_call_and_finish_runs_inline_too() throws Exception {
        CapacityLimiter limiter = limiter(1);

        String called = Limiters.call(
                limiter, () -> Limiters.run(limiter, () -> "inside call").join());
        CompletableFuture<String> finished = Limiters.finish(
                limiter, () -> Limiters.run(limiter, () -> "inside finish").join());

        assertThat(called).isEqualTo("inside call");
        assertThat(get(finished)).isEqualTo("inside finish");
    }

    @Test
    void rule_2_4_work_that_comes_back_through_another_limiter_runs_inline() {
        CapacityLimiter a = limiter(1);
        CapacityLimiter b = limiter(1);

        CompletableFuture<String> outcome = Limiters.run(
                a,
                () -> Limiters.run(b, () -> {
                            Thread here = Thread.currentThread();
                            assertThat(Limiters.run(a, Thread::currentThread).join())
                                    .isSameAs(here);
                            assertThat(Limiters.finish(a, Thread::currentThread).join())
                                    .isSameAs(here);
                            return Limiters.call(
                                    a, () -> Limiters.run(b, () -> "back").join());
                        })
                        .join());

        assertThat(get(outcome)).isEqualTo("back");
    }

    @Test
    void rule_2_4_nested_work_that_fails_fails_its_own_future_only() {
        CapacityLimiter limiter = limiter(1);
        AssertionError failure = new AssertionError("nested");

        CompletableFuture<Throwable> seen =
                Limiters.run(limiter, () -> thrownBy(Limiters.run(limiter, () -> raise(failure))));

        assertThat(get(seen)).isSameAs(failure);
    }

    @Test
    void rule_2_4_deeply_nested_work_ends() {
        CapacityLimiter limiter = limiter(1);

        assertThat(get(Limiters.run(limiter, () -> nest(limiter, 50)))).isEqualTo(50);
        assertThat(limiter.statistics().inUse()).isZero();
    }

    private static int nest(CapacityLimiter limiter, int levels) {
        return levels == 0
                ? 0
                : 1 + Limiters.run(limiter, () -> nest(limiter, levels - 1)).join();
    }

    @Test
    void rule_2_4_a_permit_covers_nested_work_only_while_it_is_held() {
        CapacityLimiter a = limiter(1);
        CapacityLimiter b = limiter(1);
        CountDownLatch outerEnded = new CountDownLatch(1);
        CompletableFuture<CompletableFuture<CompletableFuture<String>>> outer = Limiters.run(
                a,
                () -> Limiters.run(b, () -> {
                    awaitUninterruptibly(outerEnded);
                    return Limiters.run(a, () -> "under a permit of its own");
                }));
        CompletableFuture<CompletableFuture<String>> middle = get(outer);
        Permit held = take(a);

        outerEnded.countDown();

        awaitWaiting(a, 1);
        CompletableFuture<String> inner = get(middle);
        assertThat(inner).isNotDone();
        held.close();
        assertThat(get(inner)).isEqualTo("under a permit of its own");
    }

    @Test
    void rule_2_4_cover_does_not_outlive_the_work_on_its_thread() {
        CapacityLimiter limiter = build(builder().capacity(1).workers(Runnable::run));
        get(Limiters.run(limiter, () -> "on this very thread"));
        Permit held = take(limiter);

        CompletableFuture<String> next = Limiters.run(limiter, () -> "queued");

        assertThat(limiter.statistics().waiting()).isEqualTo(1);
        held.close();
        assertThat(get(next)).isEqualTo("queued");
    }

    @Test
    void rule_2_4_detached_work_is_not_covered() {
        CapacityLimiter limiter = limiter(1);
        CountDownLatch executed = new CountDownLatch(1);
        AtomicReference<CompletableFuture<Void>> background = new AtomicReference<>();

        CompletableFuture<Integer> waiting = Limiters.run(limiter, () -> {
            background.set(Limiters.background(limiter, () -> {}));
            Limiters.executor(limiter).execute(executed::countDown);
            return limiter.statistics().waiting();
        });

        assertThat(get(waiting)).isEqualTo(2);
        get(background.get());
        await(executed);
        awaitIdle(limiter);
        assertThat(limiter.statistics().acquired()).isEqualTo(3);
    }

    @Test
    void rule_2_4_work_on_a_caller_held_permit_is_covered_by_it() {
        CapacityLimiter limiter = limiter(1);
        Permit permit = take(limiter);
        CompletableFuture<String> nested = new CompletableFuture<>();

        WorkLimiter.of(limiter).execute(permit, () -> {
            Thread here = Thread.currentThread();
            Thread inside = Limiters.run(limiter, Thread::currentThread).join();
            nested.complete(inside == here ? "inline" : "elsewhere");
        });

        assertThat(get(nested)).isEqualTo("inline");
        assertThat(limiter.statistics().inUse()).as("still the caller's permit").isEqualTo(1);
        permit.close();
        take(limiter).close();
    }

    /** Work that holds a permit when it is told to go on. */
    private CompletableFuture<String> holding(
            CapacityLimiter limiter, CountDownLatch everybody, Callable<String> then) {
        return Limiters.run(limiter, () -> {
            everybody.countDown();
            awaitUninterruptibly(everybody);
            return then.call();
        });
    }

    /** All end; those that were refused say so with the names of all limiters of the ring. */
    private void assertOneIsRefused(List<CompletableFuture<String>> ring, List<CapacityLimiter> limiters) {
        List<Throwable> refused = new ArrayList<>();
        for (CompletableFuture<String> one : ring) {
            await("the end of work in a ring", one::isDone);
            Throwable failure = catchThrowable(one::join);
            if (failure != null) {
                refused.add(rootOf(failure));
            }
        }
        assertThat(refused).singleElement().satisfies(failure -> {
            assertThat(failure).isInstanceOf(LimitExceededException.class);
            assertThat(((LimitExceededException) failure).reason()).isEqualTo(RefusalReason.WOULD_DEADLOCK);
            assertThat(limiters).allSatisfy(limiter -> assertThat(failure).hasMessageContaining(limiter.name()));
        });
        assertThat(limiters.stream().mapToLong(limiter -> limiter.statistics().refused(RefusalReason.WOULD_DEADLOCK)))
                .containsOnlyOnce(1L);
    }

    private static Throwable rootOf(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return root;
    }

    @Test
    void rule_2_4_a_ring_of_work_under_two_limiters_ends_with_one_refusal() {
        CapacityLimiter a = limiter(1);
        CapacityLimiter b = limiter(1);
        CountDownLatch both = new CountDownLatch(2);

        List<CompletableFuture<String>> ring = List.of(
                holding(a, both, () -> Limiters.run(b, () -> "done").join()),
                holding(b, both, () -> Limiters.run(a, () -> "done").join()));

        assertOneIsRefused(ring, List.of(a, b));
    }

    @Test
    void rule_2_4_a_ring_of_work_that_waits_in_different_ways_ends_with_one_refusal() {
        CapacityLimiter a = limiter(2);
        CapacityLimiter b = limiter(1);
        CapacityLimiter c = limiter(1);
        CountDownLatch everybody = new CountDownLatch(4);

        List<CompletableFuture<String>> ring = List.of(
                holding(a, everybody, () -> Limiters.call(b, () -> "done")),
                holding(a, everybody, () -> Limiters.run(b, () -> "done").get()),
                holding(b, everybody, () -> {
                    try (Permit permit = c.acquire()) {
                        return permit.limiter().name();
                    }
                }),
                holding(c, everybody, () -> {
                    try (Permit permit = a.acquireAsync().join()) {
                        return permit.limiter().name();
                    }
                }));

        assertOneIsRefused(ring, List.of(a, b, c));
    }

    @Test
    void rule_2_4_a_permit_asked_for_by_work_under_the_last_one_is_refused() {
        CapacityLimiter limiter = limiter(1);

        CompletableFuture<String> work = Limiters.run(limiter, () -> {
            try (Permit second = limiter.acquire()) {
                return "held twice: " + second;
            }
        });

        assertOneIsRefused(List.of(work), List.of(limiter));
    }

    // ---- 2.5 work that finishes admitted work ----

    @Test
    void rule_2_5_finishing_work_does_not_stand_behind_newcomers() {
        CapacityLimiter limiter = limiter(1);
        Gate gate = occupy(limiter);
        List<CompletableFuture<String>> newcomers = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            newcomers.add(Limiters.run(limiter, () -> "newcomer"));
        }

        CompletableFuture<Integer> finished =
                Limiters.finish(limiter, () -> limiter.statistics().inUse());

        assertThat(get(finished)).as("in use, with one in the reserve").isEqualTo(2);
        assertThat(newcomers).noneMatch(CompletableFuture::isDone);
        gate.open();
        newcomers.forEach(this::get);
    }

    @Test
    void rule_2_5_the_reserve_is_bounded_and_newcomers_never_get_it() {
        CapacityLimiter limiter = build(builder().capacity(1).reserve(2));
        Gate gate = occupy(limiter);
        List<Gate> gates = List.of(new Gate(), new Gate(), new Gate());
        CompletableFuture<String> newcomer = Limiters.run(limiter, () -> "newcomer");
        List<CompletableFuture<String>> finishing =
                gates.stream().map(g -> Limiters.finish(limiter, g)).toList();
        await(gates.get(0).entered);
        await(gates.get(1).entered);

        assertThat(limiter.statistics().inUse()).isEqualTo(3);
        assertThat(limiter.statistics().waiting()).isEqualTo(2);
        assertNoneFree(limiter);
        gates.get(0).open();
        await(gates.get(2).entered);
        assertThat(newcomer).as("went ahead of finishing work").isNotDone();
        assertThat(limiter.statistics().inUse()).isEqualTo(3);

        gates.forEach(Gate::open);
        finishing.forEach(this::get);
        assertThat(newcomer).as("used the reserve").isNotDone();
        gate.open();
        assertThat(get(newcomer)).isEqualTo("newcomer");
    }

    @Test
    void rule_2_5_without_a_reserve_finishing_work_is_next() {
        CapacityLimiter limiter = build(builder().capacity(1).reserve(0));
        Gate gate = occupy(limiter);
        Queue<String> order = new ConcurrentLinkedQueue<>();
        CompletableFuture<Void> newcomer = Limiters.run(limiter, () -> {
            order.add("newcomer");
        });
        CompletableFuture<Void> finished = Limiters.finish(limiter, () -> {
            order.add("finishing");
        });
        assertThat(limiter.statistics().inUse()).isEqualTo(1);

        gate.open();

        get(newcomer);
        get(finished);
        assertThat(order).containsExactly("finishing", "newcomer");
    }

    @Test
    void rule_2_5_finishing_work_is_never_refused() {
        CapacityLimiter limiter =
                build(builder().capacity(1).reserve(1).maxWaiting(0).maxWait(Duration.ofMillis(10)));
        Gate first = occupy(limiter);
        Gate second = new Gate();
        CompletableFuture<String> inReserve = Limiters.finish(limiter, second);
        await(second.entered);
        CompletableFuture<String> queued = Limiters.finish(limiter, () -> "queued and never refused");
        assertRefused(thrownBy(Limiters.run(limiter, () -> "newcomer")), RefusalReason.QUEUE_FULL, limiter);

        limiter.close();
        CompletableFuture<String> afterClose = Limiters.finish(limiter, () -> "after close");
        long start = System.nanoTime();
        await("the wait limit to pass", () -> System.nanoTime() - start > 50_000_000L);
        first.open();
        second.open();

        assertThat(get(inReserve)).isEqualTo("passed");
        assertThat(get(queued)).isEqualTo("queued and never refused");
        assertThat(get(afterClose)).isEqualTo("after close");
    }

    @Test
    void rule_2_5_a_permit_from_the_reserve_is_not_handed_to_a_newcomer() {
        CapacityLimiter limiter = limiter(2);
        List<Gate> gates = List.of(occupy(limiter), occupy(limiter));
        Gate finishing = new Gate();
        CompletableFuture<String> finished = Limiters.finish(limiter, finishing);
        await(finishing.entered);
        CompletableFuture<String> newcomer = Limiters.run(limiter, () -> "newcomer");

        finishing.open();
        get(finished);

        assertThat(newcomer).isNotDone();
        assertThat(limiter.statistics().inUse()).isEqualTo(2);
        gates.forEach(Gate::open);
        get(newcomer);
    }

    @Test
    void rule_2_5_forty_permits_fifteen_connections_and_all_of_120_requests_succeed() {
        CapacityLimiter limiter = limiter(40);
        Semaphore connections = new Semaphore(15);
        AtomicInteger mostThreads = new AtomicInteger();

        List<CompletableFuture<String>> requests = new ArrayList<>();
        for (int i = 0; i < 120; i++) {
            requests.add(Limiters.run(limiter, () -> borrow(connections))
                    .thenCompose(connection -> Limiters.finish(limiter, () -> {
                        LockSupport.parkNanos(5_000_000); // a short query
                        mostThreads.accumulateAndGet(threadsOf(limiter).size(), Math::max);
                        return connection;
                    }))
                    .thenCompose(connection -> Limiters.finish(limiter, () -> {
                        connections.release();
                        return connection;
                    })));
        }

        requests.forEach(request -> assertThat(get(request)).isEqualTo("connection"));
        assertThat(connections.availablePermits()).isEqualTo(15);
        assertThat(mostThreads.get()).isLessThanOrEqualTo(40 + CapacityLimiterBuilder.DEFAULT_RESERVE);
    }

    private static String borrow(Semaphore connections) throws InterruptedException {
        if (!connections.tryAcquire(3, TimeUnit.SECONDS)) {
            throw new IllegalStateException("no connection within 3 s");
        }
        return "connection";
    }

    // ---- 2.6 threads ----

    @Test
    void rule_2_6_threads_are_lazy_daemon_and_named_after_the_limiter() {
        assumeTrue(ownsThreads(), "work runs on threads of the limiter's own");
        CapacityLimiter limiter = limiter(3);
        assertThat(threadsOf(limiter)).as("threads before there is work").isEmpty();

        Thread worker = get(Limiters.run(limiter, Thread::currentThread));

        assertThat(worker.getName()).startsWith(threadPrefix(limiter));
        assertThat(worker.isDaemon()).isTrue();
        assertThat(threadsOf(limiter)).hasSizeLessThanOrEqualTo(1);
    }

    @Test
    void rule_2_6_there_are_never_more_threads_than_capacity_and_reserve() {
        assumeTrue(ownsThreads(), "work runs on threads of the limiter's own");
        CapacityLimiter limiter = build(builder().capacity(3).reserve(2));
        AtomicInteger most = new AtomicInteger();
        AtomicInteger mostAtOnce = new AtomicInteger();
        AtomicInteger running = new AtomicInteger();
        List<CompletableFuture<Integer>> outcomes = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            Callable<Integer> work = () -> {
                mostAtOnce.accumulateAndGet(running.incrementAndGet(), Math::max);
                most.accumulateAndGet(threadsOf(limiter).size(), Math::max);
                return running.decrementAndGet();
            };
            outcomes.add(i % 3 == 0 ? Limiters.finish(limiter, work) : Limiters.run(limiter, work));
        }
        outcomes.forEach(this::get);

        assertThat(most.get()).isLessThanOrEqualTo(5);
        assertThat(mostAtOnce.get()).isLessThanOrEqualTo(5);
    }

    @Test
    void rule_2_6_idle_threads_end_without_further_traffic() {
        assumeTrue(ownsThreads(), "work runs on threads of the limiter's own");
        CapacityLimiter limiter = build(builder().capacity(4).workerIdleTime(Duration.ofMillis(50)));
        List<Gate> gates = List.of(occupy(limiter), occupy(limiter), occupy(limiter), occupy(limiter));
        assertThat(threadsOf(limiter)).hasSize(4);

        gates.forEach(Gate::open);

        await("the end of all threads of " + limiter, () -> threadsOf(limiter).isEmpty());
        assertThat(get(Limiters.run(limiter, () -> "a new thread"))).isEqualTo("a new thread");
    }

    @Test
    void rule_2_6_idle_threads_end_when_the_limiter_is_closed() {
        assumeTrue(ownsThreads(), "work runs on threads of the limiter's own");
        CapacityLimiter limiter = build(builder().capacity(2).workerIdleTime(Duration.ofHours(1)));
        Gate busy = occupy(limiter);
        get(Limiters.run(limiter, () -> "one more"));

        limiter.close();

        await("the end of the idle thread", () -> threadsOf(limiter).size() <= 1);
        busy.open();
        await("the end of all threads", () -> threadsOf(limiter).isEmpty());
    }

    @Test
    void rule_2_6_more_threads_come_with_more_capacity() {
        CapacityLimiter limiter = limiter(1);
        Gate first = occupy(limiter);
        Gate second = new Gate();
        CompletableFuture<String> outcome = Limiters.run(limiter, second);

        limiter.resize(2);

        await(second.entered);
        first.open();
        second.open();
        get(outcome);
    }

    // ---- 2.7 context ----

    @Test
    void rule_2_7_context_is_visible_in_the_work_of_every_verb() throws Exception {
        TestContext context = new TestContext();
        CapacityLimiter limiter = build(builder().capacity(1).context(context));
        Queue<String> seen = new ConcurrentLinkedQueue<>();
        Runnable look = () -> seen.add(context.get());
        CountDownLatch executed = new CountDownLatch(1);

        context.set("caller");
        try {
            get(Limiters.run(limiter, look));
            get(Limiters.runInterruptibly(limiter, () -> seen.add(context.get())));
            get(Limiters.finish(limiter, look));
            get(Limiters.background(limiter, look));
            Limiters.executor(limiter).execute(() -> {
                look.run();
                executed.countDown();
            });
            await(executed);
            Limiters.call(limiter, () -> seen.add(context.get()));
            assertThat(context.get()).isEqualTo("caller");
        } finally {
            context.clear();
        }

        assertThat(seen).hasSize(6).containsOnly("caller");
    }

    @Test
    void rule_2_7_context_is_that_of_the_caller_not_of_whoever_frees_the_permit() {
        TestContext context = new TestContext();
        CapacityLimiter limiter = build(builder().capacity(1).context(context));
        Permit held = take(limiter);
        CompletableFuture<String> seen = get(start(() -> {
                    context.set("caller");
                    return Limiters.run(limiter, context::get);
                })
                .outcome());

        promptly(() -> {
            context.set("releaser");
            held.close();
        });

        assertThat(get(seen)).isEqualTo("caller");
    }

    @Test
    void rule_2_7_context_never_leaks_to_the_next_work_on_the_thread() {
        TestContext context = new TestContext();
        CapacityLimiter limiter = build(builder().capacity(1).context(context));
        for (int round = 0; round < 20; round++) {
            boolean fails = round % 2 == 1;
            CompletableFuture<String> first = get(start(() -> {
                        context.set("first");
                        return Limiters.run(limiter, () -> {
                            context.set("set by the work");
                            return fails ? raise(new IOException("the work's own")) : "done";
                        });
                    })
                    .outcome());
            CompletableFuture<String> second = Limiters.run(limiter, context::get);

            await("the first work", first::isDone);
            assertThat(get(second)).isEqualTo(TestContext.NONE);
        }
    }

    @Test
    void rule_2_7_context_never_leaks_back_to_the_caller() {
        TestContext context = new TestContext();
        CapacityLimiter limiter = build(builder().capacity(1).context(context).workers(Runnable::run));
        CapacityLimiter nested = build(builder().capacity(1).context(context));

        context.set("caller");
        try {
            get(Limiters.run(limiter, () -> context.set("set by the work")));
            assertThat(context.get()).isEqualTo("caller");
            get(Limiters.run(nested, () -> {
                Limiters.run(nested, () -> context.set("set by nested work")).join();
                assertThat(context.get()).isEqualTo("caller");
            }));
        } finally {
            context.clear();
        }
    }

    @Test
    void rule_2_7_a_carrier_that_throws_fails_the_work_and_the_permit_comes_back() {
        IllegalStateException failure = new IllegalStateException("the carrier's own trouble");
        ContextCarrier failsToOpen = () -> () -> {
            throw failure;
        };
        ContextCarrier failsToClose = () -> () -> () -> {
            throw failure;
        };
        ContextCarrier failsToCapture = () -> {
            throw failure;
        };
        AtomicBoolean ran = new AtomicBoolean();

        CapacityLimiter opening = build(builder().capacity(1).context(failsToOpen));
        assertThat(thrownBy(Limiters.run(opening, () -> ran.set(true)))).isSameAs(failure);
        assertThat(ran).isFalse();
        take(opening).close();

        CapacityLimiter closing = build(builder().capacity(1).context(failsToClose));
        CompletableFuture<String> closed = Limiters.run(closing, () -> "ran");
        await("an outcome", closed::isDone);
        take(closing).close();

        CapacityLimiter capturing = build(builder().capacity(1).context(failsToCapture));
        Throwable thrown = catchThrowable(() -> {
            throw thrownBy(Limiters.run(capturing, () -> ran.set(true)));
        });
        assertThat(thrown).as("thrown by run or in its future").isSameAs(failure);
        assertThat(ran).isFalse();
        take(capturing).close();
    }

    // ---- 2.8 reachability ----

    @Test
    void rule_2_8_nothing_keeps_the_work_or_its_result() {
        CapacityLimiter limiter = build(builder().capacity(1).workerIdleTime(Duration.ofHours(1)));
        for (int round = 0; round < 10; round++) { // now and then by an idle thread, a new one, a warm one
            runAndForget(limiter).forEach(this::awaitCollected);
        }
    }

    /** What the work threw is left out: a JVM may keep the last exception of a thread that runs compiled code. */
    private Map<String, WeakReference<?>> runAndForget(CapacityLimiter limiter) {
        byte[] captured = new byte[100_000];
        byte[] result = new byte[100_000];
        CompletableFuture<byte[]> outcome = Limiters.run(limiter, () -> captured.length > 0 ? result : captured);
        assertThat(get(outcome)).isSameAs(result);
        CompletableFuture<String> failed =
                Limiters.run(limiter, () -> raise(new IOException("with " + captured.length + " bytes")));
        assertThat(thrownBy(failed)).isInstanceOf(IOException.class);
        return Map.of(
                "what the work captured", new WeakReference<>(captured),
                "the result", new WeakReference<>(result),
                "the future", new WeakReference<>(outcome),
                "the future that failed", new WeakReference<>(failed));
    }

    @Test
    void rule_2_8_the_future_of_work_that_has_ended_keeps_nothing_of_the_work() {
        CapacityLimiter limiter = limiter(1);
        List<CompletableFuture<Integer>> kept = new ArrayList<>();

        awaitCollected("what the work captured", runAndKeep(limiter, kept));

        assertThat(get(kept.get(0))).isEqualTo(100_000);
    }

    private WeakReference<?> runAndKeep(CapacityLimiter limiter, List<CompletableFuture<Integer>> kept) {
        byte[] captured = new byte[100_000];
        CompletableFuture<Integer> outcome = Limiters.run(limiter, () -> captured.length);
        get(outcome);
        kept.add(outcome);
        return new WeakReference<>(captured);
    }

    @Test
    void rule_2_8_nothing_keeps_work_that_was_cancelled_while_others_wait() {
        CapacityLimiter limiter = limiter(1);
        Gate gate = occupy(limiter);
        List<CompletableFuture<String>> around = new ArrayList<>();
        around.add(Limiters.run(limiter, () -> "before"));
        WeakReference<?> cancelled = queueAndCancel(limiter);
        around.add(Limiters.run(limiter, () -> "after"));

        awaitCollected("the cancelled work", cancelled);

        gate.open();
        around.forEach(this::get);
    }

    private static WeakReference<?> queueAndCancel(CapacityLimiter limiter) {
        byte[] captured = new byte[1_000_000];
        Limiters.run(limiter, () -> captured.length).cancel(true);
        return new WeakReference<>(captured);
    }

    // ---- section 1, where work is concerned ----

    @Test
    void rule_1_7_workers_are_called_under_no_lock() {
        AtomicReference<CapacityLimiter> reference = new AtomicReference<>();
        List<String> stuck = new CopyOnWriteArrayList<>();
        CapacityLimiter limiter = build(builder().capacity(1).workers(command -> {
            lookFromAnotherThread(reference.get(), "execute", stuck);
            startStep(command::run);
        }));
        reference.set(limiter);

        Permit held = take(limiter);
        CompletableFuture<String> queued = Limiters.run(limiter, () -> "queued");
        promptly(held::close);
        get(queued);
        get(Limiters.run(limiter, () -> "at once"));

        awaitIdle(limiter);
        assertThat(stuck).isEmpty();
    }

    @Test
    void rule_1_7_dependents_of_work_run_under_no_lock() {
        CapacityLimiter limiter = limiter(1);
        List<String> stuck = new CopyOnWriteArrayList<>();
        for (Function<Gate, CompletableFuture<String>> start : List.<Function<Gate, CompletableFuture<String>>>of(
                gate -> Limiters.run(limiter, gate), gate -> Limiters.finish(limiter, gate))) {
            Gate gate = new Gate();
            CompletableFuture<Void> looked =
                    start.apply(gate).thenAccept(value -> lookFromAnotherThread(limiter, "result", stuck));
            gate.open();
            get(looked);
        }
        Gate gate = occupy(limiter);
        CompletableFuture<String> queued = Limiters.run(limiter, () -> "queued");
        CompletableFuture<Object> looked = queued.handle((value, failure) -> {
            lookFromAnotherThread(limiter, "cancel", stuck);
            return "looked";
        });
        promptly(() -> queued.cancel(true));
        get(looked);
        gate.open();
        awaitIdle(limiter);
        assertThat(stuck).isEmpty();
    }

    @Test
    void rule_1_8_twenty_thousand_queued_works_run_by_a_same_thread_executor_on_a_small_stack() {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(20_000).workers(Runnable::run));
        Permit held = take(limiter);
        AtomicInteger ran = new AtomicInteger();
        AtomicInteger ended = new AtomicInteger();
        for (int i = 0; i < 20_000; i++) {
            Limiters.run(limiter, ran::incrementAndGet).thenAccept(value -> ended.incrementAndGet());
        }

        onSmallStack(held::close);

        await("all results", () -> ended.get() == 20_000);
        assertThat(ran).hasValue(20_000);
    }

    @Test
    void rule_1_8_work_that_starts_its_successor_runs_on_a_small_stack() {
        CapacityLimiter limiter = build(builder().capacity(1).workers(Runnable::run));
        CompletableFuture<String> ended = new CompletableFuture<>();

        onSmallStack(() -> {
            AtomicInteger left = new AtomicInteger(5_000);
            Executor executor = Limiters.executor(limiter);
            executor.execute(new Runnable() {
                @Override
                public void run() {
                    if (left.decrementAndGet() > 0) {
                        executor.execute(this);
                    } else {
                        ended.complete("ended");
                    }
                }
            });
        });

        assertThat(get(ended)).isEqualTo("ended");
    }

    @Test
    void rule_1_11_closing_fails_queued_work_and_lets_running_work_end() {
        CapacityLimiter limiter = limiter(1);
        Gate gate = new Gate();
        CompletableFuture<String> running = Limiters.run(limiter, gate);
        await(gate.entered);
        Set<String> ran = ConcurrentHashMap.newKeySet();
        CompletableFuture<Boolean> queued = Limiters.run(limiter, () -> ran.add("queued"));

        limiter.close();

        assertRefused(thrownBy(queued), RefusalReason.CLOSED, limiter);
        assertRefused(thrownBy(Limiters.run(limiter, () -> ran.add("newcomer"))), RefusalReason.CLOSED, limiter);
        gate.open();
        assertThat(get(running)).isEqualTo("passed");
        awaitIdle(limiter);
        assertThat(ran).isEmpty();
    }
}
