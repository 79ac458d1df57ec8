package dev.weir.limiter.servlet;

import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.Outcome;
import dev.weir.limiter.http.Ticket;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/**
 * A request that waits for its permit in front of a filter chain, and then belongs to the chain. Of the response only a refusal
 * is ever written here, small enough for the container's buffer.
 *
 * <pre>
 *   waiting ──dispatch──► {@link #enter} ──chain──► {@link #leave} ──► ended, if nothing asynchronous is under way
 *                            ▲                          │
 *                            └──── dispatched again ────┴──► {@link #completed} by the target, or by the container
 * </pre>
 */
final class FilterExchange extends RequestExchange {

    private final HttpServletRequest request;
    private final HttpServletResponse response;
    private volatile @Nullable AsyncContext waiting;
    private volatile @Nullable Ticket ticket;
    /** The chain has the request; its container's errors are the chain's. */
    private volatile boolean handedOver;
    /** The target has started asynchronous processing that has not ended. */
    private volatile boolean underWay;

    FilterExchange(Drain drain, Container container, HttpServletRequest request, HttpServletResponse response) {
        super(drain, container, request);
        this.request = request;
        this.response = response;
    }

    // ------------------------------------------------------------------ before the chain

    /** Frees the container's thread; from here on the request is dispatched, or completed. */
    void suspend() {
        AsyncContext async = request.startAsync(request, response);
        async.setTimeout(0);
        async.addListener(this);
        waiting = async;
    }

    /** Called on the thread that released the permit: touches nothing but the ticket and the dispatch. */
    void resume(Ticket granted) {
        ticket = granted;
        AsyncContext async = waiting;
        if (async == null) {
            throw new IllegalStateException(description() + " was not suspended");
        }
        async.dispatch();
    }

    void admitted(Ticket granted) {
        ticket = granted;
    }

    // ------------------------------------------------------------------ under the permit

    /**
     * The chain may run; {@link #leave} follows.
     *
     * @return what to run when the chain has returned; null when the request was given up
     */
    @Nullable Runnable enter() {
        Ticket granted = ticket;
        if (handedOver) {
            underWay = false;
            return hold();
        }
        if (granted == null || !granted.start()) {
            return null;
        }
        handedOver = true;
        committed(); // as far as this exchange may write
        return granted::finish;
    }

    /** The chain has returned or thrown. */
    void leave(boolean thrown, Runnable finish) {
        if (thrown || !underWay) {
            ended(Outcome.UNCONFIRMED);
        }
        finish.run();
    }

    /** The target starts asynchronous processing. */
    void started(AsyncContext async) {
        underWay = true;
        async.addListener(this);
    }

    /** The target, or the container, has ended it. */
    void completed() {
        underWay = false;
        ended(Outcome.UNCONFIRMED);
    }

    // ------------------------------------------------------------------ the container's news

    @Override
    public void onComplete(AsyncEvent event) {
        completed();
    }

    @Override
    void failed(Throwable cause) {
        if (handedOver) {
            ended(Outcome.ABORTED);
        } else {
            abort(cause);
        }
    }

    // ------------------------------------------------------------------ a refusal

    @Override
    @SuppressWarnings("NullAway") // Void has no value but null
    protected CompletionStage<Void> send(boolean first, ByteBuffer data, boolean last) {
        try {
            apply(response);
            response.getOutputStream().write(data.array(), data.arrayOffset() + data.position(), data.remaining());
            AsyncContext async = waiting;
            if (async != null) {
                async.complete();
            }
            return CompletableFuture.completedFuture(null);
        } catch (Throwable e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    @Override
    protected void cut(Throwable cause) {
        AsyncContext async = waiting;
        if (async != null && !handedOver) {
            try {
                async.complete();
            } catch (RuntimeException e) {
                // The container has ended it already.
            }
        }
    }

    @Override
    protected CompletionStage<Optional<ByteBuffer>> receive() {
        return CompletableFuture.failedFuture(
                new UnsupportedOperationException("the body of " + description() + " is for the servlet to read"));
    }
}
