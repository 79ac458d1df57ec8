package dev.weir.limiter.jetty;

import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.Exchange;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** Makes exchanges for handlers written for Jetty that want the verbs of {@link dev.weir.limiter.http.Exchanges}. */
public final class JettyExchanges {

    private JettyExchanges() {}

    /**
     * An exchange over what a handler was given. From then on the exchange writes the response and completes the callback: the
     * handler returns true and leaves both alone.
     *
     * <p>Must be called before {@code handle} returns or throws. Behind a {@link LimitHandler}, the exchange completes only
     * when the handler has returned, and a server that stops waits for its background tasks.
     *
     * @param request what the handler was given
     * @param response what the handler was given
     * @param callback what the handler was given
     * @return an open exchange
     */
    public static Exchange of(Request request, Response response, Callback callback) {
        if (request.getAttribute(LimitHandler.Passage.ATTRIBUTE) instanceof LimitHandler.Passage passage) {
            JettyExchange exchange = new JettyExchange(passage.drain(), request, response, callback);
            exchange.holdUntil(passage.returned());
            // Jetty takes no listeners any more; the admitted exchange has one.
            passage.admitted().onAbort(exchange::abort);
            return exchange;
        }
        return new JettyExchange(new Drain(), request, response, callback);
    }
}
