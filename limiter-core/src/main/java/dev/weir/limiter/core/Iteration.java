package dev.weir.limiter.core;

import dev.weir.limiter.ContextCarrier;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.spi.ItemSource;
import java.util.Objects;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Draws the items of one source for one subscriber, a slice at a time. A slice is one permit and one worker; it ends when the
 * demand is met, when the items end, when the subscriber leaves, or when others wait and it has lasted {@link #SLICE_NANOS}.
 *
 * <p><b>States.</b> Exactly one thread owns the iteration outside IDLE: who moved it out of IDLE, then the slice. Fields
 * that are not volatile belong to the owner.
 *
 * <pre>
 * STARTING ──► IDLE ◄──────────── slice: demand met
 *               │ request, cancel     ▲
 *               ▼                     │
 *           SCHEDULED ──granted──► DRAWING ──► ENDED
 *               ▲                     │
 *               └──── others wait ────┘
 * </pre>
 *
 * <p><b>Races.</b> T1 ends a slice for want of demand and is about to say IDLE, T2 adds demand and finds DRAWING: T1 looks at
 * the demand again after saying IDLE. T1 cancels while the slice is queued: whoever takes the slice out of the gate's queue,
 * T1 or the grant, goes on with the iteration. T1 cancels before T2 has queued the slice: T2 looks again after queueing.
 */
final class Iteration<T> implements Flow.Subscription {

    /** How long a slice lasts at most while others wait: 4 ms. */
    static final long SLICE_NANOS = 4_000_000;

    private static final int STARTING = 0;
    private static final int IDLE = 1;
    private static final int SCHEDULED = 2;
    private static final int DRAWING = 3;
    private static final int ENDED = 4;

    /** How a slice ended. */
    private enum End {
        DEMAND_MET,
        OTHERS_WAIT,
        SOURCE_CLOSED
    }

    private final GateLimiter limiter;
    private final AtomicInteger state = new AtomicInteger(STARTING);
    private final AtomicLong demand = new AtomicLong();
    private volatile boolean cancelled;
    private volatile @Nullable Throwable misuse; // a request that is an error
    private volatile @Nullable Slice queuedSlice;

    private @Nullable ItemSource<? extends T> source;
    private Flow.@Nullable Subscriber<? super T> subscriber;
    private ItemSource.@Nullable Cursor<? extends T> cursor;
    private ContextCarrier.Snapshot context;
    private boolean admitted;
    private @Nullable Throwable failure;

    Iteration(GateLimiter limiter, ItemSource<? extends T> source, Flow.Subscriber<? super T> subscriber) {
        this.limiter = limiter;
        this.source = source;
        this.subscriber = subscriber;
        this.context = limiter.captureContext();
    }

    void begin() {
        Flow.Subscriber<? super T> reader = subscriber;
        if (reader == null) {
            throw new IllegalStateException("begun twice");
        }
        try {
            reader.onSubscribe(this);
        } catch (Throwable e) { // against the specification, which leaves only this
            Log.warning("A subscriber failed in onSubscribe", e);
            cancelled = true;
        }
        goIdle();
    }

    @Override
    public void request(long n) {
        if (n <= 0) {
            if (misuse == null) {
                misuse = new IllegalArgumentException("request: expected more than 0 (rule 3.9), was " + n);
            }
        } else {
            demand.accumulateAndGet(n, (have, more) -> have + more < 0 ? Long.MAX_VALUE : have + more);
        }
        wake();
    }

    @Override
    public void cancel() {
        cancelled = true;
        if (state.get() == SCHEDULED) {
            leaveQueue();
        } else {
            wake();
        }
    }

    private boolean ending() {
        return cancelled || misuse != null;
    }

    private void wake() {
        if (state.compareAndSet(IDLE, SCHEDULED)) {
            schedule();
        }
    }

    private void goIdle() {
        state.set(IDLE);
        if (demand.get() > 0 || ending()) {
            wake();
        }
    }

    /** Asks for the next slice; the caller owns the iteration. */
    private void schedule() {
        if (ending()) {
            scheduleClosing();
            return;
        }
        Slice slice = new Slice(admitted ? Waiter.Kind.CONTINUATION : Waiter.Kind.NEWCOMER);
        queuedSlice = slice;
        limiter.admit(slice);
        if (cancelled) {
            leaveQueue();
        }
    }

    /** The subscriber has left: if the slice still waits for its turn, the source need not. */
    private void leaveQueue() {
        Slice slice = queuedSlice;
        if (slice != null && limiter.withdraw(slice)) {
            scheduleClosing();
        }
    }

    private void scheduleClosing() {
        limiter.admit(new Slice(Waiter.Kind.FINISHING));
    }

    /** The first slice was not admitted, or no worker could be had. The subscriber is told at once, the source closed after. */
    private void refused(Throwable refusal) {
        Flow.Subscriber<? super T> reader = subscriber;
        subscriber = null;
        if (reader != null && !cancelled) {
            cancelled = true; // what remains is to close the source
            tell(() -> reader.onError(refusal));
        }
        scheduleClosing();
    }

    /** One slice, on a worker. Gives the permit back before it says that all is over. */
    private void draw(GatePermit permit) {
        admitted = true;
        queuedSlice = null;
        state.set(DRAWING);
        End end;
        Held before = Held.current();
        try {
            Held.enter(permit, null);
            end = drawInContext();
        } catch (Throwable e) { // a carrier's
            end = fail(e);
        }
        Held.restore(before);
        permit.close();
        switch (end) {
            case DEMAND_MET -> goOn(this::goIdle);
            case OTHERS_WAIT -> {
                state.set(SCHEDULED);
                goOn(this::schedule);
            }
            case SOURCE_CLOSED -> signalEnd();
        }
    }

    /** An executor that runs tasks on the calling thread would nest the slices. */
    private void goOn(Runnable step) {
        if (limiter.crew().foreign()) {
            Deliveries.deliver(step);
        } else {
            step.run();
        }
    }

    private End drawInContext() {
        ContextCarrier.Scope scope = context.open();
        try {
            return limiter.watchers().follow(this::drawItems);
        } finally {
            try {
                context = limiter.captureContext(); // what this slice has set, the next one sees
            } finally {
                scope.close();
            }
        }
    }

    private End drawItems() {
        try {
            long start = System.nanoTime();
            long drawn = 0;
            long wanted = demand.get();
            while (true) {
                if (cancelled) {
                    return close();
                }
                Throwable bad = misuse;
                if (bad != null) {
                    return fail(bad);
                }
                if (drawn == wanted) {
                    wanted = wanted == Long.MAX_VALUE ? wanted : demand.addAndGet(-drawn);
                    drawn = 0;
                    if (wanted == 0) {
                        return End.DEMAND_MET;
                    }
                }
                ItemSource.Cursor<? extends T> items = open();
                if (!items.hasNext()) {
                    return close();
                }
                T item = Objects.requireNonNull(items.next(), "a source's item was null");
                if (cancelled) {
                    continue; // to the closing
                }
                deliver(item);
                drawn++;
                if (limiter.gate().hasWaiters() && System.nanoTime() - start > SLICE_NANOS) {
                    boolean met = wanted != Long.MAX_VALUE && demand.addAndGet(-drawn) == 0;
                    return met ? End.DEMAND_MET : End.OTHERS_WAIT;
                }
            }
        } catch (Throwable e) { // the source's, an Error too: the subscriber gets it
            return fail(e);
        }
    }

    private ItemSource.Cursor<? extends T> open() throws Exception {
        ItemSource.Cursor<? extends T> open = cursor;
        if (open == null) {
            open = Objects.requireNonNull(source, "source").open();
            cursor = open;
        }
        return open;
    }

    private void deliver(T item) {
        Flow.Subscriber<? super T> reader = subscriber;
        if (reader == null) {
            return;
        }
        try {
            reader.onNext(item);
        } catch (Throwable e) { // against the specification: as if it had cancelled
            Log.warning("A subscriber failed in onNext", e);
            cancelled = true;
        }
    }

    private End fail(Throwable e) {
        failure = e;
        return close();
    }

    /** Closes the source, once, whether or not it was opened. */
    private End close() {
        ItemSource<? extends T> from = source;
        ItemSource.Cursor<? extends T> open = cursor;
        source = null;
        cursor = null;
        try {
            if (open != null) {
                open.close();
            } else if (from != null) {
                from.discard();
            }
        } catch (Throwable e) {
            closeFailed(e);
        }
        return End.SOURCE_CLOSED;
    }

    @SuppressWarnings("ReferenceEquality") // a throwable cannot suppress itself
    private void closeFailed(Throwable e) {
        if (cancelled) {
            Log.warning("Closing a source under limiter '" + limiter.name() + "' failed", e);
        } else if (failure == null) {
            failure = e;
        } else if (failure != e) {
            failure.addSuppressed(e);
        }
    }

    @SuppressWarnings("ReferenceEquality") // what the reader did is no failure of the source
    private void signalEnd() {
        state.set(ENDED);
        Flow.Subscriber<? super T> reader = subscriber;
        Throwable reason = failure;
        subscriber = null; // nothing keeps it reachable (rule 3.13)
        failure = null;
        if (reader == null || cancelled) {
            if (reason != null && reason != misuse) {
                Log.warning(
                        "A source under limiter '" + limiter.name() + "' failed after its subscriber had left", reason);
            }
        } else if (reason == null) {
            tell(reader::onComplete);
        } else {
            tell(() -> reader.onError(reason));
        }
    }

    private static void tell(Runnable signal) {
        try {
            signal.run();
        } catch (Throwable e) { // against the specification, and nobody is left to tell
            Log.warning("A subscriber failed at the end of its subscription", e);
        }
    }

    /** The iteration's next turn. */
    private final class Slice extends Waiter<Void> implements Crew.Task {
        private final AtomicReference<@Nullable GatePermit> permit = new AtomicReference<>(); // taken by who goes on

        Slice(Kind kind) {
            super(kind);
        }

        @Override
        void granted(GatePermit granted, boolean passOn) {
            permit.set(granted);
            try {
                limiter.crew().execute(this, passOn);
            } catch (Throwable e) { // the executor's: rejected, or no thread to be had
                Deliveries.deliver(() -> noWorker(e));
            }
        }

        @Override
        public boolean noWorker(Throwable cause) {
            GatePermit granted = permit.getAndSet(null);
            if (granted == null) {
                return false; // an executor may say so of a slice that it has started all the same
            }
            if (ending()) {
                permit.set(granted);
                closeElsewhere();
                return true;
            }
            granted.close();
            Throwable refusal = limiter.refusal(Refusal.of(RefusalReason.NO_WORKER));
            refusal.initCause(cause);
            Iteration.this.refused(refusal);
            return true;
        }

        /** Nothing but closing is left, and it must not be skipped: any thread will do, the caller's if there is no other. */
        private void closeElsewhere() {
            try {
                defaultExecutor().execute(this);
            } catch (Throwable e) { // out of threads or memory
                run();
            }
        }

        @Override
        void refused(Refusal refusal) {
            Iteration.this.refused(limiter.refusal(refusal));
        }

        @Override
        boolean runsUserCode() {
            return limiter.crew().foreign();
        }

        @Override
        public void run() {
            GatePermit granted = permit.getAndSet(null);
            if (granted != null) {
                draw(granted);
            }
        }
    }
}
