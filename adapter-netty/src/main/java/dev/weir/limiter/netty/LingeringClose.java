package dev.weir.limiter.netty;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.ssl.SslHandler;
import io.netty.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Closes a connection whose client is sending still: first our side of it, and the rest when the client has closed its own, or
 * has had its time. Closing at once would reset the connection, and the client might never read the response.
 */
@SuppressWarnings("FutureReturnValueIgnored") // what fails to be closed has closed already
final class LingeringClose {

    private static final long MAX_SECONDS = 30;

    private LingeringClose() {}

    /** Whoever calls this drops what comes from now on, and closes the channel when the client has shut down its side. */
    static void begin(ChannelHandlerContext ctx) {
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
}
