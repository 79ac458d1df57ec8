package dev.weir.limiter.core;

import dev.weir.limiter.RefusalReason;
import java.util.Objects;

/** A command handed to a limiter's executor. What it throws goes where an executor's user looks for it. */
final class ExecutorTask extends DetachedTask {

    private final GateLimiter limiter;

    ExecutorTask(GateLimiter limiter, Runnable command) {
        super(limiter, Objects.requireNonNull(command, "command"));
        this.limiter = limiter;
    }

    /** On the caller's thread the refusal is thrown, out of {@code execute}. */
    @Override
    void refused(RefusalReason reason, boolean traced) {
        if (traced) {
            throw limiter.refusal(reason, true);
        }
        super.refused(reason, false);
    }

    @Override
    void failed(Throwable failure) {
        Thread thread = Thread.currentThread();
        try {
            thread.getUncaughtExceptionHandler().uncaughtException(thread, failure);
        } catch (Throwable e) { // a handler's failures are ignored, as the JVM does
            Log.unexpected("handling an uncaught exception", e);
        }
    }
}
