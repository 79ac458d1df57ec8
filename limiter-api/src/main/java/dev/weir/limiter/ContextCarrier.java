package dev.weir.limiter;

/**
 * Carries the context of a thread (logging, tracing, security: whatever hangs on thread-locals) to the thread that runs the
 * work. Needed only for context that neither SLF4J's MDC nor io.micrometer's context-propagation knows; those two are carried
 * without being asked where they are on the class path.
 *
 * <p>Implementations must be thread-safe. What they throw fails the work they were to carry for, with its permit given back.
 */
@FunctionalInterface
public interface ContextCarrier {

    /**
     * Captures the context of the calling thread.
     *
     * @return what was captured; may be opened many times, on any thread
     */
    Snapshot capture();

    /** A captured context. */
    @FunctionalInterface
    interface Snapshot {
        /**
         * Sets the captured context on the calling thread.
         *
         * @return to be closed on the same thread; brings back what was there before
         */
        Scope open();
    }

    /** A context that is set on a thread. */
    @FunctionalInterface
    interface Scope extends AutoCloseable {
        /** Brings back what was there before the snapshot was opened. */
        @Override
        void close();
    }
}
