package dev.weir.limiter.core;

import dev.weir.limiter.Permit;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * A permit of a {@link Gate}, which can be closed once.
 *
 * <p>Nearly always it is closed by the thread that asked for it, its owner. So the owner closes it without an atomic operation
 * of its own: it writes {@link #closed}, which nobody else writes, and gives the permit back by the compare-and-set of the gate's
 * word. Anybody else locks the gate, looks at what the owner has written, and writes {@link #closedElsewhere}.
 *
 * <p><b>Race.</b> T1, the owner, has written, and is about to swap the word it has read; T2 locks the gate. If T1 swapped before,
 * T2 sees what it wrote. If not, then either T2 sees it nevertheless, and leaves the permit to T1; or T2 gives it back, which
 * advances the word's version: T1 fails to swap, reads the word again, and with it what T2 wrote.
 *
 * <p>A permit without an owner is closed by whoever is first to set {@link #closed}.
 */
final class GatePermit implements Permit {

    private static final VarHandle CLOSED;
    private static final VarHandle CLOSED_ELSEWHERE;

    static {
        try {
            CLOSED = MethodHandles.lookup().findVarHandle(GatePermit.class, "closed", boolean.class);
            CLOSED_ELSEWHERE = MethodHandles.lookup().findVarHandle(GatePermit.class, "closedElsewhere", boolean.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final GateLimiter limiter;
    private final @Nullable Thread owner;
    private final @Nullable Following following; // only without an owner

    private boolean closed;
    private boolean closedElsewhere; // written while the gate is locked

    GatePermit(GateLimiter limiter, @Nullable Thread owner) {
        this.limiter = limiter;
        this.owner = owner;
        this.following = null;
    }

    GatePermit(GateLimiter limiter, Following following) {
        this.limiter = limiter;
        this.owner = null;
        this.following = following;
    }

    @Override
    public GateLimiter limiter() {
        return limiter;
    }

    @Nullable Holding holding() {
        return following == null ? null : following.holding;
    }

    /** Work under this permit begins on the calling thread. */
    void entered() {
        Holding tracked = holding();
        if (tracked != null) {
            tracked.runBy(Thread.currentThread());
        }
    }

    boolean isOpen() {
        return !(boolean) CLOSED.getAcquire(this) && !(boolean) CLOSED_ELSEWHERE.getAcquire(this);
    }

    @Override
    public void close() {
        if (owner == null) {
            if (isOpen() && CLOSED.compareAndSet(this, false, true)) {
                giveBack(false);
            }
        } else if (isOwner()) {
            if (!closed) {
                closed = true; // others see it with the swap that follows
                limiter.release(this);
            }
        } else if (isOpen()) {
            limiter.releaseElsewhere(this);
        }
    }

    /**
     * As {@link #close()}, of a permit without an owner that nobody else can close.
     *
     * @param passOn whether the calling thread is a worker that can take over the next work in the queue
     */
    void closeAlone(boolean passOn) {
        CLOSED.setRelease(this, true);
        giveBack(passOn);
    }

    private void giveBack(boolean passOn) {
        if (following == null) {
            limiter.release(0, passOn);
        } else {
            following.giveBack(limiter, passOn);
        }
    }

    @SuppressWarnings("ReferenceEquality") // a thread is itself
    private boolean isOwner() {
        return owner == Thread.currentThread();
    }

    /** Whether the owner, which has read the gate's word, may give the permit back if the word is still the same. */
    boolean claim() {
        return !closedElsewhere;
    }

    /** Whether the calling thread, which has locked the gate, has to give the permit back. */
    boolean claimLocked() {
        if (closedElsewhere || isOwner()) {
            return !closedElsewhere;
        }
        closedElsewhere = !closed;
        return closedElsewhere;
    }

    @Override
    public String toString() {
        return "Permit[" + limiter.name() + (isOpen() ? ", held]" : ", closed]");
    }
}
