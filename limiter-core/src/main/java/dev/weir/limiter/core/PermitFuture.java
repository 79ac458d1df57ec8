package dev.weir.limiter.core;

import dev.weir.limiter.Permit;

/**
 * A permit that may still have to come. The future's own completion decides between "granted" and "left": whoever completes it
 * first wins, and a permit that comes too late goes on to the next waiter.
 */
final class PermitFuture extends Waiter<Permit> {

    private final GateLimiter limiter;

    PermitFuture(GateLimiter limiter, Kind kind) {
        super(kind);
        this.limiter = limiter;
    }

    @Override
    void granted(GatePermit permit, boolean passOn) {
        if (!super.complete(permit)) {
            permit.close();
        }
    }

    @Override
    GateLimiter limiter() {
        return limiter;
    }

    @Override
    void refused(Refusal refusal) {
        super.completeExceptionally(limiter.refusal(refusal));
    }

    @Override
    public boolean complete(Permit value) {
        leave();
        return super.complete(value);
    }

    @Override
    public boolean completeExceptionally(Throwable failure) {
        leave();
        return super.completeExceptionally(failure);
    }

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
        leave();
        return super.cancel(mayInterruptIfRunning);
    }

    /** Before dependents hear of it: they find the place free. */
    private void leave() {
        if (!isDone()) {
            limiter.withdraw(this);
        }
    }
}
