package dev.weir.limiter.jmx;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterStatistics;
import java.util.Map;

/**
 * A limiter as JMX sees it. Each attribute is read when it is asked for, so two of them need not be of the same moment; {@link
 * #getSummary} is.
 */
public interface LimiterMXBean {

    /**
     * The limiter's name.
     *
     * @return the name
     */
    String getName();

    /**
     * The roles the limiter has in its scope.
     *
     * @return the keys of the roles joined by {@code +}, {@code group} for a named group, {@code none} without a scope
     */
    String getRole();

    /**
     * How many permits may be in use at once.
     *
     * @return 0 up to {@link CapacityLimiter#UNLIMITED}
     */
    int getCapacity();

    /**
     * Changes the capacity, effective at once; see {@link CapacityLimiter#resize}.
     *
     * @param capacity 0 (nobody is admitted) up to {@link CapacityLimiter#UNLIMITED}
     * @throws IllegalArgumentException when negative; the old capacity stays
     */
    void setCapacity(int capacity);

    /**
     * How many permits are held.
     *
     * @return 0 or more
     */
    int getInUse();

    /**
     * How many permits are free.
     *
     * @return negative while more is in use than the capacity
     */
    int getAvailable();

    /**
     * How many wait for a permit.
     *
     * @return 0 or more
     */
    int getWaiting();

    /**
     * How many may wait before newcomers are refused.
     *
     * @return 0 or more
     */
    int getMaxWaiting();

    /**
     * How long the head of the queue has been waiting.
     *
     * @return milliseconds, 0 when nobody waits
     */
    long getOldestWaitMillis();

    /**
     * How many permits were granted.
     *
     * @return a total
     */
    long getAcquired();

    /**
     * How many permits were given back.
     *
     * @return a total
     */
    long getReleased();

    /**
     * How many refusals there were.
     *
     * @return a total for each {@link dev.weir.limiter.RefusalReason}, in lower case, those that are 0 included
     */
    Map<String, Long> getRefused();

    /**
     * How many left the queue of their own accord.
     *
     * @return a total
     */
    long getWithdrawn();

    /**
     * How many pieces of work were left by their caller while they ran.
     *
     * @return a total
     */
    long getAbandoned();

    /**
     * How many permits were dropped without being closed, and given back when that was found; moves only where holders are
     * tracked.
     *
     * @return a total
     */
    long getLeaked();

    /**
     * Who holds permits, as far as the limiter tracks that, the oldest first.
     *
     * @return for each several lines: who, for how long, where the permit was asked for, and where its thread is now
     */
    String[] getHolders();

    /**
     * Whether the limiter was closed.
     *
     * @return true once closed
     */
    boolean isClosed();

    /**
     * The moment's numbers in one line, such as {@code capacity 40, in use 40, waiting 17 of at most 1024, oldest wait 1203 ms}.
     *
     * @return as {@link LimiterStatistics#summary}
     */
    String getSummary();
}
