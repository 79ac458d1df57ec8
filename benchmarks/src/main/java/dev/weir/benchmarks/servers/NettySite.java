package dev.weir.benchmarks.servers;

import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Routes;
import dev.weir.limiter.netty.NettyLimits;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** A Netty pipeline. The health check is answered on the event loop, whatever the limit. */
final class NettySite implements Site {

    private static final int MAX_REQUEST = 64 * 1024;

    private final EventLoopGroup loops =
            new MultiThreadIoEventLoopGroup(0, new DefaultThreadFactory("netty", true), NioIoHandler.newFactory());
    private final Channel listener;
    private final AutoCloseable limits;

    private NettySite(Consumer<ChannelPipeline> handlers, AutoCloseable limits) throws Exception {
        this.limits = limits;
        listener = new ServerBootstrap()
                .group(loops)
                .channel(NioServerSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel channel) {
                        channel.pipeline().addLast(new HttpServerCodec());
                        handlers.accept(channel.pipeline());
                    }
                })
                .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .sync()
                .channel();
    }

    /** A handler that hands requests to a pool. */
    static Site pool(int threads, Work work) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(threads, new DefaultThreadFactory("pool", true));
        Answering answering = new Answering(work, pool);
        return new NettySite(
                pipeline -> pipeline.addLast(new HttpObjectAggregator(MAX_REQUEST), answering), pool::shutdownNow);
    }

    /** A handler that answers on the event loop, and so must not block. */
    static Site loop(Work work) throws Exception {
        Answering answering = new Answering(work, Runnable::run);
        return new NettySite(pipeline -> pipeline.addLast(new HttpObjectAggregator(MAX_REQUEST), answering), () -> {});
    }

    /** The same handler behind a limit. */
    static Site loopWithWeir(LimiterScope limits, Work work) throws Exception {
        Answering answering = new Answering(work, Runnable::run);
        NettyLimits serving = NettyLimits.serving(NettyLimits.next(limits.endpoints()));
        return new NettySite(
                pipeline -> {
                    serving.http1(pipeline);
                    pipeline.addLast(new HttpObjectAggregator(MAX_REQUEST), answering);
                },
                limits);
    }

    static Site weir(LimiterScope limits, Work work) throws Exception {
        NettyLimits serving = NettyLimits.serving(Routes.to(LIMITED + WORK, Limits.work(limits, work))
                .and(LIMITED + LEAVE, Limits.leave(limits, work))
                .and(HEALTH, exchange -> Exchanges.text(exchange, 200, BODY)));
        return new NettySite(serving::http1, limits);
    }

    @Override
    public int port() {
        return ((InetSocketAddress) listener.localAddress()).getPort();
    }

    @Override
    public void stop() throws Exception {
        loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
        limits.close();
    }

    @ChannelHandler.Sharable
    private static final class Answering extends SimpleChannelInboundHandler<FullHttpRequest> {
        private final Work work;
        private final Executor executor;

        Answering(Work work, Executor executor) {
            this.work = work;
            this.executor = executor;
        }

        @Override
        protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
            switch (request.uri()) {
                case LIMITED + WORK ->
                    executor.execute(() -> {
                        work.run();
                        answer(context);
                    });
                case LIMITED + LEAVE ->
                    executor.execute(() -> {
                        answer(context);
                        work.run();
                    });
                default -> answer(context);
            }
        }

        @SuppressWarnings("FutureReturnValueIgnored") // failures close the channel, and the client sees it
        private static void answer(ChannelHandlerContext context) {
            FullHttpResponse response = new DefaultFullHttpResponse(
                    HttpVersion.HTTP_1_1,
                    HttpResponseStatus.OK,
                    Unpooled.copiedBuffer(BODY, StandardCharsets.US_ASCII));
            response.headers().set(HttpHeaderNames.CONTENT_TYPE, "text/plain");
            response.headers()
                    .setInt(HttpHeaderNames.CONTENT_LENGTH, response.content().readableBytes());
            context.writeAndFlush(response, context.voidPromise());
        }
    }
}
