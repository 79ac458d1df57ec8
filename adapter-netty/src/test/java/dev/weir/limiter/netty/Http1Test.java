package dev.weir.limiter.netty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.MalformedBodyException;
import dev.weir.limiter.tck.HttpProtocol;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
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
    void rule_5_1_pipelined_requests_are_answered_in_order_whatever_they_wait_for() throws Exception {
        CapacityLimiter limiter = limiter("pipelined", 1);
        int port = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        RawHttp client = connect(port).get("/held?first");
        held.awaitEntered(1);
        for (int i = 0; i < 100; i++) {
            client.get(i % 10 == 0 ? "/held?" + i : "/ping");
        }
        held.letGo();

        assertThat(client.answer().body()).isEqualTo("held first");
        for (int i = 0; i < 100; i++) {
            assertThat(client.answer().body()).isEqualTo(i % 10 == 0 ? "held " + i : "pong");
        }
    }

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
    void rule_5_3_a_client_that_leaves_while_its_handler_runs_is_told_to_the_handler() throws Exception {
        CapacityLimiter limiter = limiter("running", 1);
        CountDownLatch told = new CountDownLatch(1);
        int port = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, exchange -> {
            exchange.onAbort(cause -> told.countDown());
            held.handle(exchange);
        })));
        RawHttp client = connect(port).get("/held");
        held.awaitEntered(1);

        client.kill();

        assertThat(told.await(10, TimeUnit.SECONDS)).isTrue();
        assertThat(limiter.statistics().inUse()).as("running still").isEqualTo(1);
        held.letGo();
    }

    @Test
    void rule_5_3_a_half_closed_client_is_taken_for_gone() throws Exception {
        CapacityLimiter limiter = limiter("gone", 0);
        int port = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        RawHttp client = connect(port).get("/held");
        awaitWaiting(limiter, 1);

        client.shutdownOutput();

        awaitWaiting(limiter, 0);
        assertThat(client.isAtEnd()).isTrue();
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
    void rule_5_3_a_client_that_stops_sending_its_body_is_cut_by_the_idle_time() throws Exception {
        server.idleTimeout(Duration.ofMillis(100));
        CapacityLimiter storage = limiter("storage", 1);
        int port = serve(Routes.to("/upload", upload(storage, limiter("endpoint", 1))));
        RawHttp client = connect(port)
                .request("POST", "/upload", "Content-Type: " + BOUNDARY, "Content-Length: 5000")
                .send(multipart(1000).substring(0, 500));

        assertThat(client.isAtEnd()).isTrue();
    }

    // ------------------------------------------------------------------ refusals and connections

    @Test
    void rule_5_4_a_refused_upload_of_20_MB_reads_its_answer() throws Exception {
        CapacityLimiter limiter =
                limiter(CapacityLimiter.builder("full").capacity(0).maxWaiting(0));
        int port = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));

        RawHttp.Answer answer =
                connect(port).post("/held", "text/plain", "x".repeat(20 << 20)).answer();

        assertThat(answer.status()).isEqualTo(503);
        assertThat(answer.header("connection")).isEqualTo("close");
    }

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
    void rule_5_4_a_refused_expectation_is_answered_without_100_and_the_connection_closed() throws Exception {
        CapacityLimiter limiter =
                limiter(CapacityLimiter.builder("full").capacity(0).maxWaiting(0));
        int port = serve(Routes.to("/upload", upload(limiter, limiter)));
        RawHttp client = connect(port)
                .request(
                        "POST", "/upload", "Expect: 100-continue", "Content-Type: " + BOUNDARY, "Content-Length: 1000");

        RawHttp.Answer answer = client.answer();

        assertThat(answer.status()).isEqualTo(503);
        assertThat(answer.header("connection")).isEqualTo("close");
        assertThat(client.isAtEnd()).isTrue();
    }

    @Test
    void rule_5_4_100_is_sent_only_after_admission() throws Exception {
        CapacityLimiter storage = limiter("storage", 0);
        int port = serve(Routes.to("/upload", upload(storage, limiter("endpoint", 1))));
        String body = multipart(1000);
        RawHttp client = connect(port)
                .request(
                        "POST",
                        "/upload",
                        "Expect: 100-continue",
                        "Content-Type: " + BOUNDARY,
                        "Content-Length: " + body.length());
        awaitWaiting(storage, 1);

        storage.resize(1);

        assertThat(client.line()).isEqualTo("HTTP/1.1 100 Continue");
        assertThat(client.line()).isEmpty();
        assertThat(client.send(body).answer().body()).isEqualTo("1000 bytes");
        assertThat(client.get("/ping").answer().body()).isEqualTo("pong");
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
    void responses_without_a_body_leave_the_connection_in_step() throws Exception {
        int port = serve(Routes.to("/204", exchange -> Exchanges.send(exchange, 204, Headers.of(), new byte[0]))
                .and("/304", exchange -> Exchanges.send(exchange, 304, Headers.of(), new byte[0])));
        RawHttp client = connect(port);

        assertThat(client.request("HEAD", "/ping").answer(false).header("content-length"))
                .isEqualTo("4");
        assertThat(client.get("/204").answer(false).status()).isEqualTo(204);
        assertThat(client.get("/304").answer(false).status()).isEqualTo(304);
        assertThat(client.get("/ping").answer().body()).isEqualTo("pong");
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
                        exchange, 200, exchange.path() + " " + exchange.query().orElse("-"))));

        assertThat(connect(port).get("http://test/where?a=b").answer().body()).isEqualTo("/where a=b");
        assertThat(connect(port).get("/where").answer().body()).isEqualTo("/where -");
        assertThat(connect(port).get("http://test").answer().status()).isEqualTo(404);
    }

    // ------------------------------------------------------------------ streams

    @Test
    void rule_5_5_a_stream_to_http_1_0_ends_with_the_connection() throws Exception {
        Numbers numbers = new Numbers(1000, 100);
        int port = serve(Routes.to("/stream", numbers.under(limiter("streaming", 1))));

        RawHttp.Answer answer =
                connect(port).send("GET /stream HTTP/1.0\r\n\r\n").answer();

        assertThat(answer.headers()).doesNotContainKey("transfer-encoding");
        assertThat(answer.body()).hasSize(100_000);
        await(() -> numbers.closed.get() == 1);
    }

    @Test
    void rule_5_6_a_stream_to_http_1_0_that_fails_is_reset_since_its_end_would_look_whole() throws Exception {
        CapacityLimiter limiter = limiter("streaming", 1);
        CompletableFuture<Exchange> begunExchange = new CompletableFuture<>();
        int port = serve(Routes.to("/fails", exchange -> {
            exchange.respond(200, Headers.of());
            exchange.write(ByteBuffer.wrap(new byte[10]), false)
                    .whenComplete((v, e) -> begunExchange.complete(exchange));
        }));
        RawHttp client = connect(port).send("GET /fails HTTP/1.0\r\n\r\n");
        while (!client.line().isEmpty()) {
            // the head
        }
        client.exactly(10);

        begunExchange.get(10, TimeUnit.SECONDS).abort(new IOException("the test's own"));

        assertThatThrownBy(client::isAtEnd).isInstanceOf(IOException.class).hasMessageContaining("reset");
        awaitIdle(limiter);
    }

    @Test
    void rule_5_5_a_slow_reader_holds_no_permit_and_others_go_on() throws Exception {
        CapacityLimiter limiter = limiter("streaming", 1);
        Numbers endless = new Numbers(Integer.MAX_VALUE, 1024);
        Numbers short4000 = new Numbers(4_000, 16);
        int port = serve(Routes.to("/endless", endless.under(limiter)).and("/short", short4000.under(limiter)));
        RawHttp slow = connect(port).get("/endless");
        slow.exactly(10_000);
        RawHttp other = connect(port);

        for (int i = 0; i < 20; i++) {
            assertThat(other.get("/short").answer().body()).hasSize(64_000);
        }

        awaitIdle(limiter);
        slow.exactly(1_000_000);
        slow.kill();
        await(() -> endless.closed.get() == 1 && short4000.closed.get() == 20);
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
    void rule_5_5_uploads_of_5_MB_with_fields_in_chunks_and_too_large_ones() throws Exception {
        int port = serve(Routes.to("/upload", upload(limiter("storage", 1), limiter("endpoint", 1))));
        RawHttp client = connect(port);

        assertThat(client.post("/upload", BOUNDARY, multipart(5 << 20)).answer().body())
                .isEqualTo((5 << 20) + " bytes");
        assertThat(chunked(client, multipart(5 << 20)).answer().body()).isEqualTo((5 << 20) + " bytes");

        RawHttp.Answer counted = chunked(connect(port), multipart(9 << 20)).answer();
        assertThat(counted.status()).isEqualTo(413);
        RawHttp.Answer declared =
                connect(port).post("/upload", BOUNDARY, multipart(9 << 20)).answer();
        assertThat(declared.status()).isEqualTo(413);
    }

    private static RawHttp chunked(RawHttp client, String body) throws IOException {
        client.request("POST", "/upload", "Content-Type: " + BOUNDARY, "Transfer-Encoding: chunked");
        for (int at = 0; at < body.length(); at += 100_000) {
            String chunk = body.substring(at, Math.min(at + 100_000, body.length()));
            client.send(Integer.toHexString(chunk.length()) + "\r\n" + chunk + "\r\n");
        }
        return client.send("0\r\n\r\n");
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

    // ------------------------------------------------------------------ storms

    @Test
    void rule_5_3_storms_of_300_clients_that_leave_on_every_path_leave_nothing_behind() throws Exception {
        CapacityLimiter endpoints = limiter("endpoints", 4);
        CapacityLimiter streaming = limiter("streaming", 4);
        CapacityLimiter storage = limiter("storage", 4);
        Numbers endless = new Numbers(Integer.MAX_VALUE, 1024);
        int port = serve(Routes.to(
                        "/endpoint",
                        ExchangeHandler.endpoint(endpoints, exchange -> Exchanges.text(exchange, 200, "x")))
                .and("/stream", endless.under(streaming))
                .and("/upload", upload(storage, endpoints)));
        String part = multipart(50_000).substring(0, 30_000);
        for (int round = 0; round < 3; round++) {
            ConcurrentLinkedQueue<RawHttp> leaving = new ConcurrentLinkedQueue<>();
            for (int i = 0; i < 100; i++) {
                leaving.add(connect(port).get("/endpoint").get("/endpoint"));
                leaving.add(connect(port).get("/stream"));
                leaving.add(connect(port)
                        .request("POST", "/upload", "Content-Type: " + BOUNDARY, "Content-Length: 60000")
                        .send(part));
                if (i % 3 == round) {
                    leaving.remove().kill();
                }
            }
            for (RawHttp client : leaving) {
                client.kill();
            }
        }

        await(() -> completed.get() == begun.get());
        await(() -> endless.opened.get() == endless.closed.get());
        awaitIdle(endpoints);
        awaitIdle(streaming);
        awaitIdle(storage);
        assertThat(connect(port).get("/ping").answer().body()).isEqualTo("pong");
    }

    @Test
    void a_handler_that_fails_on_the_event_loop_is_answered() throws Exception {
        int port = serve(Routes.to("/fails", exchange -> {
            throw new MalformedBodyException("the test's own");
        }));

        assertThat(connect(port).get("/fails").answer().status()).isEqualTo(400);
    }
}
