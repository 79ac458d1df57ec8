package dev.weir.limiter.core;

import dev.weir.limiter.ContextCarrier;
import dev.weir.limiter.RefusalReason;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;

/**
 * A piece of work: its own place in the queue, its own run, and the future of its result.
 *
 * <p><b>States</b>, each step by compare-and-set:
 *
 * <pre>
 * WAITING ──worker──► RUNNING ──worker──► ENDED
 *    │                   └──caller (interruptible)──► INTERRUPTING ──caller──► INTERRUPTED ──worker──► ENDED
 *    └──caller, refusal──► LEFT
 * </pre>
 *
 * Interruptible work is BEGINNING between WAITING and RUNNING, while it is noted whom to interrupt: an executor that runs it
 * twice must not have a stranger interrupted.
 *
 * A caller that leaves in WAITING means that the work never runs; a permit that was granted meanwhile is given back by the
 * worker that finds LEFT. Dependents hear of it after that, lest they free the very permit it waits for. A caller that leaves
 * later has abandoned the work, which keeps its permit to its end.
 */
class RunTask<T> extends Waiter<T> implements Crew.Task {

    private static final int WAITING = 0;
    private static final int RUNNING = 1;
    private static final int INTERRUPTING = 2;
    private static final int INTERRUPTED = 3;
    private static final int ENDED = 4;
    private static final int LEFT = 5;
    private static final int BEGINNING = 6;

    private static final VarHandle STATE;

    static {
        try {
            STATE = MethodHandles.lookup().findVarHandle(RunTask.class, "state", int.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final GateLimiter limiter;
    private final boolean interruptible;
    private final @Nullable Held starter;
    private @Nullable Callable<? extends T> work;
    private ContextCarrier.@Nullable Snapshot context;
    private @Nullable GatePermit permit;
    private volatile int state;
    private volatile @Nullable Thread runner; // set only while interruptible work runs

    RunTask(
            GateLimiter limiter,
            Kind kind,
            Callable<? extends T> work,
            ContextCarrier.@Nullable Snapshot context,
            @Nullable Held starter,
            boolean interruptible) {
        super(kind);
        this.limiter = limiter;
        this.work = work;
        this.context = context;
        this.starter = starter;
        this.interruptible = interruptible;
    }

    @Override
    GateLimiter limiter() {
        return limiter;
    }

    @Override
    @Nullable GatePermit runsUnder() {
        return permit;
    }

    /** Not if it may become part of a deadlock: there it counts who came last. */
    @Override
    boolean mayBeTimedRoughly() {
        return starter == null;
    }

    @Override
    void granted(GatePermit granted, boolean passOn) {
        permit = granted;
        try {
            limiter.crew().execute(this, passOn);
        } catch (Throwable e) { // the executor's: rejected, or no thread to be had
            Deliveries.deliver(() -> noWorker(e)); // the next waiter may fare the same: not nested
        }
    }

    /** An executor may say so of work that it has started all the same: the permit stays with whoever runs it. */
    @Override
    public boolean noWorker(Throwable cause) {
        boolean refused = STATE.compareAndSet(this, WAITING, LEFT);
        GatePermit held = permit;
        if (held != null && (refused || state == LEFT)) {
            held.close();
        }
        if (refused) {
            tellRefused(Refusal.of(RefusalReason.NO_WORKER), cause);
        }
        return refused;
    }

    @Override
    boolean runsUserCode() {
        return limiter.crew().foreign();
    }

    @Override
    void refused(Refusal refusal) {
        if (STATE.compareAndSet(this, WAITING, LEFT)) {
            tellRefused(refusal, null);
        }
    }

    private void tellRefused(Refusal refusal, @Nullable Throwable cause) {
        forget();
        Throwable failure = limiter.refusal(refusal);
        if (cause != null) {
            failure.initCause(cause);
        }
        if (super.completeExceptionally(failure)) {
            failed(failure);
        }
    }

    /** Whether it will never run. */
    final boolean wasRefused() {
        return state == LEFT;
    }

    /** The future has failed, not by its caller. For work whose caller may not look. */
    void failed(Throwable failure) {}

    private void forget() {
        work = null;
        context = null;
    }

    /** On a worker, with the permit granted. */
    @Override
    public void run() {
        GatePermit held = permit;
        Callable<? extends T> todo = work;
        ContextCarrier.Snapshot carried = context;
        if (held == null) {
            throw new IllegalStateException("run before a permit was granted");
        }
        if (!begin() || todo == null) {
            if (state == LEFT) {
                held.close();
            }
            return; // otherwise a foreign executor ran this twice
        }
        forget();
        T value = null;
        Throwable failure = null;
        Held before = Held.current();
        try {
            Held.enter(held, starter);
            value = Carriers.call(carried, limiter.watchers().followed(todo));
        } catch (Throwable e) { // an Error too: the permit goes home and the caller gets it
            failure = e;
        }
        Held.restore(before);
        end();
        // Dependents run on this thread: where there are any, the next in the queue must not wait for them.
        held.closeAlone(getNumberOfDependents() == 0);
        publish(value, failure);
    }

    private boolean begin() {
        if (!interruptible) {
            return STATE.compareAndSet(this, WAITING, RUNNING);
        }
        if (!STATE.compareAndSet(this, WAITING, BEGINNING)) {
            return false;
        }
        runner = Thread.currentThread();
        state = RUNNING;
        return true;
    }

    /** After this no interrupt can come from our caller any more, and one that came is gone. */
    private void end() {
        if (!interruptible) {
            STATE.setRelease(this, ENDED); // a caller that sees it late has left in time
            return;
        }
        if (!STATE.compareAndSet(this, RUNNING, ENDED)) {
            while (state == INTERRUPTING) {
                Thread.onSpinWait(); // the caller is between two instructions
            }
            Thread.interrupted();
            state = ENDED;
        }
        runner = null;
    }

    @SuppressWarnings("NullAway") // a callable may return null, and then so does the future
    private void publish(@Nullable T value, @Nullable Throwable failure) {
        boolean heard = failure == null ? super.complete(value) : super.completeExceptionally(failure);
        if (!heard) {
            limiter.abandonedEnded(Optional.ofNullable(failure));
        } else if (failure != null) {
            failed(failure);
        }
    }

    @Override
    public boolean complete(T value) {
        leaveQueue();
        return left(super.complete(value));
    }

    @Override
    public boolean completeExceptionally(Throwable failure) {
        leaveQueue();
        return left(super.completeExceptionally(failure));
    }

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
        // What the superclass answers does not tell whether it was this call that cancelled.
        return (!isDone() && completeExceptionally(new CancellationException())) || isCancelled();
    }

    private void leaveQueue() {
        if (!isDone() && STATE.compareAndSet(this, WAITING, LEFT)) {
            forget();
            limiter.withdraw(this);
        }
    }

    private boolean left(boolean completed) {
        if (completed) {
            while (state == BEGINNING) {
                Thread.onSpinWait(); // the worker is between two instructions
            }
            if (state == RUNNING) {
                limiter.abandoned();
                interrupt();
            }
        }
        return completed;
    }

    private void interrupt() {
        if (interruptible && STATE.compareAndSet(this, RUNNING, INTERRUPTING)) {
            Thread thread = runner;
            if (thread != null) {
                thread.interrupt();
            }
            state = INTERRUPTED;
        }
    }
}
