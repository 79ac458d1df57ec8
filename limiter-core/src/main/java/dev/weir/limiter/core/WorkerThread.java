package dev.weir.limiter.core;

import org.jspecify.annotations.Nullable;

/** A thread of a crew. Keeps in a field what other threads keep in a thread-local, which is read and set around every task. */
abstract class WorkerThread extends Thread {

    /** See {@link Held#current}; touched by this thread only. */
    @Nullable Held held;

    WorkerThread(String name) {
        super(null, null, name, 0, false); // inherits no thread-locals of whoever happened to need it
        setDaemon(true);
    }
}
