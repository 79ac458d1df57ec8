package dev.weir.limiter.netty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.MalformedBodyException;
import dev.weir.limiter.http.Outcome;
import dev.weir.limiter.http.Routes;
import dev.weir.limiter.tck.HttpProtocol;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.Test;

/** What is Netty's own about HTTP/1.1. The contract of adapters has the rest. */
class Http1Test extends ServerTest {

    private final Held held = new Held();

    private int serve(Routes routes) throws InterruptedException {
        return serve(HttpProtocol.HTTP_1_1, routes.and("/ping", PING));
    }

    // ------------------------------------------------------------------ order

    @Test
    void rule_5_1_a_pipelined_request_does_not_run_before_its_turn() throws Exception {
        CapacityLimiter limiter = limiter("turns", 2);
        Held second = new Held();
        second.letGo();
        int port = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held))
                .and("/second", ExchangeHandler.endpoint(limiter, second)));
        RawHttp client = connect(port).get("/held").get("/second");
        held.awaitEntered(1);
        assertThat(connect(port).get("/ping").answer().status()).isEqualTo(200);

        assertThat(second.calls).hasValue(0);

        held.letGo();
        assertThat(client.answer().status()).isEqualTo(200);
        assertThat(client.answer().status()).isEqualTo(200);
    }

    // ------------------------------------------------------------------ clients that leave

    @Test
    void rule_5_3_a_client_that_closes_while_queued_is_withdrawn_even_with_a_body_and_more_requests_sent()
            throws Exception {
        CapacityLimiter limiter = limiter("withdrawn", 1);
        int port = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        RawHttp first = connect(port).get("/held");
        held.awaitEntered(1);
        RawHttp leaves = connect(port).post("/held", "text/plain", "x".repeat(5_000));
        leaves.get("/ping");
        awaitWaiting(limiter, 1);

        leaves.close();

        awaitWaiting(limiter, 0);
        held.letGo();
        assertThat(first.answer().status()).isEqualTo(200);
        awaitIdle(limiter);
        assertThat(held.calls).hasValue(1);
        assertThat(limiter.statistics().withdrawn()).isEqualTo(1);
    }

    @Test
    void rule_5_3_a_half_closed_client_is_answered_where_half_closure_is_allowed() throws Exception {
        server.allowHalfClosure();
        CapacityLimiter limiter = limiter("patient", 1);
        int port = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        RawHttp client = connect(port).get("/held").get("/ping");
        held.awaitEntered(1);

        client.shutdownOutput();
        held.letGo();

        assertThat(client.answer().body()).isEqualTo("held ");
        assertThat(client.answer().body()).isEqualTo("pong");
        assertThat(client.isAtEnd()).isTrue();
    }

    @Test
    void rule_5_3_an_idle_connection_is_closed_and_one_whose_request_waits_is_not() throws Exception {
        server.idleTimeout(Duration.ofMillis(100));
        CapacityLimiter limiter = limiter("idle", 1);
        int port = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        RawHttp running = connect(port).get("/held");
        held.awaitEntered(1);
        RawHttp waiting = connect(port).get("/held");
        awaitWaiting(limiter, 1);

        assertThat(connect(port).isAtEnd()).isTrue(); // several idle times later, since it connected after them
        assertThat(connect(port).isAtEnd()).isTrue();

        held.letGo();
        assertThat(running.answer().status()).isEqualTo(200);
        assertThat(waiting.answer().status()).isEqualTo(200);
    }

    @Test
    void rule_5_3_a_client_that_half_closes_an_idle_connection_is_let_off_where_half_closure_is_allowed()
            throws Exception {
        server.allowHalfClosure();
        RawHttp client = connect(serve(Routes.to(
                "/capabilities",
                exchange ->
                        Exchanges.text(exchange, 200, exchange.capabilities().toString()))));
        assertThat(client.get("/capabilities").answer().body()).doesNotContain("DISCONNECT");

        client.shutdownOutput();

        assertThat(client.isAtEnd()).isTrue();
    }

    @Test
    void rule_5_3_a_response_whose_handler_takes_its_time_between_two_writes_is_not_idle() throws Exception {
        server.idleTimeout(Duration.ofMillis(100));
        CompletableFuture<Exchange> begunExchange = new CompletableFuture<>();
        int port = serve(Routes.to("/slow", begins(Headers.of("Content-Length", "2"), 1, begunExchange)));
        RawHttp client = connect(port).get("/slow");
        Exchange exchange = begunExchange.get(10, TimeUnit.SECONDS);

        assertThat(connect(port).isAtEnd()).isTrue(); // several idle times later
        assertThat(connect(port).isAtEnd()).isTrue();

        exchange.write(ByteBuffer.wrap(new byte[1]), true);
        assertThat(client.answer().status()).isEqualTo(200);
    }

    /** As when a worker writes while the event loop learns that the client has left. */
    @Test
    void rule_5_3_reads_and_writes_that_come_behind_the_end_of_their_connection_fail() throws Exception {
        CompletableFuture<Exchange> kept = new CompletableFuture<>();
        int port = serve(Routes.to("/keep", kept::complete));
        connect(port).post("/keep", "text/plain", "");
        Exchange exchange = kept.get(10, TimeUnit.SECONDS);
        ChannelPipeline pipeline = server.pipeline();
        CompletableFuture<Void> asked = new CompletableFuture<>();
        pipeline.channel().eventLoop().execute(() -> {
            asked.orTimeout(10, TimeUnit.SECONDS).join();
            pipeline.fireExceptionCaught(new IllegalStateException("the test's own"));
        });

        CompletableFuture<?> read = exchange.read().toCompletableFuture();
        CompletableFuture<?> written =
                exchange.write(ByteBuffer.wrap(new byte[1]), true).toCompletableFuture();
        asked.complete(null);

        assertThat(read).failsWithin(Duration.ofSeconds(10));
        assertThat(written).failsWithin(Duration.ofSeconds(10));
    }

    @Test
    void rule_5_6_a_response_whose_client_leaves_before_it_has_been_taken_is_not_sent() throws Exception {
        CompletableFuture<Outcome> outcome = new CompletableFuture<>();
        int port = serve(Routes.to("/large", exchange -> {
            exchange.onComplete(outcome::complete);
            Exchanges.bytes(exchange, 200, "text/plain", new byte[64 << 20]);
        }));
        RawHttp client = connect(port).get("/large");
        client.line();

        client.kill();

        assertThat(outcome.get(10, TimeUnit.SECONDS)).isEqualTo(Outcome.ABORTED);
    }

    @Test
    void rule_5_3_a_client_that_stops_sending_its_body_is_cut_by_the_idle_time() throws Exception {
        server.idleTimeout(Duration.ofMillis(100));
        CapacityLimiter storage = limiter("storage", 1);
        int port = serve(Routes.to("/upload", upload(storage, limiter("endpoint", 1))));
        RawHttp client = connect(port)
                .request("POST", "/upload", "Content-Type: " + BOUNDARY, "Content-Length: 5000")
                .send(multipart(1000).substring(0, 500));

        assertThat(client.isAtEnd()).isTrue();
    }

    @Test
    void rule_5_3_a_client_that_stops_reading_is_cut_by_the_idle_time() throws Exception {
        server.idleTimeout(Duration.ofMillis(100));
        CompletableFuture<Throwable> cut = new CompletableFuture<>();
        int port = serve(Routes.to("/endless", exchange -> {
            exchange.onAbort(cut::complete);
            exchange.respond(200, Headers.of());
            writeOn(exchange);
        }));
        RawHttp client = connect(port).get("/endless");

        assertThat(cut).succeedsWithin(Duration.ofSeconds(10));
        client.kill();
    }

    private static void writeOn(Exchange exchange) {
        exchange.write(ByteBuffer.allocate(64 * 1024), false).thenRun(() -> writeOn(exchange));
    }

    @Test
    void rule_5_3_a_failure_in_the_pipeline_ends_a_connection_whose_request_waits() throws Exception {
        CapacityLimiter limiter = limiter("waits", 0);
        int port = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        RawHttp client = connect(port).get("/held");
        awaitWaiting(limiter, 1);

        server.pipeline().fireExceptionCaught(new IllegalStateException("the test's own"));

        awaitWaiting(limiter, 0);
        assertThat(client.isAtEnd()).isTrue();
    }

    @Test
    void rule_5_3_a_request_that_waits_leaves_with_its_handler() throws Exception {
        CapacityLimiter limiter = limiter("waits", 0);
        int port = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        connect(port).get("/held");
        awaitWaiting(limiter, 1);

        server.pipeline().remove(Http1Channel.class);

        awaitWaiting(limiter, 0);
    }

    // ------------------------------------------------------------------ refusals and connections

    @Test
    void rule_5_4_a_small_body_that_comes_after_the_refusal_is_dropped_and_the_connection_kept() throws Exception {
        CapacityLimiter limiter =
                limiter(CapacityLimiter.builder("full").capacity(0).maxWaiting(0));
        int port = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        RawHttp client = connect(port).request("POST", "/held", "Content-Length: 60000");

        assertThat(client.answer().status()).isEqualTo(503);

        assertThat(client.send("x".repeat(60_000)).get("/ping").answer().body()).isEqualTo("pong");
    }

    @Test
    void rule_5_4_a_refusal_keeps_the_connection_if_no_more_than_64_kib_are_missing() throws Exception {
        CapacityLimiter limiter =
                limiter(CapacityLimiter.builder("full").capacity(0).maxWaiting(0));
        int port = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        RawHttp small = connect(port).request("POST", "/held", "Content-Length: 65536");
        RawHttp large = connect(port).request("POST", "/held", "Content-Length: 65537");

        assertThat(small.answer().header("connection")).isEmpty();
        assertThat(large.answer().header("connection")).isEqualTo("close");

        assertThat(small.send("x".repeat(65_536)).get("/ping").answer().body()).isEqualTo("pong");
    }

    /** It may send its body or not: what comes next could be either. */
    @Test
    void rule_5_4_a_refused_client_that_waits_to_be_told_to_send_its_body_is_not_kept() throws Exception {
        CapacityLimiter limiter =
                limiter(CapacityLimiter.builder("full").capacity(0).maxWaiting(0));
        int port = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        RawHttp client = connect(port).request("POST", "/held", "Content-Length: 10", "Expect: 100-continue");

        RawHttp.Answer answer = client.answer();

        assertThat(answer.status()).isEqualTo(503);
        assertThat(answer.header("connection")).isEqualTo("close");
    }

    @Test
    void rule_5_4_a_client_that_was_answered_instead_of_told_to_send_its_body_is_not_kept() throws Exception {
        int port = serve(Routes.to("/early", exchange -> {
            exchange.respond(200, Headers.of());
            exchange.write(ByteBuffer.wrap(new byte[3]), false).thenRun(() -> {
                exchange.read();
                exchange.write(ByteBuffer.allocate(0), true);
            });
        }));
        RawHttp client = connect(port).request("POST", "/early", "Content-Length: 10", "Expect: 100-continue");

        assertThat(client.answer().status()).isEqualTo(200);

        assertThat(client.isAtEnd()).isTrue();
    }

    /** Closed at once, it would be reset. */
    @Test
    void rule_5_4_a_client_that_sends_more_requests_than_are_answered_reads_its_answer_and_the_end() throws Exception {
        int port = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter("last", 1), held)));
        RawHttp client =
                connect(port).get("/held", "Connection: close").post("/ping", "text/plain", "x".repeat(100_000));
        held.awaitEntered(1);

        held.letGo();

        assertThat(client.answer().status()).isEqualTo(200);
        assertThat(client.isAtEnd()).isTrue();
    }

    /** Netty's codec refuses by itself a request whose body could end in two places, unless it was told not to. */
    @Test
    void rule_5_4_the_rest_of_a_body_that_is_malformed_ends_the_connection() {
        HttpDecoderConfig lenient = new HttpDecoderConfig().setUseRfc9112TransferEncoding(false);
        EmbeddedChannel connection = new EmbeddedChannel(new HttpServerCodec(lenient));
        NettyLimits.serving(PING).http1(connection.pipeline());
        receive(
                connection,
                "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n");
        assertThat(connection.outboundMessages()).as("the answer").isNotEmpty();
        assertThat(connection.isOpen()).isTrue();

        receive(connection, "nonsense\r\n");

        assertThat(connection.isOpen()).isFalse();
        connection.finishAndReleaseAll();
    }

    private static void receive(EmbeddedChannel connection, String text) {
        connection.writeInbound(Unpooled.copiedBuffer(text, StandardCharsets.US_ASCII));
    }

    /** Whose large body was refused, and who sends on: it may read its refusal first. */
    private RawHttp refused(int port) throws IOException {
        RawHttp client = connect(port).request("POST", "/held", "Content-Length: 10000000");
        RawHttp.Answer answer = client.answer();
        assertThat(answer.status()).isEqualTo(503);
        assertThat(answer.header("connection")).isEqualTo("close");
        return client;
    }

    @Test
    void rule_5_4_a_refused_client_that_sends_on_is_let_off_when_it_has_stopped() throws Exception {
        server.allowHalfClosure();
        CapacityLimiter limiter =
                limiter(CapacityLimiter.builder("full").capacity(0).maxWaiting(0));
        RawHttp client = refused(serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held))));
        assertThat(server.pipeline().channel().isOpen()).isTrue();

        client.send("x".repeat(100_000)).shutdownOutput();

        await(() -> !server.pipeline().channel().isOpen());
    }

    @Test
    void rule_5_4_a_failure_in_the_pipeline_does_not_cut_a_refused_client_that_sends_on() throws Exception {
        CapacityLimiter limiter =
                limiter(CapacityLimiter.builder("full").capacity(0).maxWaiting(0));
        RawHttp client = refused(serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held))));
        ChannelPipeline pipeline = server.pipeline();
        await(() -> pipeline.channel().config().isAutoRead()); // lingering

        pipeline.fireExceptionCaught(new IllegalStateException("the test's own"));

        pipeline.channel().eventLoop().submit(() -> {}).get(10, TimeUnit.SECONDS);
        assertThat(pipeline.channel().isOpen()).isTrue();
        client.kill();
    }

    @Test
    void rule_5_4_what_a_refused_client_sends_on_is_released_at_once() throws Exception {
        CapacityLimiter limiter =
                limiter(CapacityLimiter.builder("full").capacity(0).maxWaiting(0));
        RawHttp client = refused(serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held))));
        ChannelPipeline pipeline = server.pipeline();
        await(() -> pipeline.channel().config().isAutoRead()); // lingering
        DefaultHttpContent content = new DefaultHttpContent(Unpooled.buffer(1));

        pipeline.context(HttpServerCodec.class).fireChannelRead(content);

        pipeline.channel().eventLoop().submit(() -> {}).get(10, TimeUnit.SECONDS);
        assertThat(content.refCnt()).isZero();
        client.kill();
    }

    @Test
    void rule_5_5_a_connection_is_kept_if_little_of_the_body_is_missing_when_the_response_ends() throws Exception {
        int port = serve(Routes.to("/first", exchange -> readThenAnswer(exchange, 80_000)));
        RawHttp client = connect(port)
                .request("POST", "/first", "Content-Length: 100000")
                .send("x".repeat(80_000));

        assertThat(client.answer().header("connection")).isEmpty();

        assertThat(client.send("x".repeat(20_000)).get("/ping").answer().body()).isEqualTo("pong");
    }

    private static void readThenAnswer(Exchange exchange, int missing) {
        if (missing == 0) {
            Exchanges.text(exchange, 200, "");
        } else {
            exchange.read()
                    .thenAccept(data -> readThenAnswer(
                            exchange, missing - data.orElseThrow().remaining()));
        }
    }

    @Test
    void rule_5_5_a_response_in_pieces_decides_at_its_end_whether_the_connection_is_kept() throws Exception {
        CompletableFuture<Exchange> begunExchange = new CompletableFuture<>();
        int port = serve(Routes.to("/pieces", begins(Headers.of(), 1, begunExchange)));
        RawHttp unread = connect(port).request("POST", "/pieces", "Content-Length: 100000");

        begunExchange.get(10, TimeUnit.SECONDS).write(ByteBuffer.allocate(0), true);

        assertThat(unread.answer().header("connection"))
                .as("said before it was known")
                .isEmpty();
        assertThat(unread.isAtEnd()).isTrue();
    }

    @Test
    void a_connection_whose_client_has_said_all_is_closed_without_waiting_for_the_client() throws Exception {
        RawHttp client = connect(serve(Routes.to("/*", PING))).get("/ping", "Connection: close");

        assertThat(client.answer().status()).isEqualTo(200);

        await(() -> !server.pipeline().channel().isOpen());
    }

    @Test
    void many_requests_that_are_read_at_once_are_answered_without_nesting() {
        EmbeddedChannel connection = new EmbeddedChannel();
        NettyLimits.serving(PING).http1(connection.pipeline());
        Object[] requests = new Object[10_000];
        Arrays.setAll(requests, i -> new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, "/"));

        connection.writeInbound(requests);

        assertThat(connection.outboundMessages()).hasSize(10_000);
        connection.finishAndReleaseAll();
    }

    @Test
    void connections_end_when_the_request_or_the_response_says_so() throws Exception {
        int port = serve(Routes.to(
                "/close", exchange -> Exchanges.send(exchange, 200, Headers.of("Connection", "close"), new byte[3])));

        RawHttp asked = connect(port).get("/ping", "Connection: close");
        assertThat(asked.answer().header("connection")).isEqualTo("close");
        assertThat(asked.isAtEnd()).isTrue();

        RawHttp told = connect(port).get("/close");
        assertThat(told.answer().header("connection")).isEqualTo("close");
        assertThat(told.isAtEnd()).isTrue();

        RawHttp old = connect(port).send("GET /ping HTTP/1.0\r\n\r\n");
        assertThat(old.answer().header("connection")).isEqualTo("close");
        assertThat(old.isAtEnd()).isTrue();

        RawHttp kept = connect(port).send("GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assertThat(kept.answer().header("connection")).isEqualTo("keep-alive");
        assertThat(kept.get("/ping").answer().body()).isEqualTo("pong");
    }

    @Test
    void a_response_says_when_it_was_made_unless_its_handler_does() throws Exception {
        int port = serve(
                Routes.to("/then", exchange -> Exchanges.send(exchange, 200, Headers.of("Date", "then"), new byte[3])));
        RawHttp client = connect(port);
        assertThat(client.get("/then").answer().header("date")).isEqualTo("then");

        Instant before = Instant.now().truncatedTo(ChronoUnit.SECONDS);
        String first = client.get("/ping").answer().header("date");
        assertThat(Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(first)))
                .isBetween(before, Instant.now());
        await(() -> !client.get("/ping").answer().header("date").equals(first));
    }

    @Test
    void a_malformed_request_is_400_in_its_turn_and_ends_the_connection() throws Exception {
        CapacityLimiter limiter = limiter("turns", 1);
        int port = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        RawHttp client = connect(port).get("/held").send("no request at all\r\n\r\n");
        held.awaitEntered(1);
        held.letGo();

        assertThat(client.answer().status()).isEqualTo(200);
        RawHttp.Answer answer = client.answer();
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.header("connection")).isEqualTo("close");
        assertThat(client.isAtEnd()).isTrue();
        begun.incrementAndGet(); // the malformed one has an exchange, but no route saw it
        completed.incrementAndGet();
    }

    @Test
    void the_target_may_name_scheme_and_host() throws Exception {
        int port = serve(Routes.to(
                        "/where",
                        exchange -> Exchanges.text(
                                exchange,
                                200,
                                exchange.path() + " " + exchange.query().orElse("-")))
                .and("/", exchange -> Exchanges.text(exchange, 200, "root")));

        assertThat(connect(port).get("http://test/where?a=b").answer().body()).isEqualTo("/where a=b");
        assertThat(connect(port).get("/where").answer().body()).isEqualTo("/where -");
        assertThat(connect(port).get("/where?url=http://test/").answer().body()).isEqualTo("/where url=http://test/");
        assertThat(connect(port).get("http://test").answer().body()).isEqualTo("root");
    }

    // ------------------------------------------------------------------ streams

    @Test
    void a_stream_to_http_1_0_ends_with_its_connection_even_if_that_was_to_be_kept() throws Exception {
        int port = serve(Routes.to("/stream", exchange -> {
            exchange.respond(200, Headers.of());
            exchange.write(ByteBuffer.wrap(new byte[3]), false)
                    .thenRun(() -> exchange.write(ByteBuffer.allocate(0), true));
        }));
        RawHttp client = connect(port).send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");

        RawHttp.Answer answer = client.answer();

        assertThat(answer.header("connection")).isEqualTo("close");
        assertThat(answer.body()).hasSize(3);
    }

    @Test
    void rule_5_6_a_stream_to_http_1_0_that_fails_is_reset_since_its_end_would_look_whole() throws Exception {
        CapacityLimiter limiter = limiter("streaming", 1);
        CompletableFuture<Exchange> begunExchange = new CompletableFuture<>();
        int port = serve(Routes.to("/fails", begins(Headers.of(), 10, begunExchange)));
        RawHttp client = connect(port).send("GET /fails HTTP/1.0\r\n\r\n");
        while (!client.line().isEmpty()) {
            // the head
        }
        client.exactly(10);

        begunExchange.get(10, TimeUnit.SECONDS).abort(new IOException("the test's own"));

        assertThatThrownBy(client::isAtEnd).isInstanceOf(IOException.class).hasMessageContaining("reset");
        awaitIdle(limiter);
    }

    /** A reset would take what the client has not read yet. */
    @Test
    void rule_5_6_a_stream_that_fails_is_closed_before_its_last_chunk_and_not_reset() throws Exception {
        CompletableFuture<Exchange> begunExchange = new CompletableFuture<>();
        int port = serve(Routes.to("/fails", begins(Headers.of(), 10, begunExchange)));
        RawHttp client = connect(port).get("/fails");
        assertThat(client.answer(false).header("transfer-encoding")).isEqualTo("chunked");

        begunExchange.get(10, TimeUnit.SECONDS).abort(new IOException("the test's own"));

        assertThat(client.line()).isEqualTo("a");
        client.exactly(12);
        assertThat(client.isAtEnd()).isTrue();
    }

    // ------------------------------------------------------------------ channels

    @SuppressWarnings("FutureReturnValueIgnored") // waited for
    private EventLoopGroup loop() {
        EventLoopGroup loop =
                new MultiThreadIoEventLoopGroup(1, new DefaultThreadFactory("other", true), NioIoHandler.newFactory());
        client((AutoCloseable)
                () -> loop.shutdownGracefully(0, 5, TimeUnit.SECONDS).syncUninterruptibly());
        return loop;
    }

    /** As behind TLS, where the protocol is known only then. */
    @Test
    void a_channel_that_is_open_already_is_served() throws Exception {
        NettyLimits limits = NettyLimits.serving(PING);
        Channel listener = new ServerBootstrap()
                .group(loop())
                .channel(NioServerSocketChannel.class)
                .childHandler(new ChannelInboundHandlerAdapter() {
                    @Override
                    public void channelActive(ChannelHandlerContext ctx) {
                        ctx.pipeline().addLast(new HttpServerCodec());
                        limits.http1(ctx.pipeline());
                    }
                })
                .bind(InetAddress.getLoopbackAddress(), 0)
                .sync()
                .channel();

        RawHttp client = connect(((InetSocketAddress) listener.localAddress()).getPort());

        assertThat(client.get("/").answer().body()).isEqualTo("pong");
    }

    @Test
    void a_channel_that_is_not_open_yet_is_served_when_it_is() throws Exception {
        NettyLimits limits = NettyLimits.serving(PING);
        try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Channel channel = new Bootstrap()
                    .group(loop())
                    .channel(NioSocketChannel.class)
                    .handler(new ChannelInitializer<Channel>() {
                        @Override
                        protected void initChannel(Channel channel) {
                            channel.pipeline().addLast(new HttpServerCodec());
                            limits.http1(channel.pipeline());
                        }
                    })
                    .connect(listener.getLocalSocketAddress())
                    .sync()
                    .channel();

            RawHttp client = client(new RawHttp(listener.accept()));

            assertThat(client.get("/").answer().body()).isEqualTo("pong");
            assertThat(channel.isActive()).isTrue();
        }
    }

    // ------------------------------------------------------------------ bodies

    /** Reads a body to its end on a worker, and answers with its length. */
    private static ExchangeHandler counting(CapacityLimiter limiter) {
        return ExchangeHandler.endpoint(limiter, exchange -> {
            long length = 0;
            for (Optional<ByteBuffer> data = read(exchange); data.isPresent(); data = read(exchange)) {
                length += data.get().remaining();
            }
            assertThat(read(exchange)).isEmpty();
            Exchanges.text(exchange, 200, Long.toString(length));
        });
    }

    private static Optional<ByteBuffer> read(Exchange exchange)
            throws InterruptedException, TimeoutException, IOException {
        try {
            return exchange.read().toCompletableFuture().get(10, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw new IOException("while reading", e.getCause());
        }
    }

    @Test
    void rule_5_5_bodies_are_read_with_a_length_in_chunks_or_empty() throws Exception {
        int port = serve(Routes.to("/count", counting(limiter("endpoint", 1))));
        RawHttp client = connect(port);

        assertThat(client.post("/count", "text/plain", "x".repeat(3_000_000))
                        .answer()
                        .body())
                .isEqualTo("3000000");
        client.request("POST", "/count", "Transfer-Encoding: chunked");
        for (int i = 0; i < 1000; i++) {
            client.send("a\r\n0123456789\r\n");
        }
        assertThat(client.send("0\r\n\r\n").answer().body()).isEqualTo("10000");
        assertThat(client.get("/count").answer().body()).isEqualTo("0");
    }

    @Test
    void rule_5_5_a_client_that_has_not_waited_to_be_told_to_send_its_body_is_not_told_to() throws Exception {
        int port = serve(Routes.to("/count", counting(limiter("endpoint", 1))));
        RawHttp client = connect(port);

        for (String length : new String[] {"5", "0", "10"}) {
            client.send("POST /count HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: " + length
                    + "\r\n\r\n" + "x".repeat(Math.min(5, Integer.parseInt(length))));
            if (length.equals("10")) {
                await(() -> begun.get() == 3);
                client.send("12345");
            }
            RawHttp.Answer answer = client.answer();
            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.body()).isEqualTo(length);
        }
    }

    @Test
    void rule_5_5_a_malformed_chunk_is_400_and_ends_the_connection() throws Exception {
        int port = serve(Routes.to("/count", counting(limiter("endpoint", 1))));
        RawHttp client = connect(port)
                .request("POST", "/count", "Transfer-Encoding: chunked")
                .send("a\r\n0123456789\r\nnonsense\r\n");

        RawHttp.Answer answer = client.answer();

        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.header("connection")).isEqualTo("close");
    }

    @Test
    void rule_5_5_a_body_that_ends_early_fails_the_read_where_half_closure_is_allowed() throws Exception {
        server.allowHalfClosure();
        int port = serve(Routes.to("/upload", upload(limiter("storage", 1), limiter("endpoint", 1))));
        RawHttp client = connect(port)
                .request("POST", "/upload", "Content-Type: " + BOUNDARY, "Content-Length: 5000")
                .send(multipart(3000).substring(0, 2000));

        client.shutdownOutput();

        assertThat(client.answer().status()).isEqualTo(400);
    }

    @Test
    void rule_5_5_the_head_can_be_read_after_the_end() throws Exception {
        CompletableFuture<Exchange> kept = new CompletableFuture<>();
        int port = serve(Routes.to("/keep", exchange -> {
            kept.complete(exchange);
            Exchanges.text(exchange, 200, "");
        }));
        connect(port).post("/keep?q", "text/plain", "four").answer();
        Exchange exchange = kept.get(10, TimeUnit.SECONDS);
        await(() -> completed.get() == 1);

        assertThat(exchange.method()).isEqualTo("POST");
        assertThat(exchange.path()).isEqualTo("/keep");
        assertThat(exchange.query()).contains("q");
        assertThat(exchange.header("content-TYPE")).contains("text/plain");
        assertThat(exchange.declaredLength()).isEqualTo(OptionalLong.of(4));
        assertThat(exchange.protocol()).isEqualTo("HTTP/1.1");
        assertThat(exchange.read().toCompletableFuture()).failsWithin(Duration.ofSeconds(10));
    }

    @Test
    void a_handler_that_fails_on_the_event_loop_is_answered() throws Exception {
        int port = serve(Routes.to("/fails", exchange -> {
            throw new MalformedBodyException("the test's own");
        }));

        assertThat(connect(port).get("/fails").answer().status()).isEqualTo(400);
    }
}
