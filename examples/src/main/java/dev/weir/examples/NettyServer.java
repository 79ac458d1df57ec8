package dev.weir.examples;

import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Routes;
import dev.weir.limiter.netty.NettyLimits;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A Netty pipeline. */
final class NettyServer implements Server {

    private static final int BACKLOG = 1024;

    private final EventLoopGroup loops =
            new MultiThreadIoEventLoopGroup(0, new DefaultThreadFactory("netty", true), NioIoHandler.newFactory());
    private @Nullable NettyLimits limits;
    private @Nullable Channel listener;

    @Override
    public int start(Map<String, ExchangeHandler> routes, int port) throws Exception {
        NettyLimits serving = NettyLimits.serving(routes(routes));
        Channel bound = new ServerBootstrap()
                .group(loops)
                .channel(NioServerSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, BACKLOG)
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel channel) {
                        channel.pipeline().addLast(new HttpServerCodec());
                        serving.http1(channel.pipeline());
                    }
                })
                .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port))
                .sync()
                .channel();
        limits = serving;
        listener = bound;
        return ((InetSocketAddress) bound.localAddress()).getPort();
    }

    private static ExchangeHandler routes(Map<String, ExchangeHandler> handlers) {
        Routes routes = null;
        for (Map.Entry<String, ExchangeHandler> route : handlers.entrySet()) {
            routes = routes == null
                    ? Routes.to(route.getKey(), route.getValue())
                    : routes.and(route.getKey(), route.getValue());
        }
        if (routes == null) {
            throw new IllegalArgumentException("routes: expected at least one");
        }
        return routes;
    }

    @Override
    public void stop() throws Exception {
        NettyLimits serving = limits;
        Channel bound = listener;
        listener = null; // a second stop finds nothing to do
        try {
            if (serving != null && bound != null) {
                serving.stop(bound).get(STOP_TIMEOUT.toSeconds(), TimeUnit.SECONDS);
            }
        } finally {
            loops.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
        }
    }
}
