package dev.weir.limiter.servlet;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/** Says from time to time that it is time to look for what the container does not tell. */
final class Lookout {

    /** Runs what it is given on another thread, but not now. */
    static final Executor LATER = CompletableFuture.delayedExecutor(200, TimeUnit.MILLISECONDS);

    private final Runnable wake;
    private volatile boolean due;
    private volatile boolean waiting;

    Lookout(Runnable wake) {
        this.wake = wake;
    }

    /** Whether it is time; if not, wakes when it is. */
    boolean isTime() {
        boolean now = due;
        due = false;
        if (!waiting) {
            waiting = true;
            LATER.execute(() -> {
                waiting = false;
                due = true;
                wake.run();
            });
        }
        return now;
    }
}
