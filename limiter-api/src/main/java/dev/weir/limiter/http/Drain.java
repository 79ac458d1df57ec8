package dev.weir.limiter.http;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Counts what a server has accepted and not yet finished: exchanges until they have completed, their background tasks until
 * they have run, the temporary files of uploads until they are removed. A server that stops waits for it. Thread-safe; no
 * method blocks.
 */
public final class Drain {

    private final AtomicInteger underWay = new AtomicInteger();
    private final CompletableFuture<Void> drained = new CompletableFuture<>();
    private volatile boolean draining;

    /** A drain with nothing under way. */
    public Drain() {}

    /**
     * Counts one more.
     *
     * @return counts it off; running it again has no effect
     */
    public Runnable enter() {
        add();
        AtomicBoolean entered = new AtomicBoolean(true);
        return () -> {
            if (entered.compareAndSet(true, false)) {
                leave();
            }
        };
    }

    /** Counts one more, for whoever calls {@link #leave} once. */
    void add() {
        underWay.incrementAndGet();
    }

    void leave() {
        underWay.decrementAndGet();
        check();
    }

    /**
     * Begins to drain. What enters from now on is still counted; to refuse it is the server's business.
     *
     * @return completes as soon as nothing is under way; completing or cancelling it changes nothing else
     */
    public CompletableFuture<Void> begin() {
        draining = true;
        check();
        return drained.copy();
    }

    /**
     * Whether {@link #begin} was called.
     *
     * @return true from then on
     */
    public boolean isDraining() {
        return draining;
    }

    /**
     * How many are counted now.
     *
     * @return 0 or more
     */
    public int underWay() {
        return underWay.get();
    }

    private void check() {
        // Either the last one out sees that draining has begun, or begin() sees that nobody is in.
        if (draining && underWay.get() == 0) {
            drained.complete(null);
        }
    }

    @Override
    public String toString() {
        return "Drain[" + underWay + " under way" + (draining ? ", draining]" : "]");
    }
}
