package dev.weir.limiter.core;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Permit;
import io.github.resilience4j.bulkhead.Bulkhead;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** A limiter that is used by two threads at once, and what is to be seen of it afterwards. */
final class StressedLimiter {

    private final GateLimiter limiter;

    StressedLimiter(int capacity) {
        limiter = (GateLimiter) CapacityLimiter.of("stressed", capacity);
    }

    Permit take() {
        return limiter.tryAcquire().orElseThrow();
    }

    boolean tryTake() {
        return limiter.tryAcquire().isPresent();
    }

    boolean takesWithin(Duration maxWait) {
        try {
            return limiter.tryAcquire(maxWait).isPresent();
        } catch (InterruptedException e) {
            throw new IllegalStateException("nobody interrupts", e);
        }
    }

    CompletableFuture<Permit> queue() {
        return limiter.acquireAsync();
    }

    void resize(int capacity) {
        limiter.resize(capacity);
    }

    /** What the timer of the wait limit does when the time of all who wait has passed. */
    void expireAll() {
        List<Waiter<?>> expired = new ArrayList<>();
        limiter.gate().expireUpTo(System.nanoTime(), expired);
        limiter.refuseExpired(expired);
    }

    CapacityLimiter limiter() {
        return limiter;
    }

    int inUse() {
        return limiter.statistics().inUse();
    }

    int waiting() {
        return limiter.statistics().waiting();
    }

    /** How many permits the ledger has recorded; the gate's count, when nothing is under way. */
    int recorded() {
        Bulkhead.Metrics ledger = limiter.gate().ledger();
        return ledger.getMaxAllowedConcurrentCalls() - ledger.getAvailableConcurrentCalls();
    }

    /** Closes the permit, if it has come. */
    static void giveBack(CompletableFuture<Permit> asked) {
        if (asked.isDone()) {
            asked.join().close();
        }
    }

    /** What became of somebody who queued. */
    static String outcome(CompletableFuture<Permit> asked) {
        if (!asked.isDone()) {
            return "waiting";
        } else if (asked.isCancelled()) {
            return "cancelled";
        }
        return asked.isCompletedExceptionally() ? "refused" : "granted";
    }
}
