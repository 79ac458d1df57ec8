package dev.weir.limiter.metrics;

import dev.weir.limiter.core.watch.PermitListener;
import java.util.concurrent.atomic.LongAdder;

/** How many waits and holds there were, and how long they were together. Cheaper than two timers, which read the clock each. */
final class Totals implements PermitListener {

    private final LongAdder grants = new LongAdder();
    private final LongAdder waitedNanos = new LongAdder();
    private final LongAdder releases = new LongAdder();
    private final LongAdder heldNanos = new LongAdder();

    @Override
    public void granted(long nanos) {
        grants.increment();
        if (nanos != 0) {
            waitedNanos.add(nanos);
        }
    }

    @Override
    public void released(long nanos) {
        releases.increment();
        heldNanos.add(nanos);
    }

    long grants() {
        return grants.sum();
    }

    double waitedNanos() {
        return waitedNanos.sum();
    }

    long releases() {
        return releases.sum();
    }

    double heldNanos() {
        return heldNanos.sum();
    }
}
