package dev.weir.limiter.page;

import dev.weir.limiter.LimiterStatistics;
import java.time.Duration;
import java.util.Locale;

/** How a limiter is doing, in a word; what needs a look comes first. */
enum State {
    /** Somebody was refused a moment ago. */
    REFUSING(true),
    /** All permits are in use, and somebody has waited for long. */
    SATURATED(true),
    /** Somebody waits. */
    QUEUEING(false),
    /** All permits are in use, and nobody waits. */
    FULL(false),
    /** The capacity is 0. */
    PAUSED(false),
    /** Some permits are in use. */
    BUSY(false),
    /** No permit is in use. */
    IDLE(false),
    /** It admits nobody any more. */
    CLOSED(false);

    /** Longer than this is no burst that a queue absorbs. */
    private static final Duration LONG = Duration.ofSeconds(1);

    private final boolean trouble;

    State(boolean trouble) {
        this.trouble = trouble;
    }

    static State of(LimiterStatistics now, boolean closed, boolean refusing) {
        if (closed) {
            return CLOSED;
        }
        if (refusing) {
            return REFUSING;
        }
        if (now.waiting() > 0) {
            return now.available() <= 0 && now.oldestWait().compareTo(LONG) > 0 ? SATURATED : QUEUEING;
        }
        if (now.capacity() == 0) {
            return PAUSED;
        }
        if (now.available() <= 0) {
            return FULL;
        }
        return now.inUse() > 0 ? BUSY : IDLE;
    }

    /** Whether an operator should look at it before the others. */
    boolean isTrouble() {
        return trouble;
    }

    String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
