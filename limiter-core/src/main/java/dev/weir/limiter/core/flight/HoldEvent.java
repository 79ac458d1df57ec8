package dev.weir.limiter.core.flight;

import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Threshold;

/** One permit, from its grant to its return. */
@Name("dev.weir.limiter.Hold")
@Label("Permit Held")
@Description("A permit was held. The event's thread is the one that gave it back")
@Threshold("10 ms")
@StackTrace(false)
public final class HoldEvent extends LimiterEvent implements Hold {

    /**
     * Whether anybody records such events.
     *
     * @return true while one does
     */
    public static boolean isOn() {
        return new HoldEvent().isEnabled();
    }

    /**
     * Begins with the grant.
     *
     * @param labels the limiter's
     */
    public HoldEvent(Labels labels) {
        of(labels);
        begin();
    }

    private HoldEvent() {}

    @Override
    public void stop() {
        end();
    }

    @Override
    public void record() {
        commit();
    }
}
