package dev.weir.limiter.core;

import dev.weir.limiter.Registration;
import dev.weir.limiter.core.watch.Watcher;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Those who follow the waits and the work of one limiter, Flight Recorder among them; what they throw stays theirs. */
final class Watchers {

    private final Flight flight;
    private final CopyOnWriteArrayList<Watching> watchers = new CopyOnWriteArrayList<>();
    private volatile boolean watched; // whether there are any watchers

    /** One watcher that was added, perhaps one of several times. */
    private static final class Watching {
        final Watcher watcher;

        Watching(Watcher watcher) {
            this.watcher = watcher;
        }
    }

    Watchers(Flight flight) {
        this.flight = flight;
    }

    synchronized Registration add(Watcher watcher) {
        Watching watching = new Watching(Objects.requireNonNull(watcher, "watcher"));
        watchers.add(watching);
        watched = true;
        return new Once(() -> remove(watching));
    }

    private synchronized void remove(Watching watching) {
        watchers.remove(watching);
        watched = !watchers.isEmpty();
    }

    /** Whether anybody wants to follow a wait; by the next look that may have changed. */
    boolean followWaits() {
        return watched || Flight.recordsWaits();
    }

    /** The calling thread is about to queue. Null when nobody follows. */
    Watcher.@Nullable Wait waiting() {
        if (!watched) {
            return Flight.recordsWaits() ? flight.waiting() : null;
        }
        List<Watcher.Wait> waits = new ArrayList<>();
        if (Flight.recordsWaits()) {
            waits.add(flight.waiting());
        }
        for (Watching watching : watchers) {
            try {
                waits.add(watching.watcher.waiting());
            } catch (Throwable e) { // whatever it is, nobody's place in the queue depends on it
                failed(watching.watcher, e);
            }
        }
        return outcome -> waits.forEach(wait -> {
            try {
                wait.ended(outcome);
            } catch (Throwable e) { // whatever it is, no permit depends on it
                failed(wait, e);
            }
        });
    }

    /** The work, followed by those who want to. */
    <T> Callable<? extends T> followed(Callable<? extends T> work) {
        return watched ? () -> call(work) : work;
    }

    /** Work that throws nothing checked, followed by those who want to. */
    <T> T follow(Supplier<T> work) {
        if (!watched) {
            return work.get();
        }
        List<Watcher.Work> works = working();
        Throwable failure = null;
        try {
            return work.get();
        } catch (Throwable e) {
            failure = e;
            throw e;
        } finally {
            ended(works, failure);
        }
    }

    private <T> T call(Callable<? extends T> work) throws Exception {
        List<Watcher.Work> works = working();
        Throwable failure = null;
        try {
            return work.call();
        } catch (Throwable e) {
            failure = e;
            throw e;
        } finally {
            ended(works, failure);
        }
    }

    private List<Watcher.Work> working() {
        List<Watcher.Work> works = new ArrayList<>();
        for (Watching watching : watchers) {
            try {
                works.add(watching.watcher.working());
            } catch (Throwable e) { // whatever it is, the work does not depend on it
                failed(watching.watcher, e);
            }
        }
        return works;
    }

    private static void ended(List<Watcher.Work> works, @Nullable Throwable failure) {
        for (int i = works.size() - 1; i >= 0; i--) {
            try {
                works.get(i).ended(failure);
            } catch (Throwable e) { // whatever it is, the outcome does not depend on it
                failed(works.get(i), e);
            }
        }
    }

    private static void failed(Object watcher, Throwable failure) {
        Log.warning("Watcher " + watcher.getClass().getName() + " failed", failure);
    }
}
