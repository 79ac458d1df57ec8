package dev.weir.limiter.core.flight;

import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** A refusal. Without a stack trace: refusals come in storms. */
@Name("dev.weir.limiter.Refused")
@Label("Refused")
@StackTrace(false)
public final class RefusedEvent extends LimiterEvent {

    @Label("Reason")
    @Nullable String reason;

    private RefusedEvent() {}

    /**
     * Records a refusal, if anybody records.
     *
     * @param labels the limiter's
     * @param why the reason
     */
    public static void record(Labels labels, String why) {
        RefusedEvent event = new RefusedEvent();
        if (event.shouldCommit()) {
            event.of(labels);
            event.reason = why;
            event.commit();
        }
    }
}
