package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * What all rules share: limiters that are watched, threads that are the test's own, and waiting with a bound. The test
 * decides who finishes; nothing sleeps for a while and hopes.
 */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class ContractSupport {

    static final int SMALL_STACK = 256 * 1024;

    private static final AtomicInteger LIMITER_NUMBER = new AtomicInteger();

    @RegisterExtension
    final IdleLimiters idleLimiters = new IdleLimiters();

    ContractSupport() {}

    /**
     * A builder for a limiter of the implementation under test, with the default settings.
     *
     * @param name the name to give to it
     * @return a builder with the defaults set
     */
    protected abstract CapacityLimiterBuilder newBuilder(String name);

    /**
     * How long anything that has to happen may take before the test fails. Nothing waits this long unless it fails.
     *
     * @return ten seconds, unless overridden
     */
    protected Duration patience() {
        return Duration.ofSeconds(10);
    }

    @BeforeEach
    void grantPatience() {
        idleLimiters.patience(patience());
    }

    /** A builder with a name of its own, so that threads of different tests cannot be taken for each other's. */
    CapacityLimiterBuilder builder() {
        return newBuilder("tck" + LIMITER_NUMBER.incrementAndGet());
    }

    /** Builds a limiter that has to be idle when the test has ended, and is closed then. */
    CapacityLimiter build(CapacityLimiterBuilder builder) {
        return idleLimiters.watchAndClose(builder.build());
    }

    CapacityLimiter limiter(int capacity) {
        return build(builder().capacity(capacity));
    }

    /** Acquires that many permits without waiting. */
    static List<Permit> hold(CapacityLimiter limiter, int permits) {
        List<Permit> held = new ArrayList<>();
        for (int i = 0; i < permits; i++) {
            held.add(take(limiter));
        }
        return held;
    }

    static Permit take(CapacityLimiter limiter) {
        Optional<Permit> permit = limiter.tryAcquire();
        assertThat(permit).as("a permit of %s, which should be free", limiter).isPresent();
        return permit.orElseThrow();
    }

    static void assertNoneFree(CapacityLimiter limiter) {
        Optional<Permit> permit = limiter.tryAcquire();
        permit.ifPresent(Permit::close);
        assertThat(permit)
                .as("a permit of %s, which should have none to give", limiter)
                .isEmpty();
    }

    static void closeAll(Iterable<Permit> permits) {
        permits.forEach(Permit::close);
    }

    /** Queues waiters, each in the queue before the next one comes. */
    List<CompletableFuture<Permit>> enqueue(CapacityLimiter limiter, int waiters) {
        int before = limiter.statistics().waiting();
        List<CompletableFuture<Permit>> queued = new ArrayList<>();
        for (int i = 1; i <= waiters; i++) {
            queued.add(limiter.acquireAsync());
            awaitWaiting(limiter, before + i);
        }
        return queued;
    }

    void awaitWaiting(CapacityLimiter limiter, int waiting) {
        if (limiter.statistics().waiting() != waiting) {
            await(waiting + " waiters of " + limiter, () -> limiter.statistics().waiting() == waiting);
        }
    }

    void awaitIdle(CapacityLimiter limiter) {
        await("idleness of " + limiter, () -> isIdle(limiter));
    }

    private static boolean isIdle(CapacityLimiter limiter) {
        var now = limiter.statistics();
        return now.inUse() == 0 && now.waiting() == 0;
    }

    /** How many of the futures were granted, looking once. */
    static long granted(List<CompletableFuture<Permit>> futures) {
        return futures.stream().filter(ContractSupport::isGranted).count();
    }

    static boolean isGranted(CompletableFuture<Permit> future) {
        return future.isDone() && !future.isCompletedExceptionally();
    }

    static void assertRefused(Throwable failure, RefusalReason reason, CapacityLimiter limiter) {
        assertThat(failure).isInstanceOf(LimitExceededException.class);
        LimitExceededException refusal = (LimitExceededException) failure;
        assertThat(refusal.reason()).isEqualTo(reason);
        assertThat(refusal.limiterName()).isEqualTo(limiter.name());
        assertThat(refusal.statistics().limiterName()).isEqualTo(limiter.name());
        assertThat(refusal).hasMessageContaining(limiter.name());
        assertThat(refusal.retryAfter()).isGreaterThanOrEqualTo(Duration.ofSeconds(1));
    }

    // ---- waiting with a bound ----

    /** A condition that may throw. */
    @FunctionalInterface
    interface Condition {
        boolean isMet() throws Exception;
    }

    /** A piece of a test that may throw. */
    @FunctionalInterface
    interface Step {
        void run() throws Exception;
    }

    void await(String what, Condition condition) {
        long start = System.nanoTime();
        try {
            while (!condition.isMet()) {
                if (System.nanoTime() - start > patience().toNanos()) {
                    fail("Waited " + patience().toMillis() + " ms in vain for " + what);
                }
                if (Thread.interrupted()) {
                    fail("Interrupted while waiting for " + what);
                }
                LockSupport.parkNanos(500_000);
            }
        } catch (Exception e) {
            throw new AssertionError("Failed while waiting for " + what, e);
        }
    }

    void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(patience().toMillis(), TimeUnit.MILLISECONDS))
                    .as("latch opened")
                    .isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError("Interrupted while waiting for a latch", e);
        }
    }

    /** As {@link #await(CountDownLatch)}, for work under test: survives interrupts, so that only the test ends it. */
    void awaitUninterruptibly(CountDownLatch latch) {
        boolean interrupted = false;
        long deadline = System.nanoTime() + patience().toNanos();
        while (true) {
            try {
                assertThat(latch.await(deadline - System.nanoTime(), TimeUnit.NANOSECONDS))
                        .as("latch opened")
                        .isTrue();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** The value of a future that has to complete normally. */
    <T> T get(Future<T> future) {
        try {
            return future.get(patience().toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new AssertionError("Waited " + patience().toMillis() + " ms in vain for a future", e);
        } catch (ExecutionException e) {
            throw new AssertionError("The future failed: " + e.getCause(), e.getCause());
        } catch (InterruptedException e) {
            throw new AssertionError("Interrupted while waiting for a future", e);
        }
    }

    /** The failure of a future that has to fail: what was thrown, without wrappers. */
    Throwable failureOf(CompletableFuture<?> future) {
        await("the failure of a future", future::isDone);
        try {
            Object value = future.join();
            throw new AssertionError("Expected a failure, but the future has the value " + value);
        } catch (CompletionException e) {
            return e.getCause() == null ? e : e.getCause();
        } catch (java.util.concurrent.CancellationException e) {
            return e;
        }
    }

    // ---- threads of the test's own ----

    /** A thread of the test's own and the outcome of what it did. */
    record Caller<T>(Thread thread, CompletableFuture<T> outcome) {}

    /** Runs something on a new daemon thread. */
    static <T> Caller<T> start(Callable<T> work) {
        CompletableFuture<T> outcome = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        outcome.complete(work.call());
                    } catch (Throwable e) {
                        outcome.completeExceptionally(e);
                    }
                },
                "tck-caller");
        thread.setDaemon(true);
        thread.start();
        return new Caller<>(thread, outcome);
    }

    static Caller<Boolean> startStep(Step step) {
        return start(() -> {
            step.run();
            return true;
        });
    }

    /** Does something that must not block: on another thread, so that a limiter which blocks fails the test at once. */
    void promptly(Step step) {
        get(startStep(step).outcome());
    }

    /** Whether another thread can do something now; false when it takes too long. */
    boolean anotherThreadCan(Step step) {
        try {
            return startStep(step).outcome().get(Math.min(2_000, patience().toMillis()), TimeUnit.MILLISECONDS);
        } catch (TimeoutException | ExecutionException e) {
            return false;
        } catch (InterruptedException e) {
            throw new AssertionError("Interrupted while another thread used the limiter", e);
        }
    }

    /** Runs something on a thread with a stack of 256 KiB; what it throws fails the test. */
    void onSmallStack(Step step) {
        CompletableFuture<Boolean> outcome = new CompletableFuture<>();
        Thread thread = new Thread(
                null,
                () -> {
                    try {
                        step.run();
                        outcome.complete(true);
                    } catch (Throwable e) {
                        outcome.completeExceptionally(e);
                    }
                },
                "tck-small-stack",
                SMALL_STACK);
        thread.setDaemon(true);
        thread.start();
        get(outcome);
    }

    static int liveThreads() {
        return Thread.getAllStackTraces().size();
    }

    /** Work that says when it has begun, and ends when it is told to. */
    final class Gate implements Callable<String> {
        final CountDownLatch entered = new CountDownLatch(1);
        final CountDownLatch opened = new CountDownLatch(1);
        final AtomicReference<Thread> thread = new AtomicReference<>();
        final AtomicBoolean interrupted = new AtomicBoolean();

        @Override
        public String call() {
            thread.set(Thread.currentThread());
            entered.countDown();
            awaitUninterruptibly(opened);
            interrupted.set(Thread.interrupted());
            return "passed";
        }

        void open() {
            opened.countDown();
        }
    }

    // ---- reachability ----

    /** Waits until the garbage collector has taken what is referred to. */
    void awaitCollected(String what, WeakReference<?> reference) {
        await(what + " to be unreachable", () -> {
            System.gc();
            return reference.refersTo(null);
        });
    }
}
