package dev.weir.examples;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;

/** The ways in which the same application is run. */
enum Setup {
    /** As servers with a single pool have it. */
    SHARED("One limiter of 40 for everything", "one for everything"),
    /** What users get who configure nothing. */
    WEIR("Weir's defaults: 40 for each kind of work", "Weir's defaults"),
    /** The defaults, and the background limiter grows while requests wait for it. */
    RESIZED("Weir's defaults, and resize(100) of the background limiter while it runs", "resize(100)");

    private final String title;
    private final String brief;

    Setup(String title, String brief) {
        this.title = title;
        this.brief = brief;
    }

    String title() {
        return title;
    }

    /** A heading for a column. */
    String brief() {
        return brief;
    }

    /** The application's limiters; to be closed with {@link #close}. */
    LimiterScope open() {
        return this == SHARED
                ? LimiterScope.builder()
                        .all(CapacityLimiter.of("everything", 40))
                        .open()
                : LimiterScope.open();
    }

    /** Closes the scope, and the limiter that was handed to it. */
    static void close(LimiterScope limiters) {
        limiters.close();
        limiters.limiters().forEach(CapacityLimiter::close);
    }
}
