package dev.weir.limiter;

import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.RejectedExecutionException;

/**
 * A limiter refused. Says which limiter, why, and its numbers at that moment; the work was not started and no permit is held.
 *
 * <p>It has a stack trace only when it was made on the thread of the caller it refuses.
 */
public final class LimitExceededException extends RejectedExecutionException {

    private static final long serialVersionUID = 1L;

    /** The limiter's name. */
    private final String limiterName;
    /** Why it refused. */
    private final RefusalReason reason;

    private final transient LimiterStatistics statistics;
    /** When to try again. */
    private final Duration retryAfter;
    /** Whether there is a stack trace. */
    private final boolean traced;

    /**
     * For implementations of limiters.
     *
     * @param reason why it was refused
     * @param statistics the limiter's numbers at that moment; its name is the limiter's name
     * @param retryAfter when another try may be worth while
     * @param traced whether a stack trace is taken: true only on the thread of the caller who is refused
     */
    public LimitExceededException(
            RefusalReason reason, LimiterStatistics statistics, Duration retryAfter, boolean traced) {
        this(reason, "", statistics, retryAfter, traced);
    }

    /**
     * For implementations of limiters that have more to say than the reason does.
     *
     * @param reason why it was refused
     * @param because why, in words for the message; when empty, those of the reason
     * @param statistics the limiter's numbers at that moment; its name is the limiter's name
     * @param retryAfter when another try may be worth while
     * @param traced whether a stack trace is taken: true only on the thread of the caller who is refused
     */
    public LimitExceededException(
            RefusalReason reason, String because, LimiterStatistics statistics, Duration retryAfter, boolean traced) {
        super(message(because.isEmpty() ? words(reason) : because, statistics));
        this.limiterName = statistics.limiterName();
        this.reason = Objects.requireNonNull(reason, "reason");
        this.statistics = statistics;
        this.retryAfter = Objects.requireNonNull(retryAfter, "retryAfter");
        this.traced = traced;
        if (traced) {
            super.fillInStackTrace();
        }
    }

    private static String words(RefusalReason reason) {
        return switch (reason) {
            case QUEUE_FULL -> "its queue is full";
            case WAIT_TIMEOUT -> "the wait limit passed";
            case CLOSED -> "it is closed";
            case WOULD_DEADLOCK -> "waiting for it here could never end";
            case NO_WORKER -> "no thread could be had to run the work";
        };
    }

    private static String message(String why, LimiterStatistics s) {
        return "Limiter '" + s.limiterName() + "' refused: " + why + " (" + s.summary() + ")";
    }

    /**
     * The name of the limiter that refused.
     *
     * @return its name
     */
    public String limiterName() {
        return limiterName;
    }

    /**
     * Why it refused.
     *
     * @return the reason
     */
    public RefusalReason reason() {
        return reason;
    }

    /**
     * The limiter's numbers when it refused.
     *
     * @return a snapshot
     * @throws IllegalStateException on an exception that was deserialized: numbers do not travel
     */
    public LimiterStatistics statistics() {
        if (statistics == null) {
            throw new IllegalStateException("the statistics of limiter '" + limiterName + "' were not serialized");
        }
        return statistics;
    }

    /**
     * When another try may be worth while; a hint. Weir's limiters say one to thirty seconds.
     *
     * @return the time to wait before trying again
     */
    public Duration retryAfter() {
        return retryAfter;
    }

    /** Takes no stack trace unless it was asked for at construction: most refusals are made far from the caller. */
    @Override
    public synchronized Throwable fillInStackTrace() {
        return traced ? super.fillInStackTrace() : this;
    }
}
