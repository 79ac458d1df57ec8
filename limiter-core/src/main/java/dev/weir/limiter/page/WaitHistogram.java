package dev.weir.limiter.page;

import java.util.Arrays;
import java.util.OptionalLong;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * How long those who got a permit in the last minute had waited for it. Of fixed size: twelve slices of five seconds, of which
 * the oldest is dropped when a new one begins. Quantiles are too high by an eighth at most.
 *
 * <p>Any thread records; {@link #advance} is for one at a time. A thread that records while a slice ends may still put its wait
 * into that one.
 */
final class WaitHistogram {

    static final int SLICES = 12;

    /** Shorter waits than 2^10 ns share the first bucket; each doubling from there has eight, up to two hours. */
    private static final int FIRST_POWER = 10;

    private static final int POWERS = 33;
    private static final int STEPS_LOG = 3;
    private static final int STEPS = 1 << STEPS_LOG;
    private static final int BUCKETS = 1 + POWERS * STEPS;

    private final AtomicReferenceArray<AtomicIntegerArray> slices = new AtomicReferenceArray<>(SLICES);
    private volatile int current;

    WaitHistogram() {
        clear();
    }

    void record(long nanos) {
        slices.get(current).getAndIncrement(bucket(nanos));
    }

    /** Begins a new slice in the place of the oldest. */
    void advance() {
        int next = (current + 1) % SLICES;
        slices.set(next, new AtomicIntegerArray(BUCKETS));
        current = next;
    }

    void clear() {
        for (int i = 0; i < SLICES; i++) {
            slices.set(i, new AtomicIntegerArray(BUCKETS));
        }
    }

    /**
     * The time that so many of the waits did not exceed.
     *
     * @param quantile above 0, up to 1
     * @return nanoseconds; empty when nobody got a permit
     */
    OptionalLong quantile(double quantile) {
        long[] counts = new long[BUCKETS];
        for (int i = 0; i < SLICES; i++) {
            AtomicIntegerArray slice = slices.get(i);
            for (int bucket = 0; bucket < BUCKETS; bucket++) {
                counts[bucket] += slice.get(bucket);
            }
        }
        long rank = (long) Math.ceil(quantile * Arrays.stream(counts).sum());
        long seen = 0;
        for (int bucket = 0; bucket < BUCKETS; bucket++) {
            seen += counts[bucket];
            if (seen > 0 && seen >= rank) {
                return OptionalLong.of(upperBound(bucket));
            }
        }
        return OptionalLong.empty();
    }

    private static int bucket(long nanos) {
        if (nanos < 1L << FIRST_POWER) {
            return 0;
        }
        int power = Long.SIZE - 1 - Long.numberOfLeadingZeros(nanos);
        int step = (int) (nanos >>> (power - STEPS_LOG)) & (STEPS - 1);
        return Math.min(BUCKETS - 1, 1 + (power - FIRST_POWER) * STEPS + step);
    }

    private static long upperBound(int bucket) {
        if (bucket == 0) {
            return 0; // no wait worth the name
        }
        int power = FIRST_POWER + (bucket - 1) / STEPS;
        int step = (bucket - 1) % STEPS;
        return (STEPS + step + 1L) << (power - STEPS_LOG);
    }
}
