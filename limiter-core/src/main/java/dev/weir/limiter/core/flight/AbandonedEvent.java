package dev.weir.limiter.core.flight;

import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;

/** A caller that left its running work. */
@Name("dev.weir.limiter.Abandoned")
@Label("Work Abandoned")
@Description("A caller left its running work, which keeps its permit. Thread and stack are the caller's")
public final class AbandonedEvent extends LimiterEvent {

    private AbandonedEvent() {}

    /**
     * Records that work was abandoned, if anybody records.
     *
     * @param labels the limiter's
     */
    public static void record(Labels labels) {
        AbandonedEvent event = new AbandonedEvent();
        if (event.shouldCommit()) {
            event.of(labels);
            event.commit();
        }
    }
}
