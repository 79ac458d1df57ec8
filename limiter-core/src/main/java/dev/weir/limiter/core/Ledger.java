package dev.weir.limiter.core;

import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadConfig;
import java.time.Duration;

/**
 * The count of permits, kept in a Resilience4j bulkhead that nobody else can reach. All of it while the gate is locked.
 *
 * <p>The gate grants no permit that is not recorded here. What comes back stays recorded, and is granted again without the
 * ledger being asked, until somebody looks at it, or the capacity shrinks. So in use &le; recorded &le; the bulkhead's limit,
 * and lowering that limit always finds enough free permits and never parks.
 */
final class Ledger {

    /** The bulkhead's limit stays far from the values where its counter overflows. */
    static final int MAX = Gate.MAX_IN_USE;

    private final Bulkhead bulkhead;
    private int limit;
    private int recorded;

    Ledger(String name, int capacity) {
        this.limit = Math.min(capacity, MAX);
        this.bulkhead = Bulkhead.of(name, config(limit));
    }

    private static BulkheadConfig config(int limit) {
        return BulkheadConfig.custom()
                .maxConcurrentCalls(limit)
                .maxWaitDuration(Duration.ZERO)
                .fairCallHandlingStrategyEnabled(false)
                .writableStackTraceEnabled(false)
                .build();
    }

    int recorded() {
        return recorded;
    }

    /** Makes the bulkhead's limit the larger of capacity and in use, and records what is in use. */
    void settle(int capacity, int inUse) {
        int target = Math.min(Math.max(capacity, inUse), MAX);
        if (target != limit) {
            BulkheadConfig config = config(target); // fails, for want of memory, before anything has changed
            giveBackAbove(target);
            bulkhead.changeConfig(config);
            limit = target;
        }
        while (recorded < inUse) {
            record();
        }
    }

    /** Gives back what is recorded beyond this. */
    void giveBackAbove(int inUse) {
        while (recorded > inUse) {
            recorded--;
            bulkhead.releasePermission();
        }
    }

    /** The bulkhead refuses interrupted threads even with permits free, so the flag is put aside for another try. */
    private void record() {
        boolean interrupted = false;
        while (!bulkhead.tryAcquirePermission()) {
            if (!Thread.interrupted()) { // cleared, and again if another interrupt arrives meanwhile
                throw new IllegalStateException("the ledger is full: limit " + limit + ", recorded " + recorded);
            }
            interrupted = true;
        }
        recorded++;
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** The bulkhead's own view. */
    Bulkhead.Metrics metrics() {
        return bulkhead.getMetrics();
    }
}
