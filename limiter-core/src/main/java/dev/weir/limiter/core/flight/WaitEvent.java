package dev.weir.limiter.core.flight;

import dev.weir.limiter.core.watch.Watcher;
import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Threshold;
import org.jspecify.annotations.Nullable;

/** One wait in a limiter's queue. */
@Name("dev.weir.limiter.Wait")
@Label("Wait for a Permit")
@Description(
        "Somebody waited in a limiter's queue, or found it full. The event's thread is the one that ended the wait")
@Threshold("10 ms")
@StackTrace(false)
public final class WaitEvent extends LimiterEvent implements Watcher.Wait {

    @Label("Asking Thread")
    @Nullable Thread asker;

    @Label("Outcome")
    @Description("granted, withdrawn, or the reason of a refusal")
    @Nullable String outcome;

    /**
     * Whether anybody records such events.
     *
     * @return true while one does
     */
    public static boolean isOn() {
        return new WaitEvent().isEnabled();
    }

    /**
     * Begins a wait of the calling thread's.
     *
     * @param labels the limiter's
     */
    public WaitEvent(Labels labels) {
        of(labels);
        asker = Thread.currentThread();
        begin();
    }

    private WaitEvent() {}

    @Override
    public void ended(String how) {
        outcome = how;
        commit();
    }
}
