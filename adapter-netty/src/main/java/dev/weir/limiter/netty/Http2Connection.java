package dev.weir.limiter.netty;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http2.DefaultHttp2GoAwayFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2StreamFrameToHttpObjectCodec;
import io.netty.handler.timeout.IdleStateEvent;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** A connection of HTTP/2, whose channels are its streams. It and {@link Http2Stream} alone mention netty-codec-http2. */
@SuppressWarnings("FutureReturnValueIgnored") // what fails to be written or closed has closed already
final class Http2Connection extends ChannelInboundHandlerAdapter implements Connection {

    private static final System.Logger LOGGER = System.getLogger(NettyLimits.class.getName());

    private final NettyLimits limits;
    private final Channel channel;
    /** Streams share the event loop of their connection. */
    private final Set<HttpChannel> streams = new HashSet<>();

    private Http2Connection(NettyLimits limits, Channel channel) {
        this.limits = limits;
        this.channel = channel;
    }

    static void install(ChannelPipeline pipeline, NettyLimits limits, ChannelHandler... next) {
        Http2Connection connection = new Http2Connection(limits, pipeline.channel());
        pipeline.addLast(new Http2MultiplexHandler(new ChannelInitializer<Channel>() {
            @Override
            protected void initChannel(Channel stream) {
                stream.pipeline()
                        .addLast(new Http2StreamFrameToHttpObjectCodec(true), new Http2Stream(limits, connection))
                        .addLast(next);
            }
        }));
        pipeline.addLast(connection);
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        limits.opened(channel, this);
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
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

    void opened(Http2Stream stream) {
        streams.add(stream);
    }

    void closed(Http2Stream stream) {
        streams.remove(stream);
        if (limits.drain().isDraining()) {
            closeIfIdle();
        }
    }

    @Override
    public void drain() {
        channel.eventLoop().execute(() -> {
            channel.writeAndFlush(new DefaultHttp2GoAwayFrame(Http2Error.NO_ERROR));
            closeIfIdle();
        });
    }

    private void closeIfIdle() {
        if (streams.isEmpty()) {
            channel.close();
        }
    }
}
