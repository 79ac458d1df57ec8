package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.UploadLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * The contract of a server adapter, over HTTP/1.1 and raw sockets: section 5 of the rules, and what section 4 says about
 * responses. An adapter supplies a {@link ServerFixture}; the application, with its limiters, is the kit's.
 *
 * <p>This is a beginning: HTTP/2, idle time-outs, storms of cancels and leak reports are still to come.
 */
public abstract class AdapterContract extends ContractSupport {

    private static final byte[] ITEM = "0123456789abcdef".repeat(64).getBytes(StandardCharsets.US_ASCII);

    private final Map<String, ExchangeHandler> routes = new ConcurrentHashMap<>();
    private final Queue<Thread> blockingThreads = new ConcurrentLinkedQueue<>();
    private final List<AutoCloseable> resources = new ArrayList<>();

    /** For subclasses. */
    protected AdapterContract() {}

    /**
     * A server that has not been started.
     *
     * @return a new fixture
     */
    protected abstract ServerFixture newServer();

    /** The limiters the adapter is driven with: those found through the service loader, unless overridden. */
    @Override
    protected CapacityLimiterBuilder newBuilder(String name) {
        return CapacityLimiter.builder(name);
    }

    @AfterEach
    void stopAll() throws Exception {
        for (int i = resources.size() - 1; i >= 0; i--) {
            resources.get(i).close();
        }
    }

    // ---- the application ----

    /** A server under way. */
    private final class Running {
        final ServerFixture server = newServer();
        final int port;

        Running() throws Exception {
            resources.add(server::kill);
            port = server.start(exchange -> route(exchange.path()).handle(exchange));
        }

        RawClient client() throws IOException {
            RawClient client = new RawClient(port, patience());
            resources.add(client);
            return client;
        }
    }

    private ExchangeHandler route(String path) {
        return routes.getOrDefault(path, exchange -> Exchanges.text(exchange, 404, "no route to " + path));
    }

    private Running serve() throws Exception {
        routes.put("/ping", exchange -> Exchanges.text(exchange, 200, "pong"));
        return new Running();
    }

    /** A blocking endpoint that says when it has begun and answers when it is told to. */
    private Gate gated(String path, CapacityLimiter limiter) {
        Gate gate = new Gate();
        routes.put(path, ExchangeHandler.endpoint(limiter, exchange -> {
            blockingThreads.add(Thread.currentThread());
            Exchanges.text(exchange, 200, gate.call());
        }));
        return gate;
    }

    private void streamed(String path, CapacityLimiter limiter, WatchedSource source) {
        routes.put(
                path,
                exchange -> Exchanges.stream(
                        exchange,
                        200,
                        Headers.of("Content-Type", "text/plain"),
                        Limiters.iterate(limiter, source),
                        number -> ByteBuffer.wrap(ITEM)));
    }

    private void assertNoServerThreadBlocked(ServerFixture server) {
        assertThat(blockingThreads).isNotEmpty().noneMatch(server::isServerThread);
    }

    private static void assertProblem(RawClient.Answer answer, int status) {
        assertThat(answer.status()).isEqualTo(status);
        assertThat(answer.headers().getOrDefault("content-type", "")).startsWith("application/problem+json");
        assertThat(answer.text()).contains("\"status\":" + status);
    }

    // ---- 5.1 waiting ----

    @Test
    void rule_5_1_waiting_for_capacity_holds_no_thread_of_the_server() throws Exception {
        CapacityLimiter limiter = limiter(1);
        Gate gate = gated("/blocking", limiter);
        Running app = serve();
        List<RawClient> clients = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            clients.add(app.client().request("GET", "/blocking"));
        }
        awaitWaiting(limiter, 299);

        assertThat(app.client().get("/ping").text()).isEqualTo("pong");

