package dev.weir.limiter;

/** Why a limiter refused. */
public enum RefusalReason {
    /** As many as the queue holds were waiting already. */
    QUEUE_FULL,
    /** The limiter's wait limit passed. */
    WAIT_TIMEOUT,
    /** The limiter was closed, before or during the wait. */
    CLOSED,
    /** Waiting could never have ended: those who hold the permits wait for one another. See {@link Deadlock}. */
    WOULD_DEADLOCK,
    /** A permit was free, but no thread could be had to run the work. */
    NO_WORKER
}
