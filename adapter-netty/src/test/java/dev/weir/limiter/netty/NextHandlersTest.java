package dev.weir.limiter.netty;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.Outcome;
import dev.weir.limiter.http.Routes;
import dev.weir.limiter.tck.HttpProtocol;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.EventExecutorGroup;
import io.netty.util.concurrent.NonStickyEventExecutorGroup;
import io.netty.util.concurrent.UnorderedThreadPoolEventExecutor;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Handlers that are written for Netty, behind a limiter. */
@SuppressWarnings({"FutureReturnValueIgnored", "deprecation"}) // Netty 4.2 deprecates executors of handlers
class NextHandlersTest extends ServerTest {

    /** What a user has: a handler of whole requests. Answers when it is told to. */
    private static final class Asynchronous extends SimpleChannelInboundHandler<FullHttpRequest> {
        private final BlockingQueue<Runnable> answers;

        Asynchronous(BlockingQueue<Runnable> answers) {
            this.answers = answers;
        }

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) {
            String text = request.uri() + " " + request.content().readableBytes();
            answers.add(() -> ctx.writeAndFlush(response(text)));
        }
    }

    private static DefaultFullHttpResponse response(String text) {
        ByteBuf content = Unpooled.copiedBuffer(text, StandardCharsets.UTF_8);
        DefaultFullHttpResponse response =
                new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK, content);
        response.headers().set(HttpHeaderNames.CONTENT_LENGTH, content.readableBytes());
        return response;
    }

    private static ChannelHandler initialiser(@Nullable EventExecutorGroup group, HandlerMaker... makers) {
        return new ChannelInitializer<>() {
            @Override
            protected void initChannel(Channel channel) {
                for (HandlerMaker maker : makers) {
                    channel.pipeline().addLast(group, maker.make());
                }
            }
        };
    }

    private interface HandlerMaker {
        ChannelHandler make();
    }

    private final BlockingQueue<Runnable> answers = new LinkedBlockingQueue<>();
    private final ChannelHandler aggregating =
            initialiser(null, () -> new HttpObjectAggregator(1 << 20), () -> new Asynchronous(answers));

    private Runnable nextAnswer() throws InterruptedException {
        Runnable answer = answers.poll(10, TimeUnit.SECONDS);
        assertThat(answer).isNotNull();
        return answer;
    }

    @Test
    void rule_5_2_an_asynchronous_handler_holds_its_permit_until_it_has_answered() throws Exception {
        CapacityLimiter limiter = limiter("async", 2);
        server.next(aggregating);
        int port = serve(
                HttpProtocol.HTTP_1_1,
                Routes.to("/next", NettyLimits.next(limiter)).and("/ping", PING));
        List<RawHttp> clients = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            clients.add(connect(port).post("/next", "text/plain", "x".repeat(100_000)));
        }
        awaitWaiting(limiter, 3);
        Runnable first = nextAnswer();
        Runnable second = nextAnswer();
        assertThat(answers).isEmpty();
        assertThat(limiter.statistics().inUse()).isEqualTo(2);

        first.run();
        second.run();
        for (int i = 0; i < 3; i++) {
            nextAnswer().run();
        }

        for (RawHttp client : clients) {
            assertThat(client.answer().body()).isEqualTo("/next 100000");
            assertThat(client.get("/ping").answer().body()).isEqualTo("pong");
        }
    }

    @Test
    void rule_5_4_a_refused_request_never_reaches_the_next_handlers() throws Exception {
        CapacityLimiter limiter =
                limiter(CapacityLimiter.builder("full").capacity(0).maxWaiting(0));
        server.next(aggregating);
        int port = serve(
                HttpProtocol.HTTP_1_1,
                Routes.to("/next", NettyLimits.next(limiter)).and("/free", NettyLimits.next()));
        RawHttp client = connect(port);

        assertThat(client.post("/next", "text/plain", "body").answer().status()).isEqualTo(503);

        client.post("/free", "text/plain", "other");
        nextAnswer().run();
        assertThat(client.answer().body()).isEqualTo("/free 5");
        assertThat(answers).isEmpty();
    }

    /** What the aggregator says meanwhile is no response. */
    @Test
    void rule_5_2_a_permit_is_held_over_100_continue() throws Exception {
        CapacityLimiter limiter = limiter("continued", 1);
        server.next(aggregating);
        int port = serve(HttpProtocol.HTTP_1_1, Routes.to("/next", NettyLimits.next(limiter)));
        RawHttp client = connect(port).request("POST", "/next", "Content-Length: 4", "Expect: 100-continue");

        assertThat(client.answer(false).status()).isEqualTo(100);
        assertThat(limiter.statistics().inUse()).isEqualTo(1);
        client.send("body");
        Runnable answer = nextAnswer();
        assertThat(limiter.statistics().inUse()).isEqualTo(1);
        answer.run();

        assertThat(client.answer().body()).isEqualTo("/next 4");
        awaitIdle(limiter);
    }

    @Test
    void rule_5_7_a_server_that_stops_ends_the_connection_after_the_next_handlers_answer() throws Exception {
        CapacityLimiter limiter = limiter("stopping", 1);
        server.next(aggregating);
        int port = serve(HttpProtocol.HTTP_1_1, Routes.to("/next", NettyLimits.next(limiter)));
        RawHttp client = connect(port).get("/next");
        Runnable answer = nextAnswer();

        CompletableFuture<Void> stopped = server.shutdown();
        assertThat(stopped).isNotDone();
        answer.run();

        assertThat(client.answer().header("connection")).isEqualTo("close");
        assertThat(client.isAtEnd()).isTrue();
        stopped.get(10, TimeUnit.SECONDS);
    }

    /** Writes an answer for each request, and sends what it has written when it is told that this is all for now. */
    private static final class FlushingAtTheEnd extends SimpleChannelInboundHandler<FullHttpRequest> {

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) {
            ctx.write(response(request.uri()));
        }

        @Override
        public void channelReadComplete(ChannelHandlerContext ctx) {
            ctx.flush();
            ctx.fireChannelReadComplete();
        }
    }

    @Test
    void the_next_handlers_are_told_the_end_of_reading_after_what_they_read() throws Exception {
        CapacityLimiter limiter = limiter("async", 1);
        server.next(initialiser(null, () -> new HttpObjectAggregator(1 << 20), FlushingAtTheEnd::new));
        int port = serve(HttpProtocol.HTTP_1_1, Routes.to("/*", NettyLimits.next(limiter)));
        String get = " HTTP/1.1\r\nHost: localhost\r\n\r\n";
        RawHttp client = connect(port).send("GET /1" + get + "GET /2" + get + "GET /3" + get);

        for (int i = 1; i <= 3; i++) {
            assertThat(client.answer().body()).isEqualTo("/" + i);
        }
    }

    @Test
    void rule_5_1_pipelined_requests_reach_the_next_handlers_one_by_one() throws Exception {
        CapacityLimiter limiter = limiter("async", 2);
        server.next(aggregating);
        int port = serve(HttpProtocol.HTTP_1_1, Routes.to("/*", NettyLimits.next(limiter)));
        RawHttp client = connect(port);
        for (int i = 0; i < 10; i++) {
            client.get("/" + i);
        }
        for (int i = 0; i < 10; i++) {
            Runnable answer = nextAnswer();
            assertThat(answers).isEmpty();
            answer.run();
            assertThat(client.answer().body()).isEqualTo("/" + i + " 0");
        }
    }

    @Test
    void rule_5_3_a_client_that_leaves_gives_its_permit_back_whether_it_waits_or_runs() throws Exception {
        CapacityLimiter limiter = limiter("async", 1);
        server.next(aggregating);
        int port = serve(HttpProtocol.HTTP_1_1, Routes.to("/next", NettyLimits.next(limiter)));
        RawHttp runs = connect(port).get("/next");
        nextAnswer();
        RawHttp waits = connect(port).get("/next");
        awaitWaiting(limiter, 1);

        waits.kill();
        awaitWaiting(limiter, 0);
        runs.kill();

        awaitIdle(limiter);
        assertThat(answers).isEmpty();
    }

    @Test
    void rule_5_1_streams_of_http_2_reach_the_next_handlers_under_the_limiter() throws Exception {
        CapacityLimiter limiter = limiter("async", 2);
        server.next(aggregating);
        H2Client client = connect2(serve(HttpProtocol.HTTP_2, Routes.to("/next", NettyLimits.next(limiter))));
        List<H2Client.Stream> streams = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            streams.add(client.post("/next", "text/plain").send("x".repeat(1000), true));
        }
        awaitWaiting(limiter, 4);

        for (int i = 0; i < 6; i++) {
            nextAnswer().run();
        }

        for (H2Client.Stream stream : streams) {
            assertThat(stream.body.get(10, TimeUnit.SECONDS)).isEqualTo("/next 1000");
        }
    }

    /** Answers at once, before it has seen the content. */
    private static final class Hasty extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            if (message instanceof HttpRequest) {
                ctx.writeAndFlush(response("hasty"));
            }
            ReferenceCountUtil.release(message);
        }
    }

    @Test
    void rule_5_1_an_answer_before_the_end_of_the_content_leaves_the_connection_in_step() throws Exception {
        CapacityLimiter limiter = limiter("hasty", 1);
        server.next(initialiser(null, Hasty::new));
        int port = serve(
                HttpProtocol.HTTP_1_1,
                Routes.to("/next", NettyLimits.next(limiter)).and("/ping", PING));
        RawHttp client = connect(port);

        for (int i = 0; i < 3; i++) {
            client.request("POST", "/next", "Content-Length: 200000");
            assertThat(client.answer().body()).isEqualTo("hasty");
            client.send("x".repeat(200_000));
            assertThat(client.get("/ping").answer().body()).isEqualTo("pong");
        }
    }

    @Test
    void rule_5_5_a_request_behind_one_that_was_handed_on_keeps_its_content_to_itself() throws Exception {
        server.next(aggregating);
        int port = serve(
                HttpProtocol.HTTP_1_1,
                Routes.to("/next", NettyLimits.next())
                        .and("/upload", upload(limiter("storage", 1), limiter("endpoint", 1))));
        RawHttp client = connect(port).get("/next");
        nextAnswer().run();
        assertThat(client.answer().status()).isEqualTo(200);

        client.post("/upload", BOUNDARY, multipart(1000));

        assertThat(client.answer().body()).isEqualTo("1000 bytes");
    }

    @Test
    void rule_5_6_an_exchange_ends_as_the_next_handlers_end_it() throws Exception {
        CapacityLimiter limiter = limiter("async", 1);
        BlockingQueue<Outcome> outcomes = new LinkedBlockingQueue<>();
        server.next(aggregating);
        int port = serve(HttpProtocol.HTTP_1_1, Routes.to("/next", exchange -> {
            exchange.onComplete(outcomes::add);
            NettyLimits.next(limiter).handle(exchange);
        }));
        RawHttp client = connect(port).get("/next");
        nextAnswer().run();
        assertThat(client.answer().status()).isEqualTo(200);
        assertThat(outcomes.poll(10, TimeUnit.SECONDS)).isEqualTo(Outcome.SENT);

        client.get("/next");
        Runnable answer = nextAnswer();
        server.pipeline().addFirst(new ChannelOutboundHandlerAdapter() {
            @Override
            public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
                ReferenceCountUtil.release(message);
                promise.setFailure(new IllegalStateException("the test's own"));
            }
        });
        answer.run();

        assertThat(outcomes.poll(10, TimeUnit.SECONDS)).isEqualTo(Outcome.ABORTED);
        awaitIdle(limiter);
    }

    @Test
    void a_request_that_was_made_whole_before_is_handed_on_as_head_and_content() throws Exception {
        BlockingQueue<Object> seen = new LinkedBlockingQueue<>();
        EmbeddedChannel connection = new EmbeddedChannel();
        NettyLimits.serving(NettyLimits.next()).http1(connection.pipeline());
        connection.pipeline().addLast(new Recording(seen));

        connection.writeInbound(new DefaultFullHttpRequest(
                HttpVersion.HTTP_1_1, HttpMethod.POST, "/", Unpooled.wrappedBuffer(new byte[10])));

        assertThat(seen.poll()).isInstanceOf(HttpRequest.class).isNotInstanceOf(FullHttpRequest.class);
        assertThat(seen.poll()).isInstanceOf(LastHttpContent.class).satisfies(ReferenceCountUtil::release);
        connection.finishAndReleaseAll();
    }

    /** Blocks, as handlers must not on an event loop. */
    private static final class Blocking extends SimpleChannelInboundHandler<FullHttpRequest> {
        private final CountDownLatch open;
        private final BlockingQueue<Thread> threads;

        Blocking(CountDownLatch open, BlockingQueue<Thread> threads) {
            this.open = open;
            this.threads = threads;
        }

        @Override
        protected void channelRead0(ChannelHandlerContext ctx, FullHttpRequest request) throws Exception {
            threads.add(Thread.currentThread());
            assertThat(open.await(60, TimeUnit.SECONDS)).isTrue();
            ctx.writeAndFlush(response("unblocked"));
        }
    }

    @Test
    void rule_5_1_blocking_handlers_with_an_executor_of_as_many_threads_as_permits_stall_nobody() throws Exception {
        CapacityLimiter limiter = limiter("blocking", 3);
        CountDownLatch open = new CountDownLatch(1);
        BlockingQueue<Thread> threads = new LinkedBlockingQueue<>();
        UnorderedThreadPoolEventExecutor pool = new UnorderedThreadPoolEventExecutor(3);
        client((AutoCloseable)
                () -> pool.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly());
        server.next(initialiser(
                new NonStickyEventExecutorGroup(pool),
                () -> new HttpObjectAggregator(1 << 20),
                () -> new Blocking(open, threads)));
        int port = serve(
                HttpProtocol.HTTP_1_1,
                Routes.to("/next", NettyLimits.next(limiter)).and("/ping", PING));
        List<RawHttp> clients = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            clients.add(connect(port).get("/next"));
        }
        await(() -> threads.size() == 3);
        awaitWaiting(limiter, 17);
        assertThat(connect(port).get("/ping").answer().body()).isEqualTo("pong");

        open.countDown();

        for (RawHttp client : clients) {
            assertThat(client.answer().body()).isEqualTo("unblocked");
        }
        assertThat(threads).noneMatch(server::isServerThread);
    }

    /** Switches to a protocol that echoes. */
    private static final class Echo extends ChannelInboundHandlerAdapter {
        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            if (message instanceof HttpRequest) {
                DefaultFullHttpResponse switching = new DefaultFullHttpResponse(
                        HttpVersion.HTTP_1_1, HttpResponseStatus.SWITCHING_PROTOCOLS, Unpooled.EMPTY_BUFFER);
                switching.headers().set(HttpHeaderNames.UPGRADE, "echo").set(HttpHeaderNames.CONNECTION, "upgrade");
                ctx.writeAndFlush(switching).addListener((ChannelFutureListener) done -> {
                    ctx.pipeline().remove(HttpServerCodec.class);
                });
            } else if (message instanceof ByteBuf) {
                ctx.writeAndFlush(message);
                return;
            }
            ReferenceCountUtil.release(message);
        }
    }

    @Test
    void rule_5_2_a_switch_of_protocols_ends_the_exchange_and_leaves_the_channel_to_the_next_handlers()
            throws Exception {
        CapacityLimiter limiter = limiter("upgrade", 1);
        server.next(initialiser(null, Echo::new));
        int port = serve(HttpProtocol.HTTP_1_1, Routes.to("/echo", NettyLimits.next(limiter)));
        RawHttp client = connect(port).get("/echo", "Connection: upgrade", "Upgrade: echo");

        assertThat(client.answer(false).status()).isEqualTo(101);
        awaitIdle(limiter);
        for (int i = 0; i < 10; i++) {
            client.send("hello");
            assertThat(new String(client.exactly(5), StandardCharsets.UTF_8)).isEqualTo("hello");
        }
        assertThat(server.pipeline().get(Http1Channel.class)).isNull();
        assertThat(server.pipeline().channel().config().isAutoRead()).isTrue();

        server.shutdown().get(10, TimeUnit.SECONDS);
        client.send("still");
        assertThat(new String(client.exactly(5), StandardCharsets.UTF_8)).isEqualTo("still");
    }

    private static final class Recording extends ChannelInboundHandlerAdapter {
        private final BlockingQueue<Object> seen;

        Recording(BlockingQueue<Object> seen) {
            this.seen = seen;
        }

        @Override
        public void channelActive(ChannelHandlerContext ctx) {
            seen.add("active");
        }

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) {
            seen.add(message);
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
            seen.add(event);
        }

        @Override
        public void channelInactive(ChannelHandlerContext ctx) {
            seen.add("inactive");
        }
    }

    @Test
    void the_next_handlers_see_all_of_a_channel_that_is_not_http() throws Exception {
        BlockingQueue<Object> seen = new LinkedBlockingQueue<>();
        server.next(initialiser(null, () -> new Recording(seen)));
        RawHttp client = connect(serve(HttpProtocol.HTTP_1_1, Routes.to("/ping", PING)));
        assertThat(client.get("/ping").answer().body()).isEqualTo("pong");

        server.pipeline().fireChannelRead("a message").fireUserEventTriggered("an event");
        client.close();

        for (String expected : List.of("active", "a message", "an event", "inactive")) {
            assertThat(seen.poll(10, TimeUnit.SECONDS)).isEqualTo(expected);
        }
    }
}
