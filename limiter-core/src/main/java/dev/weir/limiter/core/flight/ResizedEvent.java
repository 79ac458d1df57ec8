package dev.weir.limiter.core.flight;

import jdk.jfr.Label;
import jdk.jfr.Name;

/** A change of capacity. */
@Name("dev.weir.limiter.Resized")
@Label("Resized")
public final class ResizedEvent extends LimiterEvent {

    @Label("Capacity Before")
    int from;

    @Label("Capacity Now")
    int to;

    private ResizedEvent() {}

    /**
     * Records a change of capacity, if anybody records.
     *
     * @param labels the limiter's
     * @param before the capacity before
     * @param now the capacity now
     */
    public static void record(Labels labels, int before, int now) {
        ResizedEvent event = new ResizedEvent();
        if (event.shouldCommit()) {
            event.of(labels);
            event.from = before;
            event.to = now;
            event.commit();
        }
    }
}
