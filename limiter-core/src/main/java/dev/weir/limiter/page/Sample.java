package dev.weir.limiter.page;

import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.RefusalReason;

/** The numbers of a limiter at one moment, in little space. */
final class Sample {

    private static final RefusalReason[] REASONS = RefusalReason.values();

    private final long nanos;
    private final int capacity;
    private final int inUse;
    private final int waiting;
    private final long acquired;
    private final long[] refused = new long[REASONS.length];

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
        for (RefusalReason reason : REASONS) {
            refused[reason.ordinal()] = now.refused(reason);
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
        return refused[reason.ordinal()];
    }

    long refused() {
        long sum = 0;
        for (long number : refused) {
            sum += number;
        }
        return sum;
    }

    double secondsSince(Sample earlier) {
        return (nanos - earlier.nanos) / 1e9;
    }
}
