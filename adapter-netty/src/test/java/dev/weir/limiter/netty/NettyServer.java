package dev.weir.limiter.netty;

import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.tck.ServerFixture;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2Settings;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A server on the loopback interface, as a user would set one up. */
final class NettyServer implements ServerFixture {

    enum Protocol {
        HTTP_1,
        HTTP_2
    }

    private final Protocol protocol;
    private final EventLoopGroup loops =
            new MultiThreadIoEventLoopGroup(2, new DefaultThreadFactory("netty", true), NioIoHandler.newFactory());
    private boolean halfClosure;
    private @Nullable ChannelHandler next;
    private @Nullable NettyLimits limits;
    private @Nullable Channel listener;

    NettyServer(Protocol protocol) {
        this.protocol = protocol;
    }

    NettyServer allowHalfClosure() {
        halfClosure = true;
        return this;
    }

    /** Handlers behind ours. */
    NettyServer next(ChannelHandler handler) {
        next = handler;
        return this;
    }

    @Override
    public int start(ExchangeHandler application) throws InterruptedException {
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
                        initialise(channel, made);
                    }
                })
                .bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .sync()
                .channel();
        listener = bound;
        return ((InetSocketAddress) bound.localAddress()).getPort();
    }

    private void initialise(SocketChannel channel, NettyLimits made) {
        ChannelHandler behind = next;
        if (protocol == Protocol.HTTP_1) {
            channel.pipeline().addLast(new HttpServerCodec());
            made.http1(channel.pipeline());
            if (behind != null) {
                channel.pipeline().addLast(behind);
            }
            return;
        }
        channel.pipeline()
                .addLast(Http2FrameCodecBuilder.forServer()
                        .initialSettings(Http2Settings.defaultSettings().maxConcurrentStreams(1000))
                        .build());
        if (behind == null) {
            made.http2(channel.pipeline());
        } else {
            made.http2(channel.pipeline(), behind);
        }
    }

    EventLoopGroup loops() {
        return loops;
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
        Set<Capability> all = EnumSet.allOf(Capability.class);
        if (protocol == Protocol.HTTP_1) {
            all.remove(Capability.MULTIPLEXED);
            if (halfClosure) {
                all.remove(Capability.DISCONNECT_WHILE_WAITING);
                all.remove(Capability.HALF_CLOSE_IS_DISCONNECT);
            }
        } else {
            all.remove(Capability.HALF_CLOSE_IS_DISCONNECT);
        }
        return all;
    }

    @Override
    public boolean isServerThread(Thread thread) {
        return thread.getName().startsWith("netty-");
    }

    @Override
    public void kill() throws InterruptedException {
        Channel bound = listener;
        if (bound != null) {
            bound.close().sync();
        }
        loops.shutdownGracefully(0, 5, TimeUnit.SECONDS).sync();
    }
}
