package dev.weir.limiter.core;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Ends waits that have lasted as long as they may. All newcomers of a limiter may wait equally long, so the queue is in order
 * of their deadlines, and one timer for the first of them is enough. It runs on the JDK's common pool.
 */
final class Expiry {

    private final GateLimiter limiter;
    private final Gate gate;
    private final long maxWaitNanos;
    private final Timer timer;
    private final AtomicBoolean armed = new AtomicBoolean();

    Expiry(GateLimiter limiter, Gate gate, long maxWaitNanos, Timer timer) {
        this.limiter = limiter;
        this.gate = gate;
        this.maxWaitNanos = maxWaitNanos;
        this.timer = timer;
    }

    /** Called after a newcomer was queued. */
    void arm() {
        if (!armed.get() && armed.compareAndSet(false, true)) {
            schedule(maxWaitNanos);
        }
    }

    private void schedule(long nanos) {
        try {
            timer.schedule(nanos, this::expire);
        } catch (Throwable e) { // no thread to be had for the JDK's timer: the next newcomer tries again
            armed.set(false);
            Log.unexpected("starting the timer of limiter '" + limiter.name() + "'", e);
        }
    }

    /**
     * T1 looks and finds somebody whose time has not come, T2 queues: the timer is T1's, who stays armed and sets it for the
     * first. T1 finds nobody, T2 queues and finds T1 armed: T1 looks again after having disarmed.
     */
    private void expire() {
        List<Waiter<?>> expired = new ArrayList<>();
        Long since = expireInto(expired);
        if (since == null) {
            armed.set(false);
            since = expireInto(expired);
            if (since != null && !armed.compareAndSet(false, true)) {
                since = null; // whoever armed was queued a moment later: the timer is as good as set for the first
            }
        }
        if (since != null) {
            schedule(Math.max(0, since + maxWaitNanos - System.nanoTime()));
        }
        limiter.refuseExpired(expired);
    }

    private @Nullable Long expireInto(List<Waiter<?>> expired) {
        return gate.expireUpTo(System.nanoTime() - maxWaitNanos, expired);
    }
}
