package dev.weir.limiter.core;

import java.util.concurrent.Callable;

/** Work that nothing covers but its own permit, and whose caller need not look at its outcome. */
abstract class DetachedTask extends RunTask<Void> {

    DetachedTask(GateLimiter limiter, Runnable work) {
        super(limiter, Kind.NEWCOMER, callable(work), limiter.captureContext(), null, false);
    }

    @SuppressWarnings("NullAway") // Void has no value but null
    private static Callable<Void> callable(Runnable work) {
        return () -> {
            work.run();
            return null;
        };
    }
}
