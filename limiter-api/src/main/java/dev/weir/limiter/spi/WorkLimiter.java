package dev.weir.limiter.spi;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;

/**
 * A limiter that can also run work: what {@link Limiters} and server adapters need of one. Every limiter that is to be used
 * with them implements this; the contracts of the verbs are those of {@link Limiters}.
 */
public interface WorkLimiter extends CapacityLimiter {

    /**
     * The given limiter, as one that runs work.
     *
     * @param limiter a limiter
     * @return the same instance
     * @throws IllegalArgumentException when it cannot run work; the message names it and its class
     */
    static WorkLimiter of(CapacityLimiter limiter) {
        if (limiter instanceof WorkLimiter workLimiter) {
            return workLimiter;
        }
        if (limiter == null) {
            throw new NullPointerException("limiter");
        }
        throw new IllegalArgumentException("Limiter '" + limiter.name() + "' of " + limiter.getClass()
                + " only hands out permits; to run work it must implement " + WorkLimiter.class.getName());
    }

    /**
     * {@link Limiters#run}.
     *
     * @param <T> what the work returns
     * @param work the work
     * @param interruptOnCancel whether leaving the future interrupts running work
     * @return the work's outcome
     */
    <T> CompletableFuture<T> run(Callable<? extends T> work, boolean interruptOnCancel);

    /**
     * {@link Limiters#call}.
     *
     * @param <T> what the work returns
     * @param work the work
     * @return what the work returned
     * @throws Exception what the work threw, or as {@link CapacityLimiter#acquire}
     */
    <T> T call(Callable<? extends T> work) throws Exception;

    /**
     * {@link Limiters#finish}.
     *
     * @param <T> what the work returns
     * @param work the work
     * @return the work's outcome
     */
    <T> CompletableFuture<T> finish(Callable<? extends T> work);

    /**
     * {@link Limiters#background}.
     *
     * @param work the work
     * @return completes when the work has ended
     */
    CompletableFuture<Void> background(Runnable work);

    /**
     * {@link Limiters#executor}.
     *
     * @return an executor over this limiter
     */
    Executor executor();

    /**
     * {@link Limiters#iterate}.
     *
     * @param <T> the items
     * @param source where the items come from
     * @return a cold publisher
     */
    <T> Flow.Publisher<T> iterate(ItemSource<? extends T> source);

    /**
     * Acquires a permit for work that was admitted before and now continues, such as the next slice of an upload: in its turn,
     * but refused neither for a full queue nor for a wait limit nor because the limiter was closed. Otherwise as {@link
     * #acquireAsync}.
     *
     * @return a future permit
     */
    CompletableFuture<Permit> acquireContinuation();

    /**
     * The threads of this limiter, without its gate: for a caller that already holds a permit of this limiter and goes on to
     * hold it while the command runs. At most capacity plus reserve commands may be under way. The command runs with an
     * unchanged context, and nested use of this limiter inside it counts as covered by the given permit. A permit that is closed
     * by another thread while the command runs is a mistake: that the command holds it is relied upon to find deadlocks.
     *
     * @param permit the caller's permit of this limiter; this method does not close it
     * @param command what to run
     * @throws IllegalArgumentException when the permit is not one of this limiter
     * @throws java.util.concurrent.RejectedExecutionException when an executor given as workers rejects the command. Whatever
     *     it throws is passed on, and so is {@link OutOfMemoryError} when no thread can be started. With threads of the
     *     limiter's own the command will then not run; of an executor it cannot be promised
     */
    void execute(Permit permit, Runnable command);

    /**
     * Captures the context of the calling thread (MDC, tracing, every {@link dev.weir.limiter.ContextCarrier} of this limiter)
     * for work that is handed over later, from another thread, as a server does with a request that waited.
     *
     * @implSpec The default carries nothing.
     * @param work the work
     * @return work that sets the captured context around the given work, and brings back what was there before
     */
    default Runnable withContext(Runnable work) {
        return work;
    }
}
