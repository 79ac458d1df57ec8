package dev.weir.limiter.http;

import dev.weir.limiter.Permit;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * The place of one request at its limiter, and the permit that comes of it. Whoever resumes the request calls {@link #start},
 * runs the handler if that says so, and calls {@link #finish} whatever happened. Thread-safe; no method blocks.
 *
 * <pre>
 *   WAITING ──grant──► GRANTED ──start──► RUNNING ──finish──► DONE
 *      └────abandon──────┴────► ABANDONED
 * </pre>
 *
 * Each move is one compare-and-set, so that the permit goes home exactly once. A request that was granted a permit and then not
 * run (its client left, the server refused to resume it, or forgot to) is abandoned, at the latest when its exchange completes.
 */
public final class Ticket {

    private enum State {
        WAITING,
        GRANTED,
        RUNNING,
        ABANDONED,
        DONE
    }

    private final AtomicReference<State> state = new AtomicReference<>(State.WAITING);
    private final Exchange exchange;
    private final PermitScope scope;
    private final CompletableFuture<Permit> place;
    /** Written before GRANTED is set, read only by whoever moves the state on from there. */
    private @Nullable Permit permit;

    Ticket(Exchange exchange, PermitScope scope, CompletableFuture<Permit> place) {
        this.exchange = exchange;
        this.scope = scope;
        this.place = place;
    }

    /**
     * Begins to run the request. Until {@link #finish} the exchange does not complete.
     *
     * @return false when the request must not be run any more, or was started before
     */
    public boolean start() {
        exchange.retain();
        if (!state.compareAndSet(State.GRANTED, State.RUNNING)) {
            exchange.release();
            return false;
        }
        return true;
    }

    /**
     * The handler has returned or thrown. Gives the permit back, now or at the end of the exchange. Does nothing unless the
     * request is running.
     */
    public void finish() {
        if (state.compareAndSet(State.RUNNING, State.DONE)) {
            Permit held = held();
            if (scope == PermitScope.HANDLER) {
                held.close();
            } else {
                exchange.onComplete(outcome -> held.close());
            }
            exchange.release();
        }
    }

    /**
     * Gives up a request that is not running: it leaves the queue, and its permit goes back if it has one.
     *
     * @return whether it was given up by this call, so that its handler will never run
     */
    public boolean abandon() {
        if (state.compareAndSet(State.WAITING, State.ABANDONED)) {
            place.cancel(false);
            return true;
        }
        if (state.compareAndSet(State.GRANTED, State.ABANDONED)) {
            held().close();
            return true;
        }
        return false;
    }

    /** Takes a permit; one that comes too late goes straight back. */
    boolean grant(Permit granted) {
        permit = granted;
        if (state.compareAndSet(State.WAITING, State.GRANTED)) {
            return true;
        }
        granted.close();
        return false;
    }

    Permit held() {
        Permit held = permit;
        if (held == null) {
            throw new IllegalStateException(this + " has no permit");
        }
        return held;
    }

    @Override
    public String toString() {
        return "Ticket[" + exchange.description() + ", " + state + "]";
    }
}
