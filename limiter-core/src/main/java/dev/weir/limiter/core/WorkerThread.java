package dev.weir.limiter.core;

import org.jspecify.annotations.Nullable;

/** A thread of a crew. Keeps in a field what other threads keep in a thread-local, which is read and set around every task. */
abstract class WorkerThread extends Thread {

    private @Nullable GatePermit only; // covers the work, with nothing beside it: nearly always
    private @Nullable Held held; // made of it when somebody asks

    WorkerThread(String name) {
        super(null, null, name, 0, false); // inherits no thread-locals of whoever happened to need it
        setDaemon(true);
    }

    /** See {@link Held#current}; as the others here, by this thread only. */
    final @Nullable Held held() {
        GatePermit alone = only;
        if (alone != null) {
            only = null;
            held = new Held(alone, null, null);
        }
        return held;
    }

    /** Whether nothing covers the thread as yet, and from now on the permit does. */
    final boolean enter(GatePermit permit) {
        if (held != null || only != null) {
            return false;
        }
        only = permit;
        return true;
    }

    final void restore(@Nullable Held before) {
        only = null;
        held = before;
    }
}
