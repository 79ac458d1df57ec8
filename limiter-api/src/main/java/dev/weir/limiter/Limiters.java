package dev.weir.limiter;

import dev.weir.limiter.spi.ItemSource;
import dev.weir.limiter.spi.WorkLimiter;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.stream.Stream;

/**
 * Runs work under a limiter: the verbs, each over an explicit limiter, so that a reader sees which budget is spent.
 *
 * <p><b>Permit first, thread second.</b> Queued work owns no thread. One permit covers one piece of work from before its
 * first instruction to after its last, whether it returns, throws an exception or throws an {@link Error}; the permit is back
 * before the result is published.
 *
 * <p><b>Nested use never hangs.</b> Work that runs under a limiter and asks the same limiter to run more work (directly, or
 * through work under another limiter that it started with {@code run}, {@code call} or {@code finish}) has that work run
 * <em>inline</em>, on the calling thread, covered by the permit it already holds, for as long as that permit is held. Work
 * that is still running inline on another thread when that permit goes back is counted no more: wait for what you start. {@link
 * #background}, {@link #executor} and {@link #iterate} start detached work, which is covered by nothing but its own permit.
 * A ring of different pieces of work, each of which holds permits and waits for another, is found after a second or so, and one
 * of them is refused with {@link RefusalReason#WOULD_DEADLOCK}; see {@link LimiterListener#deadlocked}.
 *
 * <p><b>Context.</b> Thread context (SLF4J's MDC, io.micrometer's context-propagation, every {@link ContextCarrier} of the
 * limiter) is captured where a verb is called, set around the work, and removed after it.
 *
 * <p><b>Futures.</b> Dependents registered without an executor run on the worker after the permit is back, or on the thread
 * that cancels or refuses. They must not block; use the {@code Async} forms for anything that may. Nothing keeps the work or
 * its result reachable after it has ended, other than the future that was returned.
 */
public final class Limiters {

    /** The size of the chunks in which {@link #iterate(CapacityLimiter, InputStream)} reads: 16 KiB. */
    public static final int DEFAULT_CHUNK_SIZE = 16 * 1024;

    private Limiters() {}

    /**
     * Runs work on a thread of the limiter as soon as it has a permit. Never blocks, with the exception of nested use (see
     * above), which runs inline.
     *
     * <p>The future completes with the value, with the very throwable the work threw, or with {@link LimitExceededException}
     * when it was refused. Cancelling it, or completing it in any other way, while the work is queued means that it never
     * runs and uses no permit. While the work is running it is left alone: it keeps its permit until it really ends, is
     * counted as abandoned, and its outcome goes to {@link LimiterListener#abandonedEnded}; a failure is also logged.
     *
     * @param <T> what the work returns
     * @param limiter the budget that is spent
     * @param work the work; may return null
     * @return the work's outcome
     */
    public static <T> CompletableFuture<T> run(CapacityLimiter limiter, Callable<? extends T> work) {
        return WorkLimiter.of(limiter).run(Objects.requireNonNull(work, "work"), false);
    }

    /**
     * As {@link #run(CapacityLimiter, Callable)}, for work without a result.
     *
     * @param limiter the budget that is spent
     * @param work the work
     * @return completes with null when the work has ended
     */
    public static CompletableFuture<Void> run(CapacityLimiter limiter, Runnable work) {
        return run(limiter, callable(work));
    }

    /**
     * As {@link #run(CapacityLimiter, Callable)}, but leaving the future while the work is running interrupts the thread it
     * runs on. The work still keeps its permit until it has ended, and the interrupt never reaches other work.
     *
     * @param <T> what the work returns
     * @param limiter the budget that is spent
     * @param work the work
     * @return the work's outcome
     */
    public static <T> CompletableFuture<T> runInterruptibly(CapacityLimiter limiter, Callable<? extends T> work) {
        return WorkLimiter.of(limiter).run(Objects.requireNonNull(work, "work"), true);
    }

    /**
     * Runs work on the calling thread, which blocks until it has a permit. On a thread that already runs under this limiter
     * the work runs at once, under that permit.
     *
     * @param <T> what the work returns
     * @param limiter the budget that is spent
     * @param work the work
     * @return what the work returned
     * @throws Exception what the work threw, unchanged
     * @throws InterruptedException when the thread is interrupted before or while it waits for the permit; the work does not run
     * @throws LimitExceededException when the limiter refused
     * @throws IllegalStateException on a thread that {@linkplain dev.weir.limiter.spi.BlockingGuard must not block}, such as an
     *     event loop, even with permits free; the work does not run
     */
    public static <T> T call(CapacityLimiter limiter, Callable<? extends T> work) throws Exception {
        return WorkLimiter.of(limiter).call(Objects.requireNonNull(work, "work"));
    }

    /**
     * Runs work that <em>finishes</em> what was admitted earlier: returning a connection, committing, closing. It stands
     * before all newcomers, is refused neither for a full queue nor for a wait limit nor because the limiter was closed, and
     * while all permits are in use it may use the limiter's reserve beyond the capacity. Otherwise as {@link
     * #run(CapacityLimiter, Callable)}.
     *
     * @param <T> what the work returns
     * @param limiter the budget that is spent
     * @param work the work; short, since the reserve is small
     * @return the work's outcome
     */
    public static <T> CompletableFuture<T> finish(CapacityLimiter limiter, Callable<? extends T> work) {
        return WorkLimiter.of(limiter).finish(Objects.requireNonNull(work, "work"));
    }

