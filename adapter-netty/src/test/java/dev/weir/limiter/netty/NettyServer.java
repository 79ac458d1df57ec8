package dev.weir.limiter.netty;

import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.tck.HttpProtocol;
import dev.weir.limiter.tck.ServerFixture;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.handler.timeout.IdleStateHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A server on the loopback interface, set up as a user would. */
final class NettyServer implements ServerFixture, AutoCloseable {

    private final EventLoopGroup loops =
            new MultiThreadIoEventLoopGroup(2, new DefaultThreadFactory("netty", true), NioIoHandler.newFactory());
    private boolean halfClosure;
    private Duration idleTime = Duration.ZERO;
    private @Nullable ChannelHandler next;
    private @Nullable NettyLimits limits;
    private @Nullable Channel listener;
    private volatile @Nullable ChannelPipeline youngest;

    NettyServer() {}

    NettyServer allowHalfClosure() {
        halfClosure = true;
        return this;
    }

    /** A handler behind ours; sharable. */
    NettyServer next(ChannelHandler handler) {
        next = handler;
        return this;
    }

    /** That of the connection that was accepted last. */
    ChannelPipeline pipeline() {
        return Objects.requireNonNull(youngest, "nobody has connected");
    }

    @Override
    public boolean idleTimeout(Duration limit) {
        idleTime = limit;
        return true;
    }

    @Override
    public Set<HttpProtocol> protocols() {
        return EnumSet.allOf(HttpProtocol.class);
    }

    @Override
    public int start(ExchangeHandler application) throws InterruptedException {
        return start(application, HttpProtocol.HTTP_1_1);
    }

    @Override
    public int start(ExchangeHandler application, HttpProtocol protocol) throws InterruptedException {
        NettyLimits made = NettyLimits.serving(application);
        limits = made;
        Channel bound = new ServerBootstrap()
                .group(loops)
                .channel(NioServerSocketChannel.class)
                .option(ChannelOption.SO_BACKLOG, 1024)
                .childOption(ChannelOption.ALLOW_HALF_CLOSURE, halfClosure)
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel channel) {
                        youngest = channel.pipeline();
                        if (!idleTime.isZero()) {
                            channel.pipeline()
                                    .addLast(new IdleStateHandler(0, 0, idleTime.toMillis(), TimeUnit.MILLISECONDS));
                        }
                        if (protocol == HttpProtocol.HTTP_1_1) {
                            http1(channel, made);
                        } else {
                            http2(channel, made);
                        }
                    }
                })
                .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .sync()
                .channel();
        listener = bound;
        return ((InetSocketAddress) bound.localAddress()).getPort();
    }

    private void http1(SocketChannel channel, NettyLimits made) {
        channel.pipeline().addLast(new HttpServerCodec());
        made.http1(channel.pipeline());
        if (next != null) {
            channel.pipeline().addLast(next);
        }
    }

    private void http2(SocketChannel channel, NettyLimits made) {
        channel.pipeline()
                .addLast(Http2FrameCodecBuilder.forServer()
                        .initialSettings(Http2Settings.defaultSettings().maxConcurrentStreams(1000))
                        .decoderEnforceMaxRstFramesPerWindow(100_000, 1)
                        .encoderEnforceMaxRstFramesPerWindow(100_000, 1)
                        .build());
        if (next != null) {
            made.http2(channel.pipeline(), next);
        } else {
            made.http2(channel.pipeline());
        }
    }

    @Override
    public CompletableFuture<Void> shutdown() {
        NettyLimits started = limits;
        Channel bound = listener;
        if (started == null || bound == null) {
            throw new IllegalStateException("not started");
        }
        return started.stop(bound);
    }

    @Override
    public Set<Capability> capabilities() {
        return capabilities(HttpProtocol.HTTP_1_1);
    }

    @Override
    public Set<Capability> capabilities(HttpProtocol protocol) {
        Set<Capability> all = EnumSet.allOf(Capability.class);
        if (protocol == HttpProtocol.HTTP_2) {
            all.remove(Capability.HALF_CLOSE_IS_DISCONNECT);
            return all;
        }
        all.remove(Capability.MULTIPLEXED);
        if (halfClosure) {
            all.remove(Capability.DISCONNECT_WHILE_WAITING);
            all.remove(Capability.HALF_CLOSE_IS_DISCONNECT);
        }
        return all;
    }

    @Override
    public boolean isServerThread(Thread thread) {
        return thread.getName().startsWith("netty-");
    }

    @Override
    public List<String> leakReports() {
        return LeakReports.collect();
    }

    @Override
    public void kill() {
        loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
    }

    @Override
    public void close() {
        kill();
    }
}
