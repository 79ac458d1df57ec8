package dev.weir.limiter.page;

import java.util.ArrayDeque;
import java.util.List;

/** The latest samples of one limiter, never more than a set number. Thread-safe. */
final class History {

    private final int length;
    private final ArrayDeque<Sample> samples; // guarded by this

    History(int length) {
        this.length = length;
        this.samples = new ArrayDeque<>(length);
    }

    synchronized void add(Sample sample) {
        if (samples.size() == length) {
            samples.removeFirst();
        }
        samples.addLast(sample);
    }

    synchronized void clear() {
        samples.clear();
    }

    /** The oldest first. */
    synchronized List<Sample> samples() {
        return List.copyOf(samples);
    }
}
