package dev.weir.limiter.netty;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.Admission;
import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.PermitScope;
import dev.weir.limiter.http.Routes;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.util.concurrent.ImmediateEventExecutor;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * Serves the HTTP requests of Netty channels with a portable handler, under limiters. One instance serves all channels of a
 * server; it goes behind the HTTP codec:
 *
 * <pre>{@code
 * NettyLimits limits = NettyLimits.serving(Routes.to("/hello", ExchangeHandler.endpoint(scope, hello)));
 *
 * protected void initChannel(SocketChannel channel) {       // HTTP/1.1
 *     channel.pipeline().addLast(new HttpServerCodec());
 *     limits.http1(channel.pipeline());
 * }
 * protected void initChannel(SocketChannel channel) {       // HTTP/2
 *     channel.pipeline().addLast(Http2FrameCodecBuilder.forServer().build());
 *     limits.http2(channel.pipeline());
 * }
 * }</pre>
 *
 * <p>Requests that wait for a permit hold no thread, and the event loop runs no blocking code: endpoints run on workers of
 * their limiters. Pipelined requests are answered one after another, in order. While a request waits or runs, the channel is
 * read a little ahead, so that a client that leaves is seen: its request leaves the queue and never runs.
 *
 * <p>Handlers that are written for Netty stay where they are, further down the pipeline; {@link #next(CapacityLimiter)} hands
 * admitted requests on to them.
 *
 * <p>The channel's auto-read is turned off and belongs to this class. Handlers that answer {@code Expect: 100-continue}, or
 * that collect whole requests, belong behind it: before it they would do so for requests that are refused.
 *
 * <p>An {@link io.netty.handler.timeout.IdleStateHandler} before it closes connections that are idle, and cuts responses whose
 * client stops reading or sending. A request that waits or runs is not idle, however long it does.
 *
 * <p>Thread-safe. No method blocks.
 */
public final class NettyLimits {

    private final ExchangeHandler handler;
    private final Drain drain = new Drain();
    private final ChannelGroup connections = new DefaultChannelGroup(ImmediateEventExecutor.INSTANCE);

    private NettyLimits(ExchangeHandler handler) {
        this.handler = Objects.requireNonNull(handler, "handler");
    }

    /**
     * Serves requests with the given handler.
     *
     * @param handler answers the requests; called on event loops; {@link Routes} is one that chooses by path
     * @return what to put into pipelines
     */
    public static NettyLimits serving(ExchangeHandler handler) {
        return new NettyLimits(handler);
    }

    // ------------------------------------------------------------------ pipelines

    /**
     * Serves an HTTP/1.1 connection: adds a handler to the end of a pipeline that has an {@link
     * io.netty.handler.codec.http.HttpServerCodec}. The connection is kept alive, or closed, as the request says.
     *
     * @param pipeline the pipeline of a connection
     */
    public void http1(ChannelPipeline pipeline) {
        pipeline.addLast(new Http1Channel(this));
    }

    /**
     * Serves an HTTP/2 connection: adds a handler to the end of a pipeline that has an {@code Http2FrameCodec}. Needs
     * netty-codec-http2, which this artifact does not bring.
     *
     * @param pipeline the pipeline of a connection
     * @param next added to the end of the pipeline of each stream, which carries HTTP/1.1 objects, for {@link
     *     #next(CapacityLimiter)} to hand requests to; must be sharable, as a {@link io.netty.channel.ChannelInitializer} is
     */
    public void http2(ChannelPipeline pipeline, ChannelHandler... next) {
        Http2Connection.install(pipeline, this, next.clone());
    }

    // ------------------------------------------------------------------ handlers written for Netty

    /**
     * Hands admitted requests on to the next handlers of the pipeline, which are written for Netty and answer them with an
     * {@link io.netty.handler.codec.http.HttpResponse}. The permit is held until they have written the end of the response, or
     * the channel has closed.
     *
     * <p>They run where they would without this: on the event loop, unless they were added with an executor, and so must not
     * block. They see one request at a time, in order, and its content as it comes, as if auto-read was on. Keeping the
     * connection alive or closing it is theirs, as is a failure of theirs: a request that they never answer keeps its permit
     * while the channel is open.
     *
     * @param limiter the budget that is spent
     * @return a handler for {@link #serving} or for {@link Routes}
     */
    public static ExchangeHandler next(CapacityLimiter limiter) {
        Admission admission = Admission.of(limiter, PermitScope.EXCHANGE);
        return exchange -> {
            NettyExchange ours = NettyExchange.of(exchange);
            admission.admit(ours, ticket -> ours.passOn(ticket::start, ticket::finish));
        };
    }

    /**
     * Hands requests on to the next handlers of the pipeline under no limiter, such as those of a health check.
     *
     * @return a handler for {@link #serving} or for {@link Routes}
     */
    public static ExchangeHandler next() {
        return exchange -> NettyExchange.of(exchange).passOn(() -> true, () -> {});
    }

    // ------------------------------------------------------------------ stopping

    /**
     * Stops serving, gracefully: closes the listening channels; closes connections that are idle; announces the end on the
     * others, with {@code Connection: close} or GOAWAY; refuses requests that come all the same; waits for those that were
     * accepted, waiting ones too, and for their background tasks; and closes what is open then.
     *
     * <p>It waits without limit: bound it with {@link CompletableFuture#get(long, java.util.concurrent.TimeUnit)}, and shut the
     * event loops down afterwards. They are needed until then.
     *
     * @param listeners the channels that accept connections
     * @return completes when nothing is under way and every channel is closed; completing it changes nothing else
     */
    public CompletableFuture<Void> stop(Channel... listeners) {
        ChannelGroup listening = new DefaultChannelGroup(ImmediateEventExecutor.INSTANCE);
        listening.addAll(List.of(listeners));
        CompletableFuture<?> deaf = closed(listening);
        CompletableFuture<Void> drained = drain.begin();
        connections.forEach(channel -> drain(channel.pipeline().get(Connection.class)));
        return CompletableFuture.allOf(deaf, drained.thenCompose(ignored -> closed(connections)));
    }

    private static void drain(@Nullable Connection connection) {
        if (connection != null) { // else it has just left the pipeline
            connection.drain();
        }
    }

    private static CompletableFuture<?> closed(ChannelGroup channels) {
        CompletableFuture<Object> closed = new CompletableFuture<>();
        channels.close().addListener(closed::complete);
        return closed;
    }

    // ------------------------------------------------------------------ for the channels

    ExchangeHandler handler() {
        return handler;
    }

    Drain drain() {
        return drain;
    }

    /** A channel leaves by itself when it has closed. */
    void opened(Channel channel, Connection connection) {
        connections.add(channel);
        if (drain.isDraining()) {
            connection.drain();
        }
    }

    void closed(Channel channel) {
        connections.remove(channel);
    }

    @Override
    public String toString() {
        return "NettyLimits[" + connections.size() + " connections, " + drain + "]";
    }
}
