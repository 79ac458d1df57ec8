package dev.weir.limiter.core;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Ends waits that have lasted as long as they may. All newcomers of a limiter may wait equally long, so the queue is in order
 * of their deadlines, and one timer for the first of them is enough. It runs on the JDK's common pool.
 */
final class Expiry {

    private final GateLimiter limiter;
    private final Gate gate;
    private final long maxWaitNanos;
    private final AtomicBoolean armed = new AtomicBoolean();

    Expiry(GateLimiter limiter, Gate gate, long maxWaitNanos) {
        this.limiter = limiter;
        this.gate = gate;
        this.maxWaitNanos = maxWaitNanos;
    }

    /** Called after a newcomer was queued. */
    void arm() {
        if (!armed.get() && armed.compareAndSet(false, true)) {
            schedule(maxWaitNanos);
        }
    }

    private void schedule(long nanos) {
        CompletableFuture.delayedExecutor(nanos, TimeUnit.NANOSECONDS).execute(this::expire);
    }

    private void expire() {
        armed.set(false); // before the look: whoever is queued after it arms the timer anew
        List<Waiter<?>> expired = new ArrayList<>();
        Long since = gate.expireUpTo(System.nanoTime() - maxWaitNanos, expired);
        if (since != null && armed.compareAndSet(false, true)) {
            schedule(Math.max(0, since + maxWaitNanos - System.nanoTime()));
        }
        limiter.refuseExpired(expired);
    }
}
