package dev.weir.limiter.netty;

import dev.weir.limiter.http.Capability;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.HttpRequest;
import java.util.Set;

/**
 * What differs between HTTP/1.1, where a channel is a connection, and HTTP/2, where it is one of its streams. {@link #drain} and
 * {@link #close} may be called on any thread, the others on the event loop.
 */
interface Connection {

    /** A channel has opened. */
    void opened(HttpChannel channel);

    /** A channel has closed. */
    void closed(HttpChannel channel);

    /** The protocol of a request, as {@link dev.weir.limiter.http.Exchange#protocol}. */
    String protocol(HttpRequest request);

    Set<Capability> capabilities();

    /** Whether responses without a length are sent in chunks, and whether they say what becomes of the connection. */
    boolean framesInHeaders();

    /** Asks the channel for more. */
    void read(ChannelHandlerContext ctx);

    /** Whether an event says that the client has given up. */
    boolean isReset(Object event);

    /**
     * The response has been sent, and nothing else will be.
     *
     * @param unread whether the client may be sending still
     */
    void end(ChannelHandlerContext ctx, boolean unread);

    /**
     * Ends the response visibly.
     *
     * @param open whether the end of the response is the end of the connection, so that closing that would not show
     */
    void cut(ChannelHandlerContext ctx, boolean open);

    /** Announces that no more requests are taken; closes the connection if it is idle. */
    void drain();

    /** Closes the connection. */
    ChannelFuture close();
}
