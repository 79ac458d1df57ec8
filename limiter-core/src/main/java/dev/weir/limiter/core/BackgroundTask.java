package dev.weir.limiter.core;

/** Work nobody waits for: what goes wrong is logged, once. */
final class BackgroundTask extends DetachedTask {

    private final GateLimiter limiter;

    BackgroundTask(GateLimiter limiter, Runnable work) {
        super(limiter, work);
        this.limiter = limiter;
    }

    @Override
    void failed(Throwable failure) {
        Log.warning("Background work under limiter '" + limiter.name() + "' failed", failure);
    }
}
