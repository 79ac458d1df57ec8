package dev.weir.limiter;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Whether limiters keep up, as a readiness check wants to know it: a look at one moment, which needs no permit and never
 * blocks. Immutable.
 *
 * <p>A limiter is <em>saturated</em> when all its permits are in use <b>and</b> somebody has been waiting for longer than a
 * threshold. A full limiter that nobody waits for does what it is there for, and so does a queue that a burst has left; neither
 * is reported. A paused limiter (capacity 0) is saturated once somebody has waited that long.
 */
public final class LimiterHealth {

    /** The outcome. */
    public enum Status {
        /** Everybody gets a permit within the threshold, or can still hope to. */
        UP,
        /** At least one limiter is full, and somebody has waited for it longer than the threshold. */
        SATURATED
    }

    private final Duration threshold;
    private final List<LimiterStatistics> limiters;
    private final List<LimiterStatistics> saturated;

    private LimiterHealth(Duration threshold, List<LimiterStatistics> limiters) {
        this.threshold = threshold;
        this.limiters = List.copyOf(limiters);
        this.saturated = limiters.stream().filter(this::isSaturated).toList();
    }

    /**
     * Looks at all limiters of a scope.
     *
     * @param scope the limiters of an application
     * @param threshold how long somebody may wait while all permits are in use; zero or more
     * @return what was seen
     * @throws IllegalArgumentException when the threshold is negative
     */
    public static LimiterHealth of(LimiterScope scope, Duration threshold) {
        return of(scope.limiters(), threshold);
    }

    /**
     * Looks at some limiters, such as those that requests wait for.
     *
     * @param limiters the limiters
     * @param threshold how long somebody may wait while all permits are in use; zero or more
     * @return what was seen
     * @throws IllegalArgumentException when the threshold is negative
     */
    public static LimiterHealth of(Collection<? extends CapacityLimiter> limiters, Duration threshold) {
        if (threshold.isNegative()) {
            throw new IllegalArgumentException("threshold: expected zero or more, was " + threshold);
        }
        List<LimiterStatistics> seen = new ArrayList<>();
        limiters.forEach(limiter -> seen.add(limiter.statistics()));
        return new LimiterHealth(threshold, seen);
    }

    private boolean isSaturated(LimiterStatistics now) {
        return now.available() <= 0 && now.waiting() > 0 && now.oldestWait().compareTo(threshold) > 0;
    }

    /**
     * The outcome.
     *
     * @return {@link Status#SATURATED} when at least one limiter is
     */
    public Status status() {
        return saturated.isEmpty() ? Status.UP : Status.SATURATED;
    }

    /**
     * How long somebody may wait while all permits are in use.
     *
     * @return zero or more
     */
    public Duration threshold() {
        return threshold;
    }

    /**
     * The numbers of all limiters that were looked at, in the order they were given.
     *
     * @return an immutable list
     */
    public List<LimiterStatistics> limiters() {
        return limiters;
    }

    /**
     * The numbers of those that are saturated.
     *
     * @return an immutable list, empty when the status is {@link Status#UP}
     */
    public List<LimiterStatistics> saturated() {
        return saturated;
    }

    /** The status, and a line with the numbers of each saturated limiter. */
    @Override
    public String toString() {
        return status()
                + saturated.stream()
                        .map(now -> "\nLimiter '" + now.limiterName() + "': " + now.summary())
                        .collect(Collectors.joining());
    }
}
