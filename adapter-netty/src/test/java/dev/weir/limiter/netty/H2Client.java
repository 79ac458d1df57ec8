package dev.weir.limiter.netty;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http2.DefaultHttp2DataFrame;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.DefaultHttp2HeadersFrame;
import io.netty.handler.codec.http2.DefaultHttp2ResetFrame;
import io.netty.handler.codec.http2.Http2DataFrame;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import io.netty.handler.codec.http2.Http2GoAwayFrame;
import io.netty.handler.codec.http2.Http2Headers;
import io.netty.handler.codec.http2.Http2HeadersFrame;
import io.netty.handler.codec.http2.Http2MultiplexHandler;
import io.netty.handler.codec.http2.Http2ResetFrame;
import io.netty.handler.codec.http2.Http2StreamChannel;
import io.netty.handler.codec.http2.Http2StreamChannelBootstrap;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.StandardCharsets;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** One HTTP/2 connection in the clear, with prior knowledge. */
@SuppressWarnings("FutureReturnValueIgnored")
final class H2Client implements AutoCloseable {

    private final EventLoopGroup loop =
            new MultiThreadIoEventLoopGroup(1, new DefaultThreadFactory("h2client", true), NioIoHandler.newFactory());
    private final Channel connection;
    private final Queue<Stream> streams = new ConcurrentLinkedQueue<>();
    final CountDownLatch goAway = new CountDownLatch(1);

    H2Client(int port) {
        connection = new Bootstrap()
                .group(loop)
                .channel(NioSocketChannel.class)
                .handler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        channel.pipeline()
                                .addLast(Http2FrameCodecBuilder.forClient()
                                        .encoderEnforceMaxConcurrentStreams(true)
                                        .build())
                                .addLast(new Http2MultiplexHandler(new ChannelInboundHandlerAdapter()))
                                .addLast(new GoAways());
                    }
                })
                .connect(InetAddress.getLoopbackAddress(), port)
                .syncUninterruptibly()
                .channel();
    }

    private final class GoAways extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            if (message instanceof Http2GoAwayFrame) {
                goAway.countDown();
            }
            ReferenceCountUtil.release(message);
        }
    }

    /** Sends a request without a body. */
    Stream get(String path) {
        return new Stream("GET", path, null, true);
    }

    Stream head(String path) {
        return new Stream("HEAD", path, null, true);
    }

    /** Begins a request with a body. */
    Stream post(String path, String contentType) {
        return new Stream("POST", path, contentType, false);
    }

    boolean awaitClosed() {
        return connection.closeFuture().awaitUninterruptibly(10, TimeUnit.SECONDS);
    }

    /** Closes the connection, without a farewell. */
    void kill() {
        connection.pipeline().firstContext().close().syncUninterruptibly();
    }

    @Override
    public void close() {
        // One that has frames to read would not see its connection close, and keep them.
        streams.forEach(stream -> stream.channel.close().syncUninterruptibly());
        loop.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly();
    }

    /** One request and its response. */
    final class Stream extends ChannelInboundHandlerAdapter {
        final CompletableFuture<Integer> status = new CompletableFuture<>();
        /** The whole body; fails when the stream is reset or closed before its end. */
        final CompletableFuture<String> body = new CompletableFuture<>();
        /** The code of the reset, should one come. */
        final CompletableFuture<Long> reset = new CompletableFuture<>();

        private final ByteArrayOutputStream received = new ByteArrayOutputStream();
        private final Http2StreamChannel channel;

        Stream(String method, String path, @Nullable String contentType, boolean ends) {
            channel = new Http2StreamChannelBootstrap(connection)
                    .handler(this)
                    .open()
                    .syncUninterruptibly()
                    .getNow();
            Http2Headers headers = new DefaultHttp2Headers()
                    .method(method)
                    .path(path)
                    .scheme("http")
                    .authority("test");
            if (contentType != null) {
                headers.set("content-type", contentType);
            }
            streams.add(this);
            channel.writeAndFlush(new DefaultHttp2HeadersFrame(headers, ends));
        }

        Stream send(String bytes, boolean ends) {
            ByteBuf data = Unpooled.copiedBuffer(bytes, StandardCharsets.ISO_8859_1);
            channel.writeAndFlush(new DefaultHttp2DataFrame(data, ends));
            return this;
        }

        void reset() {
            channel.writeAndFlush(new DefaultHttp2ResetFrame(Http2Error.CANCEL));
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            try {
                if (message instanceof Http2HeadersFrame head) {
                    CharSequence code = head.headers().status();
                    if (code != null) {
                        status.complete(Integer.parseInt(code.toString()));
                    }
                    finish(head.isEndStream());
                } else if (message instanceof Http2DataFrame data) {
                    byte[] bytes = new byte[data.content().readableBytes()];
                    data.content().readBytes(bytes);
                    received.writeBytes(bytes);
                    finish(data.isEndStream());
                }
            } finally {
                ReferenceCountUtil.release(message);
            }
        }

        private void finish(boolean ended) {
            if (ended) {
                body.complete(received.toString(StandardCharsets.UTF_8));
            }
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            if (event instanceof Http2ResetFrame frame) {
                reset.complete(frame.errorCode());
            }
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            status.completeExceptionally(new ClosedChannelException());
            body.completeExceptionally(new ClosedChannelException());
            reset.completeExceptionally(new ClosedChannelException());
        }
    }
}