        gate.open();
        for (RawClient client : clients) {
            assertThat(client.answer().text()).isEqualTo("passed");
        }
        assertNoServerThreadBlocked(app.server);
    }

    @Test
    void rule_5_1_a_resize_admits_waiting_requests() throws Exception {
        CapacityLimiter limiter = limiter(0);
        Gate gate = gated("/blocking", limiter);
        gate.open();
        Running app = serve();
        RawClient client = app.client().request("GET", "/blocking");
        awaitWaiting(limiter, 1);

        limiter.resize(1);

        assertThat(client.answer().status()).isEqualTo(200);
    }

    // ---- 5.2 the permit of an endpoint ----

    @Test
    void rule_5_2_the_permit_ends_when_the_handler_has_ended_whatever_became_of_it() throws Exception {
        CapacityLimiter limiter = limiter(1);
        routes.put("/fails", ExchangeHandler.endpoint(limiter, exchange -> {
            throw new IOException("the endpoint's own failure, with secrets in it");
        }));
        routes.put("/errs", ExchangeHandler.endpoint(limiter, exchange -> {
            throw new AssertionError("the endpoint's own error, with secrets in it");
        }));
        gated("/works", limiter).open();
        Running app = serve();
        RawClient client = app.client();

        for (String path : List.of("/fails", "/errs")) {
            RawClient.Answer answer = client.get(path);
            assertProblem(answer, 500);
            assertThat(answer.text()).doesNotContain("secrets");
            awaitIdle(limiter);
        }
        assertThat(client.get("/works").text()).isEqualTo("passed");
    }

    // ---- 5.3 clients that leave ----

    @Test
    void rule_5_3_every_exchange_declares_what_its_server_can_do() throws Exception {
        Queue<Set<Capability>> declared = new ConcurrentLinkedQueue<>();
        routes.put("/capabilities", exchange -> {
            declared.add(exchange.capabilities());
            Exchanges.text(exchange, 200, exchange.protocol());
        });
        Running app = serve();

        assertThat(app.client().get("/capabilities").text()).isEqualTo("HTTP/1.1");

        assertThat(declared).containsExactly(app.server.capabilities());
    }

    @Test
    void rule_5_3_a_client_that_left_while_queued_leaves_the_queue_and_its_handler_never_runs() throws Exception {
        CapacityLimiter limiter = limiter(1);
        Gate first = gated("/first", limiter);
        Gate never = gated("/never", limiter);
        never.open();
        Running app = serve();
        assumeTrue(
                app.server.capabilities().contains(Capability.DISCONNECT_WHILE_WAITING),
                "the server sees a client leave while its request waits");
        RawClient stays = app.client().request("GET", "/first");
        await(first.entered);
        RawClient leaves = app.client().request("GET", "/never");
        awaitWaiting(limiter, 1);

        leaves.kill();

        awaitWaiting(limiter, 0);
        first.open();
        assertThat(stays.answer().status()).isEqualTo(200);
        awaitIdle(limiter);
        assertThat(never.entered.getCount()).as("the handler ran").isEqualTo(1);
    }

    @Test
    void rule_5_3_clients_that_leave_at_any_time_leave_nothing_behind() throws Exception {
        CapacityLimiter limiter = limiter(2);
        Gate gate = gated("/blocking", limiter);
        Running app = serve();
        List<RawClient> clients = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            clients.add(app.client().request("GET", "/blocking"));
        }
        awaitWaiting(limiter, 48);

        for (RawClient client : clients) {
            client.kill();
        }
        gate.open();

        awaitIdle(limiter);
        assertThat(app.client().get("/ping").status()).isEqualTo(200);
    }

    // ---- 5.4 refusals ----

    @Test
    void rule_5_4_a_refusal_is_503_with_retry_after_and_needs_neither_permit_nor_worker() throws Exception {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(0));
        Gate gate = gated("/blocking", limiter);
        Running app = serve();
        RawClient holder = app.client().request("GET", "/blocking");
        await(gate.entered);
        RawClient refused = app.client();

        RawClient.Answer answer = refused.get("/blocking");

        assertProblem(answer, 503);
        assertThat(Integer.parseInt(answer.headers().getOrDefault("retry-after", "none")))
                .isPositive();
        assertThat(limiter.statistics().acquired()).isEqualTo(1);
        if (app.server.capabilities().contains(Capability.KEEPALIVE_AFTER_503)) {
            assertThat(refused.get("/ping").text()).isEqualTo("pong");
        } else {
            assertThat(answer.closesConnection()).as("says that it closes").isTrue();
        }
        gate.open();
        assertThat(holder.answer().status()).isEqualTo(200);
    }

    @Test
    void rule_5_4_a_refused_request_with_a_body_leaves_the_connection_in_step_or_closed() throws Exception {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(0));
        Gate gate = gated("/blocking", limiter);
        Running app = serve();
        RawClient holder = app.client().request("GET", "/blocking");
        await(gate.entered);
        RawClient refused = app.client();

        RawClient.Answer answer =
                refused.post("/blocking", "text/plain", "x".repeat(5_000)).answer();

        assertProblem(answer, 503);
        if (!answer.closesConnection()) {
            assertThat(refused.get("/ping").text()).isEqualTo("pong");
        }
        gate.open();
        assertThat(holder.answer().status()).isEqualTo(200);
    }

    @Test
    void rule_5_4_a_request_whose_wait_limit_passed_is_refused() throws Exception {
        CapacityLimiter limiter = build(builder().capacity(0).maxWait(Duration.ofMillis(50)));
        gated("/blocking", limiter).open();
        Running app = serve();

        assertProblem(app.client().get("/blocking"), 503);
    }

    // ---- 5.5 streams ----

    @Test
    void rule_5_5_a_stream_of_four_thousand_items_arrives_whole() throws Exception {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = new WatchedSource(4_000);
        streamed("/stream", limiter, source);
        Running app = serve();

        RawClient.Answer answer = app.client().get("/stream");

        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.body()).hasSize(4_000 * ITEM.length);
        await("the source to be closed", () -> source.closed.get() == 1);
        assertThat(source.violations).isEmpty();
        assertThat(source.closers).noneMatch(app.server::isServerThread);
    }

    @Test
    void rule_5_5_demand_follows_the_socket_and_a_client_that_does_not_read_holds_no_permit() throws Exception {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = WatchedSource.endless();
        streamed("/stream", limiter, source);
        Running app = serve();
        RawClient stalled = app.client().request("GET", "/stream");
        await("the stream to begin", () -> source.drawn.get() > 0);

        RawClient other = app.client();
        await("the draws to stop", () -> stillAt(source.drawn.get(), source, other));
        awaitIdle(limiter);

        stalled.kill();
        await("the source to be closed", () -> source.closed.get() == 1);
        assertThat(source.violations).isEmpty();
    }

    /** Whether nothing was drawn during a hundred answers to another client: time in the server's own measure. */
    private static boolean stillAt(int before, WatchedSource source, RawClient client) throws IOException {
        for (int i = 0; i < 100; i++) {
            client.get("/ping");
        }
        return source.drawn.get() == before;
    }

    @Test
    void rule_5_5_a_client_killed_mid_stream_stops_the_source_within_a_second() throws Exception {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = WatchedSource.endless();
        streamed("/stream", limiter, source);
        Running app = serve();
        RawClient client = app.client().request("GET", "/stream");
        client.exactly(50_000);

        long start = System.nanoTime();
        client.kill();
        await("the source to be closed", () -> source.closed.get() == 1);

        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(1));
        assertThat(source.violations).isEmpty();
        assertThat(source.closers).noneMatch(app.server::isServerThread);
    }

    @Test
    void rule_5_5_head_draws_nothing() throws Exception {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = WatchedSource.endless();
        streamed("/stream", limiter, source);
        Running app = serve();
        RawClient client = app.client();

        assertThat(client.request("HEAD", "/stream").answer(true).status()).isEqualTo(200);

        assertThat(client.get("/ping").text()).isEqualTo("pong");
        awaitIdle(limiter);
        assertThat(source.drawn).hasValue(0);
        assertThat(source.opened.get()).isEqualTo(source.closed.get());
    }

    // ---- 5.5 uploads ----

    @Test
    void rule_5_5_uploads_are_stored_and_too_large_is_413_and_malformed_400() throws Exception {
        CapacityLimiter storage = limiter(1);
        CapacityLimiter limiter = limiter(1);
        routes.put(
                "/upload",
                ExchangeHandler.upload(
                        storage, UploadLimits.defaults().bodySize(20_000), limiter, (exchange, upload) -> {
                            blockingThreads.add(Thread.currentThread());
                            Exchanges.text(
                                    exchange,
                                    200,
                                    upload.part("file").orElseThrow().size() + " bytes");
                        }));
        Running app = serve();

        RawClient.Answer stored = app.client()
                .post("/upload", "multipart/form-data; boundary=b", multipart(10_000))
                .answer();
        RawClient.Answer large = app.client()
                .post("/upload", "multipart/form-data; boundary=b", multipart(30_000))
                .answer();
        RawClient.Answer malformed =
                app.client().post("/upload", "multipart/form-data", "whatever").answer();

        assertThat(stored.text()).isEqualTo("10000 bytes");
        assertProblem(large, 413);
        assertProblem(malformed, 400);
        assertNoServerThreadBlocked(app.server);
    }

    private static String multipart(int bytes) {
        return "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.bin\"\r\n\r\n" + "x".repeat(bytes)
                + "\r\n--b--\r\n";
    }

    @Test
    void rule_5_5_a_stalled_upload_holds_no_permit() throws Exception {
        CapacityLimiter storage = limiter(1);
        CapacityLimiter limiter = limiter(1);
        routes.put(
                "/upload",
                ExchangeHandler.upload(
                        storage,
                        UploadLimits.defaults(),
                        limiter,
                        (exchange, upload) -> Exchanges.text(exchange, 200, "stored")));
        Running app = serve();
        RawClient stalled = app.client();
        String body = multipart(10_000);
        stalled.send("POST /upload HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                + "Content-Length: " + body.length() + "\r\n\r\n" + body.substring(0, 5_000));
        await("the first slice", () -> storage.statistics().acquired() > 0);
        awaitIdle(storage);

        assertThat(app.client()
                        .post("/upload", "multipart/form-data; boundary=b", body)
                        .answer()
                        .text())
                .isEqualTo("stored");

        assertThat(stalled.send(body.substring(5_000)).answer().text()).isEqualTo("stored");
    }

    // ---- 5.6 responses that fail ----

    @Test
    void rule_5_6_a_committed_response_that_fails_is_cut_so_that_the_client_can_see_it() throws Exception {
        CapacityLimiter limiter = limiter(1);
        CountDownLatch mayFail = new CountDownLatch(1);
        WatchedSource source = new WatchedSource(10, number -> {
            if (number == 5) {
                awaitUninterruptibly(mayFail);
                throw new IOException("the source's own failure");
            }
        });
        streamed("/stream", limiter, source);
        Running app = serve();
        assumeTrue(
                app.server.capabilities().contains(Capability.ABORT_COMMITTED),
                "the server can cut a committed response");
        RawClient client = app.client().request("GET", "/stream");
        assertThat(client.line()).contains("200");
        mayFail.countDown();

        assertThatThrownBy(() -> {
                    while (!client.line().equals("0")) {
                        // reads on to the last chunk, which must not come
                    }
                })
                .isInstanceOf(IOException.class)
                .isNotInstanceOf(java.net.SocketTimeoutException.class);
        await("the source to be closed", () -> source.closed.get() == 1);
    }

    // ---- 4 background ----

    @Test
    void rule_4_1_background_tasks_start_after_the_response_and_hold_nothing_of_the_request() throws Exception {
        CapacityLimiter endpoints = limiter(1);
        CapacityLimiter background = limiter(1);
        Gate task = new Gate();
        routes.put("/hello", ExchangeHandler.endpoint(endpoints, exchange -> {
            Exchanges.background(exchange, background, task::call);
            assertThat(task.entered.getCount()).as("begun before the response").isEqualTo(1);
            Exchanges.text(exchange, 200, "hello");
        }));
        Running app = serve();
        RawClient client = app.client();

        assertThat(client.get("/hello").text()).isEqualTo("hello");

        await(task.entered);
        awaitIdle(endpoints);
        assertThat(client.get("/ping").text()).as("on the same connection").isEqualTo("pong");
        assertThat(app.server.isServerThread(task.thread.get())).isFalse();
        task.open();
    }

    @Test
    void rule_4_2_tasks_of_one_response_run_in_order_each_isolated() throws Exception {
        CapacityLimiter endpoints = limiter(1);
        CapacityLimiter background = limiter(4);
        Queue<Integer> order = new ConcurrentLinkedQueue<>();
        CountDownLatch ended = new CountDownLatch(5);
        routes.put("/hello", ExchangeHandler.endpoint(endpoints, exchange -> {
            addTasks(exchange, background, order, ended);
            Exchanges.text(exchange, 200, "hello");
        }));
        Running app = serve();

        assertThat(app.client().get("/hello").text()).isEqualTo("hello");

        await(ended);
        assertThat(order).containsExactly(0, 1, 2, 3, 4);
    }

    private static void addTasks(
            Exchange exchange, CapacityLimiter background, Queue<Integer> order, CountDownLatch ended) {
        for (int i = 0; i < 5; i++) {
            int number = i;
            Exchanges.background(exchange, background, () -> {
                order.add(number);
                ended.countDown();
                if (number == 2) {
                    throw new IllegalStateException("task 2 fails");
                }
            });
        }
    }

    // ---- 5.7 stopping ----

    @Test
    void rule_5_7_a_server_that_stops_finishes_what_it_accepted_background_work_too() throws Exception {
        CapacityLimiter limiter = limiter(1);
        CapacityLimiter background = limiter(1);
        Gate gate = new Gate();
        Gate task = new Gate();
        AtomicInteger tasksDone = new AtomicInteger();
        routes.put("/hello", ExchangeHandler.endpoint(limiter, exchange -> {
            Exchanges.background(exchange, background, () -> {
                task.call();
                tasksDone.incrementAndGet();
            });
            Exchanges.text(exchange, 200, gate.call());
        }));
        Running app = serve();
        RawClient running = app.client().request("GET", "/hello");
        await(gate.entered);

        CompletableFuture<Void> stopped = app.server.shutdown();
        gate.open();

        assertThat(running.answer().text()).isEqualTo("passed");
        await(task.entered);
        assertThat(stopped).isNotDone();
        task.open();
        get(stopped);
        assertThat(tasksDone).hasValue(1);
    }
}
