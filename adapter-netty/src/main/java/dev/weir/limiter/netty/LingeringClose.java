package dev.weir.limiter.netty;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Closes a connection whose client is sending still: first our side of it, and the rest when the client has closed its own, or
 * has had its time. What comes meanwhile is dropped. Closing at once would reset the connection, and the client might never
 * read the response.
 */
@SuppressWarnings("FutureReturnValueIgnored") // what fails to be written or closed has closed already
final class LingeringClose extends ChannelInboundHandlerAdapter {

    private static final long MAX_SECONDS = 30;

    private LingeringClose() {}

    /** Puts itself behind the given handler, in whose place it takes what comes. */
    static void begin(ChannelHandlerContext ctx) {
        ctx.pipeline().addAfter(ctx.name(), null, new LingeringClose());
        Channel channel = ctx.channel();
        SslHandler tls = ctx.pipeline().get(SslHandler.class);
        if (tls == null) {
            shutdown(channel);
        } else {
            tls.closeOutbound().addListener(ignored -> shutdown(channel));
        }
        Future<?> limit = ctx.executor().schedule(() -> channel.close(), MAX_SECONDS, TimeUnit.SECONDS);
        channel.closeFuture().addListener(ignored -> limit.cancel(false));
        channel.config().setAutoRead(true);
    }

    private static void shutdown(Channel channel) {
        if (channel instanceof DuplexChannel duplex) {
            duplex.shutdownOutput();
        } else {
            channel.close();
        }
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        ReferenceCountUtil.release(message);
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof ChannelInputShutdownEvent) {
            ctx.close();
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        // What is dropped need not be well-formed; a broken connection closes by itself.
    }
}
