package dev.weir.limiter.core;

import dev.weir.limiter.core.watch.Watcher;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Somebody who wants a permit: at first unknown to the gate, then perhaps queued, then either granted, refused, or gone of its
 * own accord. The queue links are the gate's and guarded by its lock; whether a waiter is in a queue decides between a grant
 * and a withdrawal.
 *
 * <p>It is a future so that a waiter costs one object: the future permit, the future result of the work, or (for a blocked
 * thread) a future nobody looks at.
 */
abstract class Waiter<T> extends CompletableFuture<T> {

    /** What a waiter may do that a newcomer may not. */
    enum Kind {
        /** Bound by the length of the queue, the wait limit, and closing. */
        NEWCOMER,
        /** Admitted before: in its turn, but bound by none of them. */
        CONTINUATION,
        /** Ends what was admitted: before all others, into the reserve, bound by none of them. */
        FINISHING;

        boolean exempt() {
            return this != NEWCOMER;
        }
    }

    final Kind kind;
    long waitingSince; // System.nanoTime when queued; written before others can see that it is queued
    boolean timed = true; // whether waitingSince has to be exact; written before it is queued
    boolean queued; // guarded by the gate's lock, as are the links
    int number; // in the gate's inbox, if it entered that
    private volatile boolean endsOtherwise;

    Watcher.@Nullable Wait watched; // set before it is queued, if anybody follows
    Holding.@Nullable Origin origin; // who asked, if that is followed; written before it is queued

    @Nullable Waiter<?> previous;

    @Nullable Waiter<?> next;

    Waiter(Kind kind) {
        this.kind = kind;
    }

    /** Tells whoever follows this wait that it is over. */
    final void waited(String outcome) {
        Watcher.Wait following = watched;
        if (following != null) {
            watched = null;
            following.ended(outcome);
        }
    }

    /**
     * The permit is this waiter's, which from now on answers for giving it back. Called without any lock, on the thread that
     * released, resized or asked.
     *
     * @param passOn whether this is a worker that has ended its work, released its permit, and can take work over
     */
    abstract void granted(GatePermit permit, boolean passOn);

    /** The waiter will get no permit. Called without any lock. */
    abstract void refused(Refusal refusal);

    /** Whether {@link #granted} may run code of the user, and so must not be nested. */
    boolean runsUserCode() {
        return true;
    }

    /** Whether nobody but a reader of statistics needs to know for how long it waits, and a few milliseconds are nothing to him. */
    boolean mayBeTimedRoughly() {
        return false;
    }

    // What a thread that waits for this future waits for.

    /** Where it waits, or waited; null if no thread can wait for it. */
    @Nullable GateLimiter limiter() {
        return null;
    }

    /** The permit whose work completes this future; null if there is none as yet, or none at all. */
    @Nullable GatePermit runsUnder() {
        return null;
    }

    /** Whether somebody was told to complete it, whatever becomes of permits: a time limit, a supplier. */
    final boolean endsOtherwise() {
        return endsOtherwise;
    }

    @Override
    public T join() {
        BlockedWait wait = isDone() ? null : Deadlocks.enter(this);
        try {
            return super.join();
        } finally {
            Deadlocks.leave(wait);
        }
    }

    @Override
    public T get() throws InterruptedException, ExecutionException {
        BlockedWait wait = isDone() ? null : Deadlocks.enter(this);
        try {
            return super.get();
        } finally {
            Deadlocks.leave(wait);
        }
    }

    @Override
    public CompletableFuture<T> orTimeout(long timeout, TimeUnit unit) {
        super.orTimeout(timeout, unit);
        endsOtherwise = true;
        return this;
    }

    @Override
    public CompletableFuture<T> completeOnTimeout(T value, long timeout, TimeUnit unit) {
        super.completeOnTimeout(value, timeout, unit);
        endsOtherwise = true;
        return this;
    }

    @Override
    public <U> CompletableFuture<U> newIncompleteFuture() {
        return new CompletableFuture<>(); // a dependent is no waiter
    }

    // The methods of the superclass that would complete this future without complete or completeExceptionally.

    @Override
    public CompletableFuture<T> completeAsync(Supplier<? extends T> supplier, Executor executor) {
        Objects.requireNonNull(supplier, "supplier");
        endsOtherwise = true;
        executor.execute(() -> {
            if (!isDone()) {
                try {
                    complete(supplier.get());
                } catch (Throwable e) { // the supplier's
                    completeExceptionally(e instanceof CompletionException ? e : new CompletionException(e));
                }
            }
        });
        return this;
    }

    @Override
    public void obtrudeValue(T value) {
        complete(value);
        super.obtrudeValue(value);
    }

    @Override
    public void obtrudeException(Throwable failure) {
        completeExceptionally(failure);
        super.obtrudeException(failure);
    }
}