    /**
     * As {@link #finish(CapacityLimiter, Callable)}, for work without a result.
     *
     * @param limiter the budget that is spent
     * @param work the work
     * @return completes with null when the work has ended
     */
    public static CompletableFuture<Void> finish(CapacityLimiter limiter, Runnable work) {
        return finish(limiter, callable(work));
    }

    /**
     * Runs work nobody waits for, under the background limiter of an application, detached from the caller's permits. A
     * failure or refusal is logged once, and is also in the future.
     *
     * @param scope the application's limiters
     * @param work the work
     * @return completes when the work has ended
     */
    public static CompletableFuture<Void> background(LimiterScope scope, Runnable work) {
        return background(scope.background(), work);
    }

    /**
     * As {@link #background(LimiterScope, Runnable)}, under the given limiter.
     *
     * @param limiter the budget that is spent
     * @param work the work
     * @return completes when the work has ended
     */
    public static CompletableFuture<Void> background(CapacityLimiter limiter, Runnable work) {
        return WorkLimiter.of(limiter).background(Objects.requireNonNull(work, "work"));
    }

    /**
     * An executor for anything that takes one. Each task runs under a permit of its own, detached from the caller's permits.
     * {@code execute} never blocks and throws {@link LimitExceededException} when the limiter refuses at once. What a task
     * throws goes to the handler for uncaught exceptions of the worker's thread; a refusal after a wait goes to that of the
     * thread that refuses, unless the task is work of another limiter, whose caller is then told.
     *
     * @param limiter the budget that is spent
     * @return an executor over the limiter; it has no life cycle of its own
     */
    public static Executor executor(CapacityLimiter limiter) {
        return WorkLimiter.of(limiter).executor();
    }

    /**
     * Publishes the items of an iterable, drawn on threads of the limiter, on demand.
     *
     * <p>A permit and a thread are held only while items are drawn: never for the whole iteration, and never while the
     * subscriber has no demand. One admission draws as many items as there is demand for; when others wait for the limiter it
     * goes back to the end of the queue after a few milliseconds. Each item is passed on as soon as it is there. After the
     * first admission the iteration is refused no more, neither for a full queue nor a wait limit nor a closed limiter.
     *
     * <p>Signals arrive in order and never overlap, on threads of the limiter; items before an error are delivered before the
     * error. The iterator is closed exactly once if it is {@link AutoCloseable}: at the end, on an error, and promptly after a
     * cancel, on a thread of the limiter (of the common pool where an executor given as workers rejects it) and never during a
     * draw. Null items are an error. A refusal of the first admission is
     * signalled as {@link LimitExceededException}. Context is captured at subscription; what one draw sets, the next sees.
     *
     * @param <T> the items
     * @param limiter the budget that is spent
     * @param items what to publish; every subscriber gets an iterator of its own
     * @return a cold publisher
     */
    public static <T> Flow.Publisher<T> iterate(CapacityLimiter limiter, Iterable<? extends T> items) {
        return WorkLimiter.of(limiter).iterate(ItemSource.of(items));
    }

    /**
     * As {@link #iterate(CapacityLimiter, Iterable)}, over a stream, which is closed in the end. It can be subscribed to once; a
     * second subscriber is told {@link IllegalStateException}.
     *
     * @param <T> the items
     * @param limiter the budget that is spent
     * @param items what to publish
     * @return a cold publisher for one subscriber
     */
    public static <T> Flow.Publisher<T> iterate(CapacityLimiter limiter, Stream<? extends T> items) {
        return WorkLimiter.of(limiter).iterate(ItemSource.of(items));
    }

    /**
     * As {@link #iterate(CapacityLimiter, InputStream, int)} with chunks of {@value #DEFAULT_CHUNK_SIZE} bytes.
     *
     * @param limiter the budget that is spent
     * @param bytes what to publish
     * @return a cold publisher for one subscriber
     */
    public static Flow.Publisher<ByteBuffer> iterate(CapacityLimiter limiter, InputStream bytes) {
        return iterate(limiter, bytes, DEFAULT_CHUNK_SIZE);
    }

    /**
     * As {@link #iterate(CapacityLimiter, Iterable)}, over the bytes of an input stream, which is closed in the end. An item is
     * what one read returned, so that bytes are passed on when they are there. It can be subscribed to once.
     *
     * @param limiter the budget that is spent
     * @param bytes what to publish
     * @param chunkSize how many bytes an item has at most; more than 0
     * @return a cold publisher for one subscriber; each buffer is the subscriber's own
     */
    public static Flow.Publisher<ByteBuffer> iterate(CapacityLimiter limiter, InputStream bytes, int chunkSize) {
        return WorkLimiter.of(limiter).iterate(ItemSource.of(bytes, chunkSize));
    }

    private static Callable<Void> callable(Runnable work) {
        Objects.requireNonNull(work, "work");
        return new Callable<>() {
            @Override
            @SuppressWarnings("NullAway") // Void has no value but null
            public Void call() {
                work.run();
                return null;
            }
        };
    }
}
