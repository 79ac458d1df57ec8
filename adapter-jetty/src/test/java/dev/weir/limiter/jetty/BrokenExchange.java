package dev.weir.limiter.jetty;

import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.Headers;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;

/** An exchange that does what Jetty's does, for subclasses that do one thing worse. */
class BrokenExchange extends Exchange {

    final JettyExchange jetty;

    BrokenExchange(Drain drain, Request request, Response response, Callback callback) {
        super(drain);
        jetty = new JettyExchange(new Drain(), request, response, callback);
        jetty.onAbort(this::left);
        onComplete(jetty::handedBack);
    }

    /** Jetty has seen the client leave. */
    void left(Throwable cause) {
        abort(cause);
    }

    @Override
    public String method() {
        return jetty.method();
    }

    @Override
    public String path() {
        return jetty.path();
    }

    @Override
    public Optional<String> query() {
        return jetty.query();
    }

    @Override
    public Optional<String> header(String name) {
        return jetty.header(name);
    }

    @Override
    public OptionalLong declaredLength() {
        return jetty.declaredLength();
    }

    @Override
    public String protocol() {
        return jetty.protocol();
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

    @Override
    protected void head(int status, Headers headers) {
        jetty.head(status, headers);
    }

    @Override
    protected CompletionStage<Void> send(ByteBuffer data, boolean last) {
        return jetty.send(data, last);
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
