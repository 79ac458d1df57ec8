package dev.weir.limiter.core;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;

/** A program that is run in a JVM without the module {@code jdk.jfr}. */
final class WithoutRecorder {

    private WithoutRecorder() {}

    public static void main(String[] arguments) {
        String recorder = ModuleLayer.boot().findModule("jdk.jfr").isPresent() ? "a recorder" : "no recorder";
        try (CapacityLimiter limiter = CapacityLimiter.of("one", 1)) {
            limiter.resize(2);
            String answer = Limiters.run(limiter, () -> "4711").join();
            System.out.println(
                    recorder + ": " + answer + " under " + limiter.statistics().summary());
        }
    }
}
