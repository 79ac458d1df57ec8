package dev.weir.limiter.core;

import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.event.BulkheadOnCallFinishedEvent;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The permits a limiter has borrowed of a bulkhead that others use too. Their number is the capacity of the limiter's gate.
 *
 * <p><b>Invariant.</b> Whenever the lock is free: borrowed &ge; the gate's capacity, and borrowed &ge; what is in use in the gate.
 * So whoever the gate has admitted holds a permit of the bulkhead. A permit is borrowed first and then given to the gate, taken
 * from the gate first and then given back. What nobody uses is given back at once.
 *
 * <p><b>Waiting.</b> A bulkhead has no queue, so those who wait in ours have to be served when a permit has become free there:
 * when one of ours is given back, when a call of others has finished (which is an event), and, since not everything is an event,
 * on a slow poll while somebody waits. Who begins to wait tries once more after having been queued: what became free before is
 * found then, what becomes free later finds the waiter.
 *
 * <p>The bulkhead runs code of the user, its consumers of events: never under the lock. If one throws as a permit is taken, the
 * permit was taken; if one throws as it is given back, it was given back.
 */
final class Leases {

    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    private final GateLimiter limiter;
    private final Gate gate;
    private final Bulkhead bulkhead;
    private final Timer timer;
    private final ReentrantLock lock = new ReentrantLock();
    private final AtomicBoolean polling = new AtomicBoolean();
    private volatile boolean lookFailed; // the last one
    private int borrowed; // guarded by lock
    private int borrowing; // guarded by lock: about to be borrowed
    private volatile int share; // written under lock

    /**
     * Nothing borrowed as yet.
     *
     * @param share how many may be borrowed at most
     */
    Leases(GateLimiter limiter, Bulkhead bulkhead, int share, Timer timer) {
        this.limiter = limiter;
        this.gate = limiter.gate();
        this.bulkhead = bulkhead;
        this.share = share;
        this.timer = timer;
    }

    int share() {
        return share;
    }

    /** Hears of calls that have finished, for as long as the limiter is in use. The consumer itself can never be removed. */
    void listen() {
        WeakReference<Leases> weak = new WeakReference<>(this);
        bulkhead.getEventPublisher().onCallFinished(event -> heard(weak, event));
    }

    private static void heard(WeakReference<Leases> weak, BulkheadOnCallFinishedEvent event) {
        Leases leases = weak.get();
        if (leases != null) {
            try {
                leases.serveWaiters();
            } catch (Throwable e) { // would otherwise be the outcome of somebody else's call
                Log.unexpected("serving those who wait after " + event, e);
            }
        }
    }

    /**
     * Changes how many may be borrowed at most.
     *
     * @return how many it was before
     */
    int changeShare(int newShare, List<Waiter<?>> granted) {
        lock.lock();
        try {
            int before = share;
            share = newShare;
            gate.resize(Math.min(borrowed, newShare), granted);
            return before;
        } finally {
            lock.unlock();
        }
    }

    /** Borrows a permit for somebody who is about to ask the gate, unless there is one for him or others are before him. */
    void borrowIfNeeded() {
        if (!gate.hasWaiters() && !gate.isClosed()) {
            Gate.Snapshot now = gate.snapshot();
            if (now.inUse() >= now.capacity()) {
                borrow();
            }
        }
    }

    /**
     * Borrows one permit, which goes to the head waiter or to whoever asks next.
     *
     * @return false when the bulkhead has none, or the limiter has its share
     */
    boolean borrow() {
        if (!reserve()) {
            return false;
        }
        boolean taken = false;
        List<Waiter<?>> granted = new ArrayList<>();
        try {
            taken = take();
        } finally { // where the bulkhead fails, nothing was taken
            borrowed(taken, granted);
        }
        granted.forEach(waiter -> limiter.tellGranted(waiter, false));
        return taken;
    }

