package dev.weir.limiter.core.watch;

import dev.weir.limiter.Registration;

/** A limiter whose waits and work can be followed. */
public interface Watchable {

    /**
     * Adds a watcher.
     *
     * @param watcher follows what begins from now on
     * @return to be closed when it has seen enough
     */
    Registration watch(Watcher watcher);
}
