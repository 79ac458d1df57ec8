package dev.weir.limiter.servlet;

import java.util.function.BooleanSupplier;

/**
 * Whether a stream of the container's is ready. It is not asked before the container has called back for the first time.
 *
 * <p>On Undertow it is not asked again either, once it has said no, until the container has called back. Being asked, it resumes
 * the channel; and if its I/O thread is just about to call back, having suspended the channel, that thread comes once more while
 * we read or write, and takes bytes into a buffer of which nobody hears again (ServletInputStreamImpl.isReady and handleEvent).
 */
final class Readiness {

    private final boolean onceEach;
    private volatile boolean mayAsk;

    Readiness(Container container) {
        this.onceEach = container == Container.UNDERTOW;
    }

    void calledBack() {
        mayAsk = true;
    }

    boolean mayAsk() {
        return mayAsk;
    }

    /** In turns. */
    boolean of(BooleanSupplier stream) {
        if (!mayAsk) {
            return false;
        }
        if (!onceEach) {
            return stream.getAsBoolean();
        }
        mayAsk = false; // before: the answer may be a callback
        boolean ready = stream.getAsBoolean();
        if (ready) {
            mayAsk = true;
        }
        return ready;
    }
}
