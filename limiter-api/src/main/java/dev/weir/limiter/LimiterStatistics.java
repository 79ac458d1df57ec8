package dev.weir.limiter;

import java.time.Duration;

/** The numbers of a limiter at one moment. Totals count from the limiter's creation. */
public interface LimiterStatistics {

    /**
     * The limiter's name.
     *
     * @return its name
     */
    String limiterName();

    /**
     * How many permits may be in use at once.
     *
     * @return 0 up to {@link CapacityLimiter#UNLIMITED}
     */
    int capacity();

    /**
     * How many permits are held. Above the capacity while a shrink drains or while finishing work uses the reserve.
     *
     * @return 0 or more
     */
    int inUse();

    /**
     * How many permits are free: capacity − in use.
     *
     * @return negative while more is in use than the capacity
     */
    default int available() {
        return capacity() - inUse();
    }

    /**
     * How many wait for a permit.
     *
     * @return 0 or more
     */
    int waiting();

    /**
     * How many may wait before newcomers are refused.
     *
     * @return 0 or more
     */
    int maxWaiting();

    /**
     * How long the one who has waited longest has been waiting: true to some milliseconds.
     *
     * @return zero when nobody waits
     */
    Duration oldestWait();

    /**
     * How many permits were granted.
     *
     * @return a total
     */
    long acquired();

    /**
     * How many permits were given back.
     *
     * @return a total
     */
    long released();

    /**
     * How many were refused for the given reason.
     *
     * @param reason the reason to count
     * @return a total
     */
    long refused(RefusalReason reason);

    /**
     * How many left the queue of their own accord: cancelled, interrupted, or after a time limit of their own.
     *
     * @return a total
     */
    long withdrawn();

    /**
     * How many pieces of work were left by their caller while they ran. They keep their permit until they end.
     *
     * @return a total
     */
    long abandoned();

    /**
     * How many permits were dropped without being closed, and given back when that was found. Counted only by limiters that
     * {@linkplain CapacityLimiterBuilder#trackHolders track holders}.
     *
     * @return a total
     */
    default long leaked() {
        return 0;
    }

    /**
     * How many refusals there were, whatever the reason.
     *
     * @return a total
     */
    default long refused() {
        long sum = 0;
        for (RefusalReason reason : RefusalReason.values()) {
            sum += refused(reason);
        }
        return sum;
    }

    /**
     * The moment's numbers in the words of log messages, such as {@code capacity 40, in use 40, waiting 17, oldest wait 1203
     * ms}.
     *
     * @return one line
     */
    default String summary() {
        String capacity = capacity() == CapacityLimiter.UNLIMITED ? "unlimited" : Integer.toString(capacity());
        String line = "capacity " + capacity + ", in use " + inUse() + ", waiting " + waiting();
        return waiting() == 0
                ? line
                : line + " of at most " + maxWaiting() + ", oldest wait "
                        + oldestWait().toMillis() + " ms";
    }
}
