package dev.weir.limiter.netty;

import static dev.weir.limiter.http.Capability.ABORT_COMMITTED;
import static dev.weir.limiter.http.Capability.CONTINUE_AFTER_ADMISSION;
import static dev.weir.limiter.http.Capability.DISCONNECT_WHILE_WAITING;
import static dev.weir.limiter.http.Capability.KEEPALIVE_AFTER_503;
import static dev.weir.limiter.http.Capability.MULTIPLEXED;
import static dev.weir.limiter.http.Capability.NON_BLOCKING_BODY;
import static dev.weir.limiter.http.Capability.SENT_CONFIRMED;

import dev.weir.limiter.http.Capability;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2ResetFrame;
import java.util.Set;

/** A stream of HTTP/2. */
@SuppressWarnings("FutureReturnValueIgnored") // what fails to be written has closed already
final class Http2Stream extends HttpChannel {

    private static final Set<Capability> CAPABILITIES = Set.of(
            DISCONNECT_WHILE_WAITING,
            SENT_CONFIRMED,
            NON_BLOCKING_BODY,
            CONTINUE_AFTER_ADMISSION,
            ABORT_COMMITTED,
            MULTIPLEXED,
            KEEPALIVE_AFTER_503);

    private final Http2Connection connection;

    Http2Stream(NettyLimits limits, Http2Connection connection) {
        super(limits);
        this.connection = connection;
    }

    @Override
    void opened() {
        connection.opened(this);
    }

    @Override
    void closed() {
        connection.closed(this);
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof Http2ResetFrame) {
            lost();
        }
        super.userEventTriggered(ctx, event);
    }

    @Override
    String protocol(HttpRequest request) {
        return "HTTP/2.0";
    }

    @Override
    Set<Capability> capabilities() {
        return CAPABILITIES;
    }

    @Override
    void read() {
        context().read();
        context().flush(); // or the window update stays here
    }

    @Override
    void frame(NettyExchange exchange, HttpHeaders headers, boolean ofUnknownLength) {
        // Frames do that.
    }

    @Override
    void end(boolean unread) {
        // Without an unread body both sides have ended, and the stream closes by itself.
        if (unread) {
            reset(Http2Error.NO_ERROR);
        }
    }

    @Override
    void cut(boolean endsWithConnection) {
        reset(Http2Error.INTERNAL_ERROR);
    }

    private void reset(Http2Error why) {
        context().writeAndFlush(new DefaultHttp2ResetFrame(why)).addListener(ChannelFutureListener.CLOSE);
    }
}
