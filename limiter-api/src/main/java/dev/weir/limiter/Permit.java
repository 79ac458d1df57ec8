package dev.weir.limiter;

/**
 * One unit of a limiter's capacity, held from the moment it was acquired until {@link #close}.
 *
 * <p>A permit is one-shot: the first close gives it back, every further close, from any thread, does nothing. It is bound to
 * no thread: one thread may acquire it and another close it.
 */
public interface Permit extends AutoCloseable {

    /**
     * The limiter this permit belongs to.
     *
     * @return the limiter it was acquired from
     */
    CapacityLimiter limiter();

    /**
     * Gives the permit back, to the head waiter if somebody waits. Never blocks and never throws; works on interrupted
     * threads. Dependents of the next waiter's future may run on the calling thread.
     */
    @Override
    void close();
}
