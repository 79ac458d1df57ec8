package dev.weir.limiter.core;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Runs something after a time. */
@FunctionalInterface
interface Timer {

    void schedule(long nanos, Runnable task);

    /** On the one thread that is the timer of the whole JVM: for what takes microseconds and runs no code of the user. */
    static void onTimerThread(long nanos, Runnable task) {
        CompletableFuture.delayedExecutor(nanos, TimeUnit.NANOSECONDS, Runnable::run)
                .execute(task);
    }

    static void onCommonPool(long nanos, Runnable task) {
        CompletableFuture.delayedExecutor(nanos, TimeUnit.NANOSECONDS).execute(task);
    }
}
