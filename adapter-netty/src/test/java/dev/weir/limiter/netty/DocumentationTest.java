package dev.weir.limiter.netty;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.http.Endpoint;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Routes;
import dev.weir.limiter.http.UploadEndpoint;
import dev.weir.limiter.http.UploadLimits;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.socket.SocketChannel;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpServerKeepAliveHandler;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The page on Netty shows code that compiles: its Java blocks stand below, sign for sign. */
class DocumentationTest {

    private static final Pattern BLOCK = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL);

    @Test
    void every_block_of_the_page_is_compiled_code() throws IOException {
        String page = Files.readString(Path.of("../docs/adapters/netty.md"));
        String source = signs(Files.readString(Path.of("src/test/java/dev/weir/limiter/netty/DocumentationTest.java")));

        assertThat(BLOCK.matcher(page).results().map((MatchResult block) -> signs(block.group(1))))
                .hasSizeGreaterThan(4)
                .allSatisfy(block -> assertThat(source).contains(block));
    }

    private static String signs(String code) {
        return code.replaceAll("\\s+", "");
    }

    // ------------------------------------------------------------------ the blocks

    static NettyLimits portable(LimiterScope scope, CapacityLimiter reports, Endpoint report, UploadEndpoint store) {
        NettyLimits limits = NettyLimits.serving(Routes.to(
                        "/hello", ExchangeHandler.endpoint(scope, exchange -> Exchanges.text(exchange, 200, hello())))
                .and("/reports/*", ExchangeHandler.endpoint(reports, report)) // a limiter of its own
                .and("/upload", ExchangeHandler.upload(scope, UploadLimits.defaults(), store))
                .and("/health", exchange -> Exchanges.text(exchange, 200, "up"))); // outside every limiter
        return limits;
    }

    private static String hello() {
        return "hello";
    }

    static ChannelInitializer<SocketChannel> http1(NettyLimits limits) {
        return new ChannelInitializer<>() {
            @Override
            protected void initChannel(SocketChannel channel) {
                channel.pipeline().addLast(new HttpServerCodec());
                limits.http1(channel.pipeline());
            }
        };
    }

    static ChannelInitializer<SocketChannel> http2(NettyLimits limits) {
        return new ChannelInitializer<>() {
            @Override
            protected void initChannel(SocketChannel channel) {
                channel.pipeline().addLast(Http2FrameCodecBuilder.forServer().build());
                limits.http2(channel.pipeline());
            }
        };
    }

    static NettyLimits mixed(LimiterScope scope, UploadEndpoint store) {
        NettyLimits limits =
                NettyLimits.serving(Routes.to("/upload", ExchangeHandler.upload(scope, UploadLimits.defaults(), store))
                        .and("/health", NettyLimits.next()) // under no limiter
                        .otherwise(NettyLimits.next(scope.endpoints())));
        return limits;
    }

    static void handlers(NettyLimits limits, SocketChannel channel) {
        channel.pipeline().addLast(new HttpServerCodec());
        limits.http1(channel.pipeline());
        channel.pipeline()
                .addLast(new HttpServerKeepAliveHandler(), new HttpObjectAggregator(65_536), new YourHandler());
    }

    private static final class YourHandler extends ChannelInboundHandlerAdapter {}

    static void stop(NettyLimits limits, Channel listener) throws Exception {
        limits.stop(listener).get(30, TimeUnit.SECONDS);
    }
}
