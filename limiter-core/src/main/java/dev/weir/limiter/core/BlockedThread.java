package dev.weir.limiter.core;

import dev.weir.limiter.LimitExceededException;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** A thread that blocks until it has a permit. Moves from waiting to granted or refused once; only the gate moves it. */
final class BlockedThread extends Waiter<Void> {

    private final GateLimiter limiter;
    private final Thread thread = Thread.currentThread();
    private volatile @Nullable GatePermit permit;
    private volatile @Nullable Refusal refusal;

    BlockedThread(GateLimiter limiter) {
        super(Kind.NEWCOMER);
        this.limiter = limiter;
    }

    @Override
    GateLimiter limiter() {
        return limiter;
    }

    @Override
    void granted(GatePermit granted, boolean passOn) {
        permit = granted;
        LockSupport.unpark(thread);
    }

    @Override
    void refused(Refusal verdict) {
        refusal = verdict;
        LockSupport.unpark(thread);
    }

    @Override
    boolean runsUserCode() {
        return false;
    }

    /**
     * Waits in the limiter's queue.
     *
     * @param nanos how long at most; {@link Long#MAX_VALUE} for ever
     * @param ownLimit whether that is the caller's limit rather than the limiter's
     * @return the permit, or null when the time passed
     * @throws LimitExceededException when the limiter refused meanwhile
     */
    @Nullable GatePermit await(long nanos, boolean ownLimit) throws InterruptedException {
        if (nanos < Long.MAX_VALUE) {
            return awaitPermit(nanos, ownLimit);
        }
        BlockedWait wait = Deadlocks.enter(this);
        try {
            return awaitPermit(nanos, ownLimit);
        } finally {
            Deadlocks.leave(wait);
        }
    }

    private @Nullable GatePermit awaitPermit(long nanos, boolean ownLimit) throws InterruptedException {
        long deadline = System.nanoTime() + nanos;
        while (true) {
            GatePermit granted = permit;
            if (granted != null) {
                return granted;
            }
            Refusal verdict = refusal;
            if (verdict != null) {
                throw limiter.refusal(verdict.traceable());
            }
            if (Thread.interrupted()) {
                leave();
                throw new InterruptedException("interrupted while waiting for limiter '" + limiter.name() + "'");
            }
            if (nanos == Long.MAX_VALUE) {
                LockSupport.park(limiter);
            } else {
                long left = deadline - System.nanoTime();
                if (left <= 0) {
                    boolean timeIsOver = ownLimit ? limiter.withdraw(this) : limiter.expire(this);
                    if (timeIsOver) {
                        return null;
                    }
                    awaitVerdict();
                } else {
                    LockSupport.parkNanos(limiter, left);
                }
            }
        }
    }

    /** Gives up the place; a permit that was granted in the same moment goes to the next waiter. */
    private void leave() {
        if (!limiter.withdraw(this)) {
            GatePermit granted = awaitVerdict();
            if (granted != null) {
                granted.close();
            }
        }
    }

    /** Out of the queue already: the thread that took it out is about to say why, after those it tells before us. */
    private @Nullable GatePermit awaitVerdict() {
        while (permit == null && refusal == null) {
            Thread.onSpinWait();
            LockSupport.parkNanos(limiter, 10_000);
        }
        return permit;
    }
}
