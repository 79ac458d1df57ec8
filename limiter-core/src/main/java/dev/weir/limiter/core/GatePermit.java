package dev.weir.limiter.core;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Permit;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

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

    @SuppressWarnings("unused") // through CLOSED
    private volatile boolean closed;

    GatePermit(GateLimiter limiter, long grantedAt) {
        this.limiter = limiter;
        this.grantedAt = grantedAt;
    }

    @Override
    public CapacityLimiter limiter() {
        return limiter;
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
            limiter.release(grantedAt, passOn);
        }
    }

    @Override
    public String toString() {
        return "Permit[" + limiter.name() + (isOpen() ? ", held]" : ", closed]");
    }
}