    private boolean reserve() {
        lock.lock();
        try {
            if (borrowed + borrowing >= share) {
                return false;
            }
            borrowing++;
            return true;
        } finally {
            lock.unlock();
        }
    }

    private void borrowed(boolean taken, List<Waiter<?>> granted) {
        lock.lock();
        try {
            borrowing--;
            if (taken) {
                borrowed++;
                gate.resize(Math.min(borrowed, share), granted);
            }
        } finally {
            lock.unlock();
        }
    }

    /** Asks the bulkhead only if it seems to have a permit: a refusal is an event, and would be counted by others. */
    private boolean take() {
        if (bulkhead.getMetrics().getAvailableConcurrentCalls() <= 0) {
            return false;
        }
        boolean interrupted = Thread.interrupted(); // an interrupted thread would be refused with permits free
        try {
            return bulkhead.tryAcquirePermission();
        } catch (Throwable e) { // a consumer's
            Log.warning("A consumer of events of bulkhead '" + bulkhead.getName() + "' failed", e);
            return true;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void giveBack() {
        try {
            bulkhead.onComplete();
        } catch (Throwable e) { // a consumer's
            Log.warning("A consumer of events of bulkhead '" + bulkhead.getName() + "' failed", e);
        }
    }

    /** Borrows for those who wait, as far as there is something to borrow. */
    void serveWaiters() {
        boolean any = false;
        while (gate.hasWaiters() && borrow()) {
            any = true;
        }
        if (any) {
            giveBackUnused(); // two of us may have borrowed for the same waiter
        }
    }

    /** T1 gives back what nobody uses, T2 queues: T2 tries to borrow it when it is queued, T1 when it has given it back. */
    void giveBackUnused() {
        List<Waiter<?>> granted = new ArrayList<>();
        int unused;
        try {
            unused = withdrawUnused(granted);
        } finally {
            granted.forEach(waiter -> limiter.tellGranted(waiter, false));
        }
        for (int i = 0; i < unused; i++) {
            giveBack();
        }
        if (unused > 0 && gate.hasWaiters()) {
            serveWaiters();
        }
    }

    /**
     * Takes from the gate what nobody in it uses, or waits for. What was taken meanwhile stays borrowed, and the gate's: T1 looks,
     * T2 takes what is free, T1 takes it from the gate, T3 queues. T2's permit could not go to T3, and T3 would find none to borrow.
     */
    private int withdrawUnused(List<Waiter<?>> granted) {
        lock.lock();
        try {
            Gate.Snapshot now = gate.snapshot();
            if (now.inUse() >= borrowed || (now.waiting() > 0 && borrowed <= share)) {
                return 0;
            }
            int wanted = Math.min(now.inUse(), share);
            gate.resize(wanted, granted); // lower than or equal to what is in use: admits nobody
            int kept = Math.max(wanted, gate.snapshot().inUse());
            int stays = Math.min(kept, share);
            if (stays > wanted) {
                gate.resize(stays, granted);
            }
            int unused = borrowed - kept;
            borrowed = kept;
            return unused;
        } finally {
            lock.unlock();
        }
    }

    /** Looks again and again while somebody waits. */
    void poll() {
        if (!polling.get() && polling.compareAndSet(false, true)) {
            try {
                timer.schedule(POLL_NANOS, this::look);
            } catch (Throwable e) { // no thread to be had for the JDK's timer: whoever waits next tries again
                polling.set(false);
                Log.unexpected("starting the timer of limiter '" + limiter.name() + "'", e);
            }
        }
    }

    private void look() {
        polling.set(false);
        try {
            serveWaiters();
            lookFailed = false;
        } catch (Throwable e) { // the bulkhead's, or out of memory: the next look may do better
            if (!lookFailed) { // told once, not twenty times a second
                lookFailed = true;
                Log.unexpected("serving those who wait for limiter '" + limiter.name() + "'", e);
            }
        }
        if (gate.hasWaiters()) {
            poll();
        }
    }
}
