package dev.weir.limiter.core;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Where newcomers queue behind others without locking the gate: under load the thread that queues work would meet the one that
 * takes it from the queue at the lock, all the time.
 *
 * <p>A stack of waiters, which is taken in whole and turned over (R. K. Treiber, <i>Systems Programming: Coping with
 * Parallelism</i>, 1986). Each that enters gets the next number, and numbers never start again. So how many are in here is the
 * difference to the last number that was taken in; and who reads {@link #entered} does not notice that some are taken in.
 *
 * <p>It is open for a number of waiters, or shut. Both is up to whoever has locked the gate. To shut it changes the mark at the
 * bottom of the stack: a newcomer that saw it open and comes late fails its swap, whatever has happened since.
 */
final class Inbox {

    private static final VarHandle NEWEST;

    static {
        try {
            NEWEST = MethodHandles.lookup().findVarHandle(Inbox.class, "newest", Object.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** The bottom of the stack. */
    private static final class Mark {
        int number; // of who was taken in last; written before others can see the mark
    }

    private volatile Object newest = new Mark(); // a waiter, or the mark if nobody is in here
    private volatile int lastNumber; // nobody enters with a higher one
    private @Nullable Mark spare; // guarded by the gate's lock, as is the next field; there while open
    private boolean open;

    private static int number(Object entry) {
        return entry instanceof Waiter<?> waiter ? waiter.number : ((Mark) entry).number;
    }

    /** The number of who entered last. */
    int entered() {
        return number(newest);
    }

    /** Whether one more could enter, just now. */
    boolean hasRoom() {
        return lastNumber - entered() > 0;
    }

    /** Queues a waiter, if there is room for it. */
    boolean enter(Waiter<?> waiter) {
        while (true) {
            Object before = newest;
            int number = number(before) + 1;
            if (number - lastNumber > 0) { // read after the mark, before which it was lowered
                return false;
            }
            waiter.number = number;
            waiter.previous = before instanceof Waiter<?> other ? other : null;
            if (NEWEST.compareAndSet(this, before, waiter)) {
                return true;
            }
        }
    }

    // While the gate is locked.

    boolean isOpen() {
        return open;
    }

    /** Makes what shutting it will need, since that must not fail for want of memory. Before anything has changed. */
    void prepare() {
        if (spare == null) {
            spare = new Mark();
        }
    }

    /** Lets so many enter. It is shut, and prepared. */
    void open(int most) {
        open = true;
        lastNumber = entered() + most;
    }

    /**
     * Shuts it. It is open.
     *
     * @return who entered last, linked by {@link Waiter#previous} to who entered before; null if nobody is in here
     */
    @Nullable Waiter<?> shut() {
        Mark mark = Objects.requireNonNull(spare);
        spare = null;
        open = false;
        Object last = newest;
        lastNumber = number(last);
        mark.number = number(last);
        while (!NEWEST.compareAndSet(this, last, mark)) {
            last = newest;
            mark.number = number(last);
        }
        return last instanceof Waiter<?> waiter ? waiter : null;
    }
}
