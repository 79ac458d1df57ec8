package dev.weir.limiter.page;

import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.RefusalReason;
import java.util.EnumMap;
import java.util.Map;

/** The numbers of a limiter at one moment, in little space. */
final class Sample {

    private final long nanos;
    private final int capacity;
    private final int inUse;
    private final int waiting;
    private final long acquired;
    private final Map<RefusalReason, Long> refused = new EnumMap<>(RefusalReason.class); // those there were

    /**
     * A sample.
     *
     * @param now the numbers
     * @param nanos when, as {@link System#nanoTime} tells it
     */
    Sample(LimiterStatistics now, long nanos) {
        this.nanos = nanos;
        this.capacity = now.capacity();
        this.inUse = now.inUse();
        this.waiting = now.waiting();
        this.acquired = now.acquired();
        for (RefusalReason reason : RefusalReason.values()) {
            if (now.refused(reason) > 0) {
                refused.put(reason, now.refused(reason));
            }
        }
    }

    long nanos() {
        return nanos;
    }

    int capacity() {
        return capacity;
    }

    int inUse() {
        return inUse;
    }

    int waiting() {
        return waiting;
    }

    long acquired() {
        return acquired;
    }

    long refused(RefusalReason reason) {
        return refused.getOrDefault(reason, 0L);
    }

    long refused() {
        return refused.values().stream().mapToLong(Long::longValue).sum();
    }

    double secondsSince(Sample earlier) {
        return (nanos - earlier.nanos) / 1e9;
    }
}
