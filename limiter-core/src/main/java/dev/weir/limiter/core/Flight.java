package dev.weir.limiter.core;

import dev.weir.limiter.Deadlock;
import dev.weir.limiter.PermitHolder;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.core.flight.AbandonedEvent;
import dev.weir.limiter.core.flight.DeadlockEvent;
import dev.weir.limiter.core.flight.Hold;
import dev.weir.limiter.core.flight.HoldEvent;
import dev.weir.limiter.core.flight.Labels;
import dev.weir.limiter.core.flight.LeakSuspectedEvent;
import dev.weir.limiter.core.flight.RefusedEvent;
import dev.weir.limiter.core.flight.ResizedEvent;
import dev.weir.limiter.core.flight.WaitEvent;
import dev.weir.limiter.core.watch.Watcher;
import java.util.Locale;

/**
 * What JDK Flight Recorder is told of one limiter. While nobody records, asking whether somebody does is a check of a constant
 * or a static field, and nothing is allocated. Where the module {@code jdk.jfr} is absent no event class is ever loaded.
 */
final class Flight {

    private static final boolean PRESENT = present();

    private final Labels labels;

    Flight(Labels labels) {
        this.labels = labels;
    }

    private static boolean present() {
        try {
            Class.forName("jdk.jfr.Event", false, Flight.class.getClassLoader());
            return true;
        } catch (ClassNotFoundException | LinkageError e) {
            return false;
        }
    }

    static boolean recordsWaits() {
        return PRESENT && WaitEvent.isOn();
    }

    static boolean recordsHolds() {
        return PRESENT && HoldEvent.isOn();
    }

    /** Only while {@link #recordsWaits}. */
    Watcher.Wait waiting() {
        return new WaitEvent(labels);
    }

    /** Only while {@link #recordsHolds}. */
    Hold holding() {
        return new HoldEvent(labels);
    }

    void refused(RefusalReason reason) {
        if (PRESENT) {
            RefusedEvent.record(labels, name(reason));
        }
    }

    void resized(int from, int to) {
        if (PRESENT) {
            ResizedEvent.record(labels, from, to);
        }
    }

    void abandoned() {
        if (PRESENT) {
            AbandonedEvent.record(labels);
        }
    }

    void leakSuspected(PermitHolder holder, boolean dropped) {
        if (PRESENT) {
            LeakSuspectedEvent.record(labels, holder, dropped);
        }
    }

    void deadlock(Deadlock deadlock) {
        if (PRESENT) {
            DeadlockEvent.record(labels, deadlock);
        }
    }

    static String name(RefusalReason reason) {
        return reason.name().toLowerCase(Locale.ROOT);
    }
}
