package dev.weir.limiter.core;

import dev.weir.limiter.LimitExceededException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A command handed to a limiter's executor. What it throws goes where an executor's user looks for it. */
final class ExecutorTask extends DetachedTask {

    private final GateLimiter limiter;
    private final Runnable command;
    private volatile @Nullable Thread asking; // the thread in ask
    private @Nullable LimitExceededException noWorkerAtOnce; // touched by that thread only

    ExecutorTask(GateLimiter limiter, Runnable command) {
        super(limiter, Objects.requireNonNull(command, "command"));
        this.limiter = limiter;
        this.command = command;
    }

    /**
     * Asks for a permit.
     *
     * @throws LimitExceededException when refused at once
     */
    void ask() {
        asking = Thread.currentThread();
        limiter.admit(this);
        asking = null;
        LimitExceededException refusal = noWorkerAtOnce;
        if (refusal != null) {
            throw refusal;
        }
    }

    /** On the caller's thread the refusal is thrown, out of {@code execute}. */
    @Override
    void refused(Refusal refusal) {
        if (refusal.traced()) {
            throw limiter.refusal(refusal);
        }
        super.refused(refusal);
    }

    @Override
    void failed(Throwable failure) {
        Thread thread = Thread.currentThread();
        if (thread == asking && failure instanceof LimitExceededException refusal && wasRefused()) {
            noWorkerAtOnce = refusal;
        } else if (!(command instanceof Crew.Task task && task.noWorker(failure))) {
            try {
                thread.getUncaughtExceptionHandler().uncaughtException(thread, failure);
            } catch (Throwable e) { // a handler's failures are ignored, as the JVM does
                Log.unexpected("handling an uncaught exception", e);
            }
        }
    }
}
