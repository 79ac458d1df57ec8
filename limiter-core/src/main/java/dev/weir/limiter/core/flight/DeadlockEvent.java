package dev.weir.limiter.core.flight;

import dev.weir.limiter.Deadlock;
import dev.weir.limiter.LimiterStatistics;
import java.util.stream.Collectors;
import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.jspecify.annotations.Nullable;

/** Pieces of work that waited for one another for ever. The limiter is the one that refused one of them. */
@Name("dev.weir.limiter.Deadlock")
@Label("Deadlock")
@Description("Pieces of work waited for one another's permits or results for ever")
@StackTrace(false) // of whoever looks for them
public final class DeadlockEvent extends LimiterEvent {

    @Label("Limiters")
    @Nullable String limiters;

    @Label("Threads")
    int threads;

    @Label("Report")
    @Nullable String report;

    private DeadlockEvent() {}

    /**
     * Records a deadlock, if anybody records.
     *
     * @param labels those of the limiter that refused
     * @param deadlock what was found
     */
    public static void record(Labels labels, Deadlock deadlock) {
        DeadlockEvent event = new DeadlockEvent();
        if (event.shouldCommit()) {
            event.of(labels);
            event.limiters = deadlock.limiters().stream()
                    .map(LimiterStatistics::limiterName)
                    .collect(Collectors.joining(", "));
            event.threads = deadlock.threads();
            event.report = deadlock.toString();
            event.commit();
        }
    }
}
