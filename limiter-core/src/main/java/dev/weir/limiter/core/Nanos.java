package dev.weir.limiter.core;

import java.time.Duration;

/** Durations as nanoseconds, as long as a long can say. */
final class Nanos {

    private Nanos() {}

    static long of(Duration duration) {
        try {
            return duration.toNanos();
        } catch (ArithmeticException e) { // 292 years or more
            return duration.isNegative() ? Long.MIN_VALUE : Long.MAX_VALUE;
        }
    }
}
