package dev.weir.limiter.core.watch;

import dev.weir.limiter.Registration;

/** A limiter whose permits, waits and work can be followed. */
public interface Watchable {

    /**
     * Adds somebody who wants to hear of permits.
     *
     * @param listener is told from now on
     * @return to be closed when it has heard enough
     */
    Registration hear(PermitListener listener);

    /**
     * Adds a watcher.
     *
     * @param watcher follows what begins from now on
     * @return to be closed when it has seen enough
     */
    Registration watch(Watcher watcher);
}
