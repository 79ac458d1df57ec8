package dev.weir.limiter.netty;

import dev.weir.limiter.http.Capability;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http2.DefaultHttp2GoAwayFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.handler.codec.http2.Http2StreamFrameToHttpObjectCodec;
import io.netty.handler.timeout.IdleStateEvent;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** A connection whose channels are its streams. All mention of netty-codec-http2 is here. */
@SuppressWarnings("FutureReturnValueIgnored") // what fails to be written or closed has closed already
final class Http2Connection extends ChannelInboundHandlerAdapter implements Connection {

    private static final System.Logger LOGGER = System.getLogger(NettyLimits.class.getName());

    private static final Set<Capability> CAPABILITIES = Collections.unmodifiableSet(EnumSet.of(
            Capability.DISCONNECT_WHILE_WAITING,
            Capability.SENT_CONFIRMED,
            Capability.NON_BLOCKING_BODY,
            Capability.CONTINUE_AFTER_ADMISSION,
            Capability.ABORT_COMMITTED,
            Capability.MULTIPLEXED,
            Capability.KEEPALIVE_AFTER_503));

    private final NettyLimits limits;
    private final Channel connection;
    /** Streams share the event loop of their connection. */
    private final Set<HttpChannel> streams = new HashSet<>();

    private Http2Connection(NettyLimits limits, Channel connection) {
        this.limits = limits;
        this.connection = connection;
    }

    static void install(ChannelPipeline pipeline, NettyLimits limits, ChannelHandler next) {
        Http2Connection connection = new Http2Connection(limits, pipeline.channel());
        pipeline.addLast(new Http2MultiplexHandler(new ChannelInitializer<Channel>() {
            @Override
            protected void initChannel(Channel stream) {
                stream.pipeline()
                        .addLast(
                                new Http2StreamFrameToHttpObjectCodec(true), new HttpChannel(limits, connection), next);
            }
        }));
        pipeline.addLast(connection);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        limits.opened(this);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        limits.closed(this);
        // A stream with unread frames does not learn by itself that its connection has gone.
        List.copyOf(streams).forEach(HttpChannel::lost);
        ctx.fireChannelInactive();
    }

    /** A client that resets its connection is nobody's failure: Netty closes the channel, and would log a warning for each. */
    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (cause instanceof IOException) {
            LOGGER.log(Level.DEBUG, () -> ctx.channel() + " failed: " + cause);
        } else {
            ctx.fireExceptionCaught(cause);
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof IdleStateEvent) {
            closeIfIdle();
        }
        ctx.fireUserEventTriggered(event);
    }

    @Override
    public void opened(HttpChannel stream) {
        streams.add(stream);
    }

    @Override
    public void closed(HttpChannel stream) {
        streams.remove(stream);
        if (limits.drain().isDraining()) {
            closeIfIdle();
        }
    }

    @Override
    public String protocol(HttpRequest request) {
        return "HTTP/2.0";
    }

    @Override
    public Set<Capability> capabilities() {
        return CAPABILITIES;
    }

    @Override
    public boolean framesInHeaders() {
        return false;
    }

    @Override
    public void read(ChannelHandlerContext ctx) {
        ctx.read();
        ctx.flush(); // or the window update stays here
    }

    @Override
    public boolean isReset(Object event) {
        return event instanceof Http2ResetFrame;
    }

    @Override
    public void end(ChannelHandlerContext ctx, boolean unread) {
        // Without an unread body both sides have ended, and the stream closes by itself.
        if (unread) {
            reset(ctx, Http2Error.NO_ERROR);
        }
    }

    @Override
    public void cut(ChannelHandlerContext ctx, boolean open) {
        reset(ctx, Http2Error.INTERNAL_ERROR);
    }

    private static void reset(ChannelHandlerContext ctx, Http2Error why) {
        ctx.writeAndFlush(new DefaultHttp2ResetFrame(why)).addListener(ChannelFutureListener.CLOSE);
    }

    @Override
    public void drain() {
        connection.eventLoop().execute(() -> {
            connection.writeAndFlush(new DefaultHttp2GoAwayFrame(Http2Error.NO_ERROR));
            closeIfIdle();
        });
    }

    private void closeIfIdle() {
        if (streams.isEmpty()) {
            connection.close();
        }
    }

    @Override
    public ChannelFuture close() {
        return connection.close();
    }
}
