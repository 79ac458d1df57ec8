package dev.weir.limiter.jetty;

import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.Headers;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** An exchange that does what Jetty's does, for subclasses that do one thing worse. */
class BrokenExchange extends Exchange {

    final JettyExchange jetty;

    BrokenExchange(Drain drain, Request request, Response response, Callback callback) {
        super(drain, JettyExchange.headOf(request));
        jetty = new JettyExchange(new Drain(), request, response, callback);
        jetty.onAbort(this::left);
        onComplete(jetty::handedBack);
    }

    /** Jetty has seen the client leave. */
    void left(Throwable cause) {
        abort(cause);
    }

    @Override
    public Set<Capability> capabilities() {
        return jetty.capabilities();
    }

    @Override
    public boolean isCommitted() {
        return jetty.isCommitted();
    }

    @Override
    public Runnable inContext(Runnable code) {
        return jetty.inContext(code);
    }

    /** The header fields that are sent. */
    Headers sentHeaders() {
        return headers();
    }

    @Override
    protected CompletionStage<Void> send(boolean first, ByteBuffer data, boolean last) {
        if (first) {
            jetty.respond(status(), sentHeaders());
        }
        return jetty.send(first, data, last);
    }

    @Override
    protected CompletionStage<Optional<ByteBuffer>> receive() {
        return jetty.receive();
    }

    @Override
    protected void cut(Throwable cause) {
        jetty.cut(cause);
    }
}
