package dev.weir.limiter.core;

import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadConfig;
import java.time.Duration;

/**
 * The count of permits, kept in a Resilience4j bulkhead that nobody else can reach.
 *
 * <p>The gate decides, the ledger records: {@link #take} is called only when the gate has counted the permit already, {@link
 * #giveBack} before the gate takes it off its count. So the ledger's count never exceeds the gate's, and since {@link #settle}
 * never goes below the gate's count, lowering the bulkhead's limit always finds enough free permits and never parks.
 */
final class Ledger {

    /** The bulkhead's limit stays far from the values where its counter overflows. */
    static final int MAX = Gate.MAX_IN_USE;

    private final Bulkhead bulkhead;
    private int max; // guarded by the gate's lock

    Ledger(String name, int capacity) {
        this.max = Math.min(capacity, MAX);
        this.bulkhead = Bulkhead.of(name, config(max));
    }

    private static BulkheadConfig config(int max) {
        return BulkheadConfig.custom()
                .maxConcurrentCalls(max)
                .maxWaitDuration(Duration.ZERO)
                .fairCallHandlingStrategyEnabled(false)
                .writableStackTraceEnabled(false)
                .build();
    }

    /**
     * Records a permit. The bulkhead refuses interrupted threads even with permits free, so the flag is put aside for a second
     * try.
     *
     * @return false only if the bulkhead has no permit free
     */
    boolean take() {
        return bulkhead.tryAcquirePermission() || takeInterrupted();
    }

    private boolean takeInterrupted() {
        boolean interrupted = false;
        boolean taken = false;
        while (!taken && Thread.interrupted()) { // cleared, and again if another interrupt arrives meanwhile
            interrupted = true;
            taken = bulkhead.tryAcquirePermission();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return taken;
    }

    /** Records that a permit came back. */
    void giveBack() {
        bulkhead.releasePermission();
    }

    /**
     * Moves the bulkhead's limit. Called under the gate's lock.
     *
     * @param limit the larger of capacity and in use
     */
    void settle(int limit) {
        int target = Math.min(limit, MAX);
        if (target != max) {
            bulkhead.changeConfig(config(target));
            max = target;
        }
    }

    /** The bulkhead's own view, for meters and for tests of the invariant. */
    Bulkhead.Metrics metrics() {
        return bulkhead.getMetrics();
    }
}
