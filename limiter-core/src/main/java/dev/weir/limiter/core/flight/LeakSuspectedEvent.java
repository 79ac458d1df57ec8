package dev.weir.limiter.core.flight;

import dev.weir.limiter.PermitHolder;
import java.util.stream.Collectors;
import jdk.jfr.Description;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;
import org.jspecify.annotations.Nullable;

/** A permit that is held for too long, or was dropped. Only of limiters that track holders. */
@Name("dev.weir.limiter.LeakSuspected")
@Label("Leak Suspected")
@Description("A permit is held for longer than is normal, or was dropped without being closed")
@StackTrace(false) // the timer's
public final class LeakSuspectedEvent extends LimiterEvent {

    private static final int FRAMES = 32;

    @Label("Holder")
    @Nullable String holder;

    @Label("Age")
    @Timespan(Timespan.MILLISECONDS)
    long age;

    /**
     * The stack, innermost frame first. Java 17 may lose a text of 17 to 127 characters that it has seen before a dump, when
     * new threads record it: of a single frame nothing would remain.
     */
    @Label("Asked For At")
    @Nullable String askedAt;

    @Label("Dropped")
    boolean dropped;

    private LeakSuspectedEvent() {}

    /**
     * Records a suspicion, if anybody records.
     *
     * @param labels the limiter's
     * @param who the holder
     * @param gone whether the permit was dropped
     */
    public static void record(Labels labels, PermitHolder who, boolean gone) {
        LeakSuspectedEvent event = new LeakSuspectedEvent();
        if (event.shouldCommit()) {
            event.of(labels);
            event.holder = who.threadName();
            event.age = who.age().toMillis();
            event.askedAt = who.askedAt().stream()
                    .limit(FRAMES)
                    .map(StackTraceElement::toString)
                    .collect(Collectors.joining("\n"));
            event.dropped = gone;
            event.commit();
        }
    }
}
