package dev.weir.limiter.core;

import dev.weir.limiter.Permit;
import dev.weir.limiter.core.flight.Hold;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/** A permit of a {@link Gate}. The compare-and-set in {@link #close} makes it one-shot. */
final class GatePermit implements Permit {

    private static final VarHandle CLOSED;

    static {
        try {
            CLOSED = MethodHandles.lookup().findVarHandle(GatePermit.class, "closed", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final GateLimiter limiter;
    private final long grantedAt; // as Nanos.now, or 0 when nobody listened
    private final @Nullable Hold hold; // null when nobody recorded

    @Nullable Holding holding; // set before anybody gets the permit; null unless it is followed

    @SuppressWarnings("unused") // through CLOSED
    private volatile boolean closed;

    GatePermit(GateLimiter limiter, long grantedAt, @Nullable Hold hold) {
        this.limiter = limiter;
        this.grantedAt = grantedAt;
        this.hold = hold;
    }

    @Override
    public GateLimiter limiter() {
        return limiter;
    }

    /** Work under this permit begins on the calling thread. */
    void entered() {
        Holding followed = holding;
        if (followed != null) {
            followed.runBy(Thread.currentThread());
        }
    }

    boolean isOpen() {
        return !closed;
    }

    @Override
    public void close() {
        close(false);
    }

    /**
     * Gives the permit back.
     *
     * @param passOn whether the calling thread is a worker that can take over the next work in the queue
     */
    void close(boolean passOn) {
        if (!closed && CLOSED.compareAndSet(this, false, true)) {
            giveBack(passOn);
        }
    }

    /** As {@link #close(boolean)}, where nobody else can close it. */
    void closeAlone(boolean passOn) {
        CLOSED.setRelease(this, true);
        giveBack(passOn);
    }

    private void giveBack(boolean passOn) {
        Holding followed = holding;
        if (followed != null && !followed.end()) {
            return; // found dropped, and given back
        }
        if (hold == null) {
            limiter.release(grantedAt, passOn);
        } else {
            hold.stop();
            limiter.release(grantedAt, passOn);
            hold.record();
        }
        if (followed != null) {
            followed.tell(false);
        }
    }

    @Override
    public String toString() {
        return "Permit[" + limiter.name() + (isOpen() ? ", held]" : ", closed]");
    }
}
