package dev.weir.benchmarks.servers;

import java.util.Arrays;

/** Durations, in nanoseconds. */
final class Samples {

    private long[] values = new long[1024];
    private int size;
    private boolean sorted;

    void add(long nanos) {
        if (size == values.length) {
            values = Arrays.copyOf(values, 2 * size);
        }
        values[size++] = nanos;
        sorted = false;
    }

    void add(Samples others) {
        for (int i = 0; i < others.size; i++) {
            add(others.values[i]);
        }
    }

    int size() {
        return size;
    }

    /** In milliseconds; not a number when there are none. */
    double percentile(double percent) {
        if (size == 0) {
            return Double.NaN;
        }
        if (!sorted) {
            Arrays.sort(values, 0, size);
            sorted = true;
        }
        return values[(int) Math.min(size - 1, size * percent / 100)] / 1e6;
    }
}
