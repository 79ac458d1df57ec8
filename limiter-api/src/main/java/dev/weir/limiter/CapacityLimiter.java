package dev.weir.limiter;

import dev.weir.limiter.spi.LimiterProvider;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;

/**
 * A gate that lets at most a set number of operations be in progress at once.
 *
 * <p>Whoever wants to start an operation acquires a {@link Permit} and closes it when the operation has ended. While all
 * permits are in use, newcomers wait in one bounded queue, first come, first served: nobody overtakes a waiter, and a permit
 * that comes back belongs to the head of the queue before {@link Permit#close} returns. The capacity can be changed at any
 * time with {@link #resize}.
 *
 * <p><b>Threads.</b> A limiter is safe for use by any number of threads. No code of the user (dependents of a future,
 * listeners, executors) ever runs under a lock of the limiter. Whether a thread is interrupted makes no difference to
 * {@link #tryAcquire()}, {@link #acquireAsync()}, {@link #resize} and {@link Permit#close}, and its interrupt flag survives
 * them.
 *
 * <p><b>Memory effects.</b> What a thread did before it closed a permit <i>happens before</i> what another thread does after
 * it was granted a permit that became free by that close.
 *
 * <p><b>Work.</b> The verbs in {@link Limiters} run work under a limiter; most users need only those.
 *
 * <p><b>Null.</b> Null arguments are refused with {@link NullPointerException}.
 */
public interface CapacityLimiter extends AutoCloseable {

    /** The capacity of a limiter that admits everybody; it still counts. */
    int UNLIMITED = Integer.MAX_VALUE;

    /**
     * A limiter with the default settings of {@link CapacityLimiterBuilder}.
     *
     * @param name the limiter's name, for threads, messages and metrics; not blank
     * @param capacity how many permits may be in use at once: 0 (nobody is admitted) up to {@link #UNLIMITED}
     * @return a new, open limiter
     * @throws IllegalArgumentException when the name is blank or the capacity negative
     * @throws IllegalStateException when no implementation is on the class path or module path
     */
    static CapacityLimiter of(String name, int capacity) {
        return builder(name).capacity(capacity).build();
    }

    /**
     * A builder for a limiter that needs other than the default settings.
     *
     * @param name the limiter's name, for threads, messages and metrics; not blank
     * @return a builder with the defaults set
     * @throws IllegalArgumentException when the name is blank
     * @throws IllegalStateException when no implementation is on the class path or module path
     */
    static CapacityLimiterBuilder builder(String name) {
        return LimiterProvider.provider().newLimiterBuilder(name);
    }

    /**
     * The name given at creation.
     *
     * @return the name, never blank
     */
    String name();

    /**
     * How many permits may be in use at once.
     *
     * @return the capacity, 0 up to {@link #UNLIMITED}
     */
    int capacity();

    /**
     * Changes the capacity, effective when this method returns. Never blocks for permits and never revokes one.
     *
     * <p>Growing admits exactly as many waiters as there are free permits, in order, before it returns; dependents of their
     * futures run on the calling thread. Shrinking below what is in use admits nobody until enough permits have come back;
     * until then {@link LimiterStatistics#available} is negative. Undoing a shrink admits nobody who would not have been
     * admitted without it. A limiter that was closed can still be resized.
     *
     * @param capacity 0 (pause: nobody is admitted) up to {@link #UNLIMITED}
     * @throws IllegalArgumentException when negative; the old capacity stays
     */
    void resize(int capacity);

    /**
     * Acquires a permit, blocking the calling thread while none is free.
     *
     * <p>The wait ends with a permit, a refusal, or interruption. An interrupted thread holds nothing and has left the queue
     * when this method throws; a permit granted in the same moment goes to the next waiter.
     *
     * @return an open permit
     * @throws InterruptedException when the thread is interrupted on entry or while it waits
     * @throws LimitExceededException when the queue is full, the limiter's wait limit has passed, or the limiter is closed; or when
     *     those who hold its permits wait for one another, this thread among them
     * @throws IllegalStateException on a thread that {@linkplain dev.weir.limiter.spi.BlockingGuard must not block}, such as an
     *     event loop, even with permits free
     */
    Permit acquire() throws InterruptedException;

    /**
     * Acquires a permit if one is free and nobody waits. Never blocks.
     *
     * @return an open permit, or empty when none is free, somebody waits, or the limiter is closed
     */
    Optional<Permit> tryAcquire();

    /**
     * Acquires a permit, blocking the calling thread for at most the given time while none is free. A limit of zero or less
     * does not wait. The limiter's own wait limit applies too.
     *
     * @param maxWait how long to wait at most
     * @return an open permit, or empty when the time passed, the queue is full, or the limiter is closed
     * @throws InterruptedException when the thread is interrupted on entry or while it waits; it then holds nothing
     * @throws IllegalStateException when the limit is more than zero on a thread that {@linkplain
     *     dev.weir.limiter.spi.BlockingGuard must not block}, such as an event loop, even with permits free
     */
    Optional<Permit> tryAcquire(Duration maxWait) throws InterruptedException;

    /**
     * Acquires a permit without blocking; waiting holds no thread.
     *
     * <p>The future completes with an open permit, or exceptionally with a {@link LimitExceededException}. Completing it in
     * any other way ({@link CompletableFuture#cancel cancel}, {@link CompletableFuture#orTimeout orTimeout}) gives up the
     * place in the queue at once; a permit granted in the same moment goes to the next waiter.
     *
     * <p>Dependents that were registered without an executor run on the thread that releases a permit, resizes or closes, on a
     * common-pool thread after the wait limit, on a thread of the limiters' own where the refusal ends a deadlock, or on the
     * thread that registers them where the future is complete. They should be short and must not block; use the {@code Async}
     * forms for anything else. However many waiters are granted, their dependents run one after another, never nested.
     *
     * @return a future permit; already completed when there was no need to wait
     */
    CompletableFuture<Permit> acquireAsync();

    /**
     * A consistent snapshot of the limiter's numbers. Never waits.
     *
     * @return the numbers at one moment during this call
     */
    LimiterStatistics statistics();

    /**
     * Adds a listener to a limiter that is in use. It is told what happens from now on; of a permit that was granted while
     * nobody listened it is not told when that comes back, since nobody knows how long it was held.
     *
     * @implSpec The default throws {@link UnsupportedOperationException}.
     * @param listener is told what the limiter does
     * @return to be closed when the listener has heard enough
     * @throws UnsupportedOperationException when this limiter has listeners from its builder only
     */
    default Registration listen(LimiterListener listener) {
        throw new UnsupportedOperationException(
                "Limiter '" + name() + "' of " + getClass() + " takes listeners from its builder only");
    }

    /**
     * Who holds permits at the moment, the oldest first, as far as they are followed: none unless the limiter {@linkplain
     * CapacityLimiterBuilder#trackHolders tracks holders}. Never waits for permits; takes a stack of each thread that works.
     *
     * @return a snapshot
     */
    default List<PermitHolder> holders() {
        return List.of();
    }

    /**
     * Whether {@link #close} was called.
     *
     * @return true once closed
     */
    boolean isClosed();

    /**
     * Closes the limiter: waiters fail with {@link LimitExceededException} (reason {@link RefusalReason#CLOSED}), newcomers
     * are refused the same way. Work in progress goes on, gives its permits back, and may still take its next slices and
     * {@linkplain Limiters#finish finish}. Does not wait for it. Closing again has no effect. Idle threads of the limiter end.
     */
    @Override
    void close();
}
