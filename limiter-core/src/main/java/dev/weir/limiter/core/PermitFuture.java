package dev.weir.limiter.core;

import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;

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
    void refused(RefusalReason reason, boolean traced) {
        super.completeExceptionally(limiter.refusal(reason, traced));
    }

    @Override
    public boolean complete(Permit value) {
        return left(super.complete(value));
    }

    @Override
    public boolean completeExceptionally(Throwable failure) {
        return left(super.completeExceptionally(failure));
    }

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
        boolean wasDone = isDone();
        boolean cancelled = super.cancel(mayInterruptIfRunning);
        if (cancelled && !wasDone) {
            limiter.withdraw(this);
        }
        return cancelled;
    }

    private boolean left(boolean completed) {
        if (completed) {
            limiter.withdraw(this);
        }
        return completed;
    }
}
