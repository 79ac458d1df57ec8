package dev.weir.limiter;

import java.time.Duration;
import java.util.concurrent.Executor;

/**
 * Settings of a limiter that is about to be created. Not thread-safe. Every setter refuses a bad value at once, with an
 * {@link IllegalArgumentException} that names the setting, the value and what was expected; the former value stays.
 */
public interface CapacityLimiterBuilder {

    /** The capacity when none is set. */
    int DEFAULT_CAPACITY = 40;

    /** How many may wait when nothing is set. */
    int DEFAULT_MAX_WAITING = 1024;

    /** The reserve when none is set. */
    int DEFAULT_RESERVE = 3;

    /**
     * How many permits may be in use at once.
     *
     * @param capacity 0 (nobody is admitted) up to {@link CapacityLimiter#UNLIMITED}; default {@value #DEFAULT_CAPACITY}
     * @return this builder
     */
    CapacityLimiterBuilder capacity(int capacity);

    /**
     * How many may wait for a permit before newcomers are refused. Work that was admitted and comes back for its next slice
     * is exempt, and so is {@linkplain Limiters#finish finishing} work.
     *
     * @param maxWaiting 0 or more; default {@value #DEFAULT_MAX_WAITING}
     * @return this builder
     */
    CapacityLimiterBuilder maxWaiting(int maxWaiting);

    /**
     * How long anybody may wait for a permit before being refused. The default is no limit. The same exemptions hold as for
     * {@link #maxWaiting}.
     *
     * @param maxWait more than zero
     * @return this builder
     */
    CapacityLimiterBuilder maxWait(Duration maxWait);

    /**
     * How many permits beyond the capacity {@linkplain Limiters#finish finishing} work may use, so that it never stands
     * behind newcomers.
     *
     * @param reserve 0 or more; default {@value #DEFAULT_RESERVE}
     * @return this builder
     */
    CapacityLimiterBuilder reserve(int reserve);

    /**
     * Follows who holds permits, for {@link CapacityLimiter#holders}, and reports, once each, in the log and to listeners: a permit
     * that is held for longer than a time, with the stack it was asked for at and the one of the thread that works under it; and
     * again when it comes back after all. A permit that was dropped without being closed, which the garbage collector finds, is
     * reported, counted in {@link LimiterStatistics#leaked} and given back.
     *
     * <p>Every permit is followed while no more than some hundred a second are asked for; above that it is a random sample. The
     * default is to follow none, which costs nothing.
     *
     * @param suspicious for how long a permit is normally held at most; more than zero
     * @return this builder
     * @throws UnsupportedOperationException when the implementation cannot
     */
    default CapacityLimiterBuilder trackHolders(Duration suspicious) {
        throw new UnsupportedOperationException(getClass().getName() + " does not track holders");
    }

    /**
     * Runs the limiter's work on virtual threads.
     *
     * @return this builder
     * @throws UnsupportedOperationException when this JVM has none (they came with Java 21; up to Java 23 they pin their
     *     carrier thread inside {@code synchronized})
     */
    CapacityLimiterBuilder virtualThreads();

    /**
     * Runs the limiter's work on the given executor instead of threads of the limiter's own. It gets at most capacity plus
     * reserve tasks at a time. An executor that runs tasks on the calling thread, such as {@code Runnable::run}, makes work
     * deterministic in tests; it is wrong wherever the caller must not block. What it rejects is refused with {@link
     * RefusalReason#NO_WORKER}.
     *
     * @param workers runs the work
     * @return this builder
     */
    CapacityLimiterBuilder workers(Executor workers);

    /**
     * How long a thread of the limiter's own stays without work before it ends. As many threads end as nobody needed for so
     * long; so one that is idle ends between once and twice this time later.
     *
     * @param idleTime more than zero; if less than a millisecond, threads end at once; default 10 seconds
     * @return this builder
     */
    CapacityLimiterBuilder workerIdleTime(Duration idleTime);

    /**
     * Adds a listener.
     *
     * @param listener is told what the limiter does
     * @return this builder
     */
    CapacityLimiterBuilder listener(LimiterListener listener);

    /**
     * Adds a carrier of context from the caller's thread to the worker's.
     *
     * @param carrier carries context
     * @return this builder
     */
    CapacityLimiterBuilder context(ContextCarrier carrier);

    /**
     * Creates the limiter. The builder can be used again.
     *
     * @return a new, open limiter
     */
    CapacityLimiter build();
}
