package dev.weir.limiter.jetty;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.Endpoint;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.component.Graceful;

/**
 * Answers requests of Jetty with a portable handler, one that runs unchanged on every server.
 *
 * <p>It never blocks a thread of Jetty, and says so: as of {@link LimitHandler}, containers in front of it should not be dynamic.
 *
 * <p>When the server stops gracefully ({@code server.setStopTimeout}), requests that come are refused, and those that were
 * accepted are finished, waiting ones too, with their background tasks.
 */
public class EndpointHandler extends Handler.Abstract.NonBlocking implements Graceful {

    private final ExchangeHandler handler;
    private volatile Drain drain = new Drain();

    /**
     * Runs a handler that does not block.
     *
     * @param handler answers the requests, on threads of Jetty
     */
    public EndpointHandler(ExchangeHandler handler) {
        this.handler = Objects.requireNonNull(handler, "handler");
    }

    /**
     * Runs a blocking endpoint on workers of the limiter.
     *
     * @param limiter the budget that is spent
     * @param endpoint answers the requests
     */
    public EndpointHandler(CapacityLimiter limiter, Endpoint endpoint) {
        this(ExchangeHandler.endpoint(limiter, endpoint));
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        Exchanges.serve(new JettyExchange(drain, request, response, callback), handler);
        return true;
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
}
