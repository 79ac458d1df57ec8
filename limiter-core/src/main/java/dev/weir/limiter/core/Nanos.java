package dev.weir.limiter.core;

import java.time.Duration;

/** Durations as nanoseconds, as long as a long can say. */
final class Nanos {

    private Nanos() {}

    /** {@link System#nanoTime}, but never 0, which can so say "not known". */
    static long now() {
        long now = System.nanoTime();
        return now == 0 ? 1 : now;
    }

    static long of(Duration duration) {
        try {
            return duration.toNanos();
        } catch (ArithmeticException e) { // 292 years or more
            return duration.isNegative() ? Long.MIN_VALUE : Long.MAX_VALUE;
        }
    }
}
