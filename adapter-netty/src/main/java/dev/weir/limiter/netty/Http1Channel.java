package dev.weir.limiter.netty;

import static dev.weir.limiter.http.Capability.ABORT_COMMITTED;
import static dev.weir.limiter.http.Capability.CONTINUE_AFTER_ADMISSION;
import static dev.weir.limiter.http.Capability.DISCONNECT_WHILE_WAITING;
import static dev.weir.limiter.http.Capability.HALF_CLOSE_IS_DISCONNECT;
import static dev.weir.limiter.http.Capability.KEEPALIVE_AFTER_503;
import static dev.weir.limiter.http.Capability.NON_BLOCKING_BODY;
import static dev.weir.limiter.http.Capability.SENT_CONFIRMED;

import dev.weir.limiter.http.Capability;
import io.netty.channel.ChannelOption;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import java.util.Set;

/** A connection of HTTP/1.1. */
@SuppressWarnings("FutureReturnValueIgnored") // what fails to be closed has closed already
final class Http1Channel extends HttpChannel implements Connection {

    private static final Set<Capability> HALF_CLOSURE_ALLOWED =
            Set.of(SENT_CONFIRMED, NON_BLOCKING_BODY, CONTINUE_AFTER_ADMISSION, ABORT_COMMITTED, KEEPALIVE_AFTER_503);

    private static final Set<Capability> BY_DEFAULT = Set.of(
            SENT_CONFIRMED,
            NON_BLOCKING_BODY,
            CONTINUE_AFTER_ADMISSION,
            ABORT_COMMITTED,
            KEEPALIVE_AFTER_503,
            DISCONNECT_WHILE_WAITING,
            HALF_CLOSE_IS_DISCONNECT);

    Http1Channel(NettyLimits limits) {
        super(limits);
    }

    @Override
    void opened() {
        limits.opened(channel(), this);
    }

    @Override
    void closed() {
        limits.closed(channel());
    }

    @Override
    public void drain() {
        execute(this::closeIfIdle);
    }

    @Override
    String protocol(HttpRequest request) {
        return request.protocolVersion().text();
    }

    @Override
    Set<Capability> capabilities() {
        boolean halfClosure = Boolean.TRUE.equals(channel().config().getOption(ChannelOption.ALLOW_HALF_CLOSURE));
        return halfClosure ? HALF_CLOSURE_ALLOWED : BY_DEFAULT;
    }

    @Override
    void read() {
        context().read();
    }

    /** We speak HTTP/1.1, whose chunks, and whose default of keeping alive, a client of HTTP/1.0 does not know. */
    @Override
    void frame(NettyExchange exchange, HttpHeaders headers, boolean ofUnknownLength) {
        boolean oldClient = exchange.request().protocolVersion().compareTo(HttpVersion.HTTP_1_1) < 0;
        if (ofUnknownLength && oldClient) {
            exchange.endWithConnection();
        } else if (ofUnknownLength) {
            headers.set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
        }
        if (!exchange.keepsAlive()) {
            headers.set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
        } else if (oldClient) {
            headers.set(HttpHeaderNames.CONNECTION, HttpHeaderValues.KEEP_ALIVE);
        }
    }

    @Override
    void end(boolean unread) {
        if (unread) {
            LingeringClose.begin(context());
        } else {
            context().close();
        }
    }

    @Override
    void cut(boolean endsWithConnection) {
        if (endsWithConnection) { // so that closing it would not show
            channel().config().setOption(ChannelOption.SO_LINGER, 0); // a reset
        }
        context().close();
    }
}
