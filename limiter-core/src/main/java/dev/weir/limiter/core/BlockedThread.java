package dev.weir.limiter.core;

import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.RefusalReason;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/** A thread that blocks until it has a permit. Moves from waiting to granted or refused once; only the gate moves it. */
final class BlockedThread extends Waiter<Void> {

    private final Thread thread = Thread.currentThread();
    private volatile @Nullable GatePermit permit;
    private volatile @Nullable RefusalReason refusal;

    BlockedThread() {
        super(Kind.NEWCOMER);
    }

    @Override
    void granted(GatePermit granted, boolean passOn) {
        permit = granted;
        LockSupport.unpark(thread);
    }

    @Override
    void refused(RefusalReason reason, boolean traced) {
        refusal = reason;
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
    @Nullable GatePermit await(GateLimiter limiter, long nanos, boolean ownLimit) throws InterruptedException {
        long deadline = System.nanoTime() + nanos;
        while (true) {
            GatePermit granted = permit;
            if (granted != null) {
                return granted;
            }
            RefusalReason reason = refusal;
            if (reason != null) {
                throw limiter.refusal(reason, true);
            }
            if (Thread.interrupted()) {
                leave(limiter);
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
                    awaitVerdict(limiter);
                } else {
                    LockSupport.parkNanos(limiter, left);
                }
            }
        }
    }

    /** Gives up the place; a permit that was granted in the same moment goes to the next waiter. */
    private void leave(GateLimiter limiter) {
        if (!limiter.withdraw(this)) {
            GatePermit granted = awaitVerdict(limiter);
            if (granted != null) {
                granted.close();
            }
        }
    }

    /** Out of the queue already: the thread that took it out is about to say why, after those it tells before us. */
    private @Nullable GatePermit awaitVerdict(GateLimiter limiter) {
        while (permit == null && refusal == null) {
            Thread.onSpinWait();
            LockSupport.parkNanos(limiter, 10_000);
        }
        return permit;
    }
}
