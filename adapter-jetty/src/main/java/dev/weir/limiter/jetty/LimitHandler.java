package dev.weir.limiter.jetty;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.Admission;
import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Outcome;
import dev.weir.limiter.http.PermitScope;
import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.component.Graceful;
import org.jspecify.annotations.Nullable;

/**
 * Puts a limiter in front of handlers written for Jetty, without a change to them: in front of a whole tree, or of one path by
 * wrapping what is mapped in a {@link org.eclipse.jetty.server.handler.PathMappingsHandler}.
 *
 * <p>A request that waits holds no thread; the handlers run on workers of the limiter and may block. A refused request is
 * answered with 503 and {@code Retry-After}. One whose client resets its HTTP/2 stream while it waits is never run; on HTTP/1.1
 * Jetty cannot see a client leave while its request waits, so there the limiter's bounds are what ends a useless wait. While a
 * request waits, Jetty's idle time-out does not apply.
 *
 * <p>It does not block, and says so. If all handlers of a server do, Jetty calls them on the thread that has read the request,
 * and wakes no other for it. A container that may change while the server runs says that it blocks, whatever is in it; so make
 * those in front of this with {@code dynamic} false, as in {@code new PathMappingsHandler(false)}.
 *
 * <p>The permit is held until the handlers have completed the callback, however they do, or, in {@link PermitScope#HANDLER},
 * until they have returned. What they throw, and a request that none of them handles, are answered as Jetty does.
 *
 * <p>When the server stops gracefully ({@code server.setStopTimeout}), requests that come are refused, and those that were
 * accepted are finished, waiting ones too.
 */
public class LimitHandler extends Handler.Wrapper implements Graceful {

    private final Admission admission;
    private volatile Drain drain = new Drain();

    /**
     * A limiter in front of a handler that is set later, holding permits until the exchange has completed.
     *
     * @param limiter the budget that is spent
     */
    public LimitHandler(CapacityLimiter limiter) {
        this(limiter, PermitScope.EXCHANGE, null);
    }

    /**
     * A limiter in front of a handler, holding permits until the exchange has completed.
     *
     * @param limiter the budget that is spent
     * @param handler the handlers behind it
     */
    public LimitHandler(CapacityLimiter limiter, Handler handler) {
        this(limiter, PermitScope.EXCHANGE, handler);
    }

    /**
     * A limiter in front of a handler.
     *
     * @param limiter the budget that is spent
     * @param scope how long a permit is held
     * @param handler the handlers behind it; null when they are set later
     */
    public LimitHandler(CapacityLimiter limiter, PermitScope scope, @Nullable Handler handler) {
        super(false, handler);
        this.admission = Admission.of(limiter, scope);
    }

    @Override
    public InvocationType getInvocationType() {
        return InvocationType.NON_BLOCKING; // whatever is behind it runs on workers
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        Handler next = getHandler();
        if (next == null) {
            return false;
        }
        JettyExchange exchange = new JettyExchange(drain, request, response, callback);
        Exchanges.serve(
                exchange,
                admitted ->
                        admission.handle(admitted, running -> proceed(next, exchange, request, response, callback)));
        return true;
    }

    private void proceed(Handler next, JettyExchange exchange, Request request, Response response, Callback callback) {
        if (!exchange.handOver()) {
            return;
        }
        Callback told = new Told(callback, exchange);
        CompletableFuture<Void> returned = new CompletableFuture<>();
        request.setAttribute(Passage.ATTRIBUTE, new Passage(drain, exchange, returned));
        try {
            if (!next.handle(request, response, told)) {
                Response.writeError(request, response, told, HttpStatus.NOT_FOUND_404);
            }
        } catch (Throwable e) {
            Response.writeError(request, response, told, e);
        } finally {
            returned.complete(null);
        }
    }

    @Override
    protected void doStart() throws Exception {
        drain = new Drain();
        super.doStart();
    }

    @Override
    public CompletableFuture<Void> shutdown() {
        return drain.begin();
    }

    @Override
    public boolean isShutdown() {
        return drain.isDraining();
    }

    @Override
    public String toString() {
        return super.toString() + " " + drain;
    }

    /** What exchanges that handlers make for themselves need to know. */
    record Passage(Drain drain, JettyExchange admitted, CompletableFuture<Void> returned) {
        static final String ATTRIBUTE = Passage.class.getName();
    }

    /** Completes Jetty's callback, then the exchange. */
    private static final class Told extends Callback.Nested {
        private final JettyExchange exchange;

        Told(Callback callback, JettyExchange exchange) {
            super(callback);
            this.exchange = exchange;
        }

        @Override
        public void succeeded() {
            try {
                super.succeeded();
            } finally {
                exchange.handedBack(Outcome.SENT);
            }
        }

        @Override
        public void failed(Throwable failure) {
            try {
                super.failed(failure);
            } finally {
                exchange.handedBack(Outcome.ABORTED);
            }
        }
    }
}
