package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.PermitScope;
import dev.weir.limiter.http.UploadLimits;
import java.io.IOException;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** How requests are admitted, refused and given up. */
@SuppressWarnings("FutureReturnValueIgnored") // the client sees what became of an answer
public abstract class AdmissionScenarios extends AdapterSupport {

    private static final int LARGE = 20 << 20;

    /** For subclasses. */
    protected AdmissionScenarios() {}

    // ---- waiting ----

    @Test
    void s01_rule_5_1_three_hundred_that_wait_hold_no_thread_of_the_server() throws Exception {
        CapacityLimiter limiter = limiter(1);
        Gate gate = gated("/blocking", limiter);
        Running app = serve();
        List<RawClient> clients = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            clients.add(app.client().request("GET", "/blocking"));
        }
        awaitWaiting(limiter, 299);

        app.assertPingIsAnswered();
        if (app.server.busyThreads().isPresent()) {
            await(
                    "the server's threads to be free",
                    () -> app.server.busyThreads().equals(OptionalInt.of(0)));
        }

        gate.open();
        for (RawClient client : clients) {
            assertThat(client.answer().text()).isEqualTo("passed");
        }
    }

    @Test
    void s02_a_hundred_background_tasks_leave_endpoints_streams_files_and_uploads_alone() throws Exception {
        CapacityLimiter endpoints = limiter(40);
        CapacityLimiter background = limiter(40);
        CapacityLimiter streaming = limiter(40);
        CapacityLimiter shared = limiter(40);
        Gate task = gate();
        AtomicInteger tasksDone = new AtomicInteger();
        Path file = Files.write(directory.resolve("file"), new byte[1 << 20]);
        endpoint("/hello", endpoints, exchange -> {
            Exchanges.background(exchange, background, () -> {
                task.call();
                tasksDone.incrementAndGet();
            });
            Exchanges.text(exchange, 200, "hello");
        });
        endpoint("/quick", endpoints, exchange -> Exchanges.text(exchange, 200, "quick"));
        streamed("/stream", streaming, new WatchedSource(100));
        route("/file", exchange -> Exchanges.file(exchange, shared, file));
        uploaded(
                "/upload",
                shared,
                UploadLimits.defaults(),
                endpoints,
                (exchange, upload) ->
                        Exchanges.text(exchange, 200, upload.parts().size() + " parts"));
        Running app = serve();
        List<RawClient> clients = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            clients.add(app.client().request("GET", "/hello"));
        }

        for (RawClient client : clients) {
            assertThat(client.answer().text()).isEqualTo("hello");
        }
        awaitWaiting(background, 60);
        assertThat(background.statistics().inUse()).isEqualTo(40);
        assertThat(app.client().get("/quick").text()).isEqualTo("quick");
        assertThat(app.client().get("/stream").body()).hasSize(100 * ITEM.length);
        assertThat(app.client().get("/file").body()).hasSize(1 << 20);
        assertThat(Multipart.of()
                        .file("file", "a.bin", new byte[3 << 20])
                        .post(app.client(), "/upload")
                        .answer()
                        .text())
                .isEqualTo("1 parts");
        assertThat(tasksDone).hasValue(0);

        task.open();
        await("the tasks to end", () -> tasksDone.get() == 100);
    }

    @Test
    void s03_rule_1_3_growing_in_flight_admits_waiting_requests_at_once() throws Exception {
        CapacityLimiter limiter = limiter(1);
        Gate gate = gated("/blocking", limiter);
        Running app = serve();
        List<RawClient> clients = requests(app, 5, "/blocking");
        awaitWaiting(limiter, 4);

        limiter.resize(3);

        assertThat(limiter.statistics().inUse()).isEqualTo(3);
        assertThat(limiter.statistics().waiting()).isEqualTo(2);
        gate.open();
        for (RawClient client : clients) {
            assertThat(client.answer().status()).isEqualTo(200);
        }
    }

    @Test
    void s04_rule_1_3_shrinking_in_flight_lets_requests_end_and_admits_nobody_too_many() throws Exception {
        CapacityLimiter limiter = limiter(3);
        List<Gate> gates = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            gates.add(gated("/" + i, limiter));
        }
        Running app = serve();
        List<RawClient> clients = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            clients.add(app.client().request("GET", "/" + i));
            await(gates.get(i).entered);
        }
        clients.add(app.client().request("GET", "/3"));
        awaitWaiting(limiter, 1);

        limiter.resize(1);

        for (int i = 0; i < 2; i++) {
            gates.get(i).open();
            assertThat(clients.get(i).answer().status()).isEqualTo(200);
            int left = 2 - i;
            await("the permit to be back", () -> limiter.statistics().inUse() == left);
            assertThat(limiter.statistics().waiting()).isEqualTo(1);
        }
        gates.get(2).open();
        await(gates.get(3).entered);
        gates.get(3).open();
        assertThat(clients.get(3).answer().status()).isEqualTo(200);
    }

    private static List<RawClient> requests(AdapterSupport.Running app, int count, String path) throws IOException {
        List<RawClient> clients = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            clients.add(app.client().request("GET", path));
        }
        return clients;
    }

    @Test
    void s05_rule_5_1_a_queue_that_lasts_longer_than_the_idle_time_out_is_no_failure() throws Exception {
        CapacityLimiter limiter = limiter(1);
        Gate gate = gated("/blocking", limiter);
        ServerFixture server = newServer();
        assumeTrue(server.idleTimeout(Duration.ofMillis(400)), "the server has an idle time-out");
        Running app = serve(server, HttpProtocol.HTTP_1_1);
        RawClient running = app.client().request("GET", "/blocking");
        await(gate.entered);
        RawClient queued = app.client().request("GET", "/blocking");
        awaitWaiting(limiter, 1);

        for (int i = 0; i < 3; i++) {
            RawClient idle = app.client();
            assertThat(idle.get("/ping").text()).isEqualTo("pong");
            assertThat(idle.rest()).as("the idle time-out has passed once more").isEmpty();
        }

        assertThat(limiter.statistics().waiting()).isEqualTo(1);
        gate.open();
        assertThat(running.answer().text()).isEqualTo("passed");
        assertThat(queued.answer().text()).isEqualTo("passed");
    }

    @Test
    void s06_a_health_check_outside_the_limiters_is_answered_when_everything_is_saturated() throws Exception {
        CapacityLimiter endpoints = build(builder().capacity(2).maxWaiting(5));
        CapacityLimiter shared = build(builder().capacity(1).maxWaiting(1));
        Gate gate = gated("/blocking", endpoints);
        uploaded(
                "/upload",
                shared,
                UploadLimits.defaults(),
                endpoints,
                (exchange, upload) -> Exchanges.text(exchange, 200, "stored"));
        Running app = serve();
        List<Permit> held = hold(shared, 1);
        List<RawClient> clients = requests(app, 7, "/blocking");
        awaitWaiting(endpoints, 5);
        RawClient upload = Multipart.of().field("a", "b").post(app.client(), "/upload");
        awaitWaiting(shared, 1);
        for (int i = 0; i < 20; i++) {
            assertRefusal(app.client().get("/blocking"));
        }

        RawClient health = app.client();
        for (int i = 0; i < 20; i++) {
            assertThat(health.get("/ping").text()).isEqualTo("pong");
        }

        gate.open();
        for (RawClient client : clients) {
            assertThat(client.answer().status()).isEqualTo(200);
        }
        closeAll(held);
        assertThat(upload.answer().text()).isEqualTo("stored");
    }

    // ---- the permit of an endpoint ----

    @Test
    void s07_rule_5_2_the_permit_ends_when_the_handler_has_failed_with_an_exception_or_an_error() throws Exception {
        CapacityLimiter limiter = limiter(1);
        endpoint("/fails", limiter, exchange -> {
            throw new IOException("the endpoint's own failure, with secrets in it");
        });
        endpoint("/errs", limiter, exchange -> {
            throw new AssertionError("the endpoint's own error, with secrets in it");
        });
        endpoint("/works", limiter, exchange -> Exchanges.text(exchange, 200, "works"));
        Running app = serve();

        for (String path : List.of("/fails", "/errs", "/fails")) {
            RawClient client = app.client();
            RawClient.Answer answer = client.get(path);
            assertProblem(answer, 500);
            assertThat(answer.text()).doesNotContain("secrets");
            awaitIdle(limiter);
            assertUsableOrClosed(client, answer);
        }
        assertThat(app.client().get("/works").text()).isEqualTo("works");
    }

    @Test
    void s08_rule_5_2_an_asynchronous_handler_holds_its_permit_until_another_thread_has_answered() throws Exception {
        CapacityLimiter limiter = limiter(1);
        CompletableFuture<Exchange> later = new CompletableFuture<>();
        CountDownLatch returned = new CountDownLatch(1);
        route("/async", ExchangeHandler.endpoint(limiter, PermitScope.EXCHANGE, watched(exchange -> {
            later.complete(exchange);
            returned.countDown();
        })));
        endpoint("/next", limiter, exchange -> Exchanges.text(exchange, 200, "next"));
        Running app = serve();
        RawClient client = app.client().request("GET", "/async");
        Exchange exchange = get(later);
        await(returned);
        RawClient next = app.client().request("GET", "/next");
        awaitWaiting(limiter, 1);
        app.assertPingIsAnswered();
        assertThat(limiter.statistics().inUse()).isEqualTo(1);

        promptly(() -> Exchanges.text(exchange, 200, "later"));

        assertThat(client.answer().text()).isEqualTo("later");
        assertThat(next.answer().text()).isEqualTo("next");
    }

    @Test
    void s09_rule_5_6_an_asynchronous_handler_that_fails_gives_its_permit_back() throws Exception {
        CapacityLimiter limiter = limiter(1);
        route("/throws", ExchangeHandler.endpoint(limiter, PermitScope.EXCHANGE, exchange -> {
            throw new IllegalStateException("on purpose");
        }));
        route("/errs", ExchangeHandler.endpoint(limiter, PermitScope.EXCHANGE, exchange -> {
            throw new StackOverflowError("on purpose");
        }));
        route(
                "/cuts",
                ExchangeHandler.endpoint(
                        limiter,
                        PermitScope.EXCHANGE,
                        exchange -> startStep(() -> exchange.abort(new IOException("on purpose")))));
        Running app = serve();

        for (int i = 0; i < 3; i++) {
            assertProblem(app.client().get("/throws"), 500);
            awaitIdle(limiter);
            assertProblem(app.client().get("/errs"), 500);
            awaitIdle(limiter);
            app.client().request("GET", "/cuts").rest();
            awaitIdle(limiter);
        }
    }

    // ---- clients that leave ----

    @Test
    void s10_rule_5_3_every_exchange_declares_what_its_server_can_do() throws Exception {
        Queue<Set<Capability>> declared = new ConcurrentLinkedQueue<>();
        route("/capabilities", exchange -> {
            declared.add(sorted(exchange.capabilities()));
            Exchanges.text(exchange, 200, exchange.protocol());
        });
        Running app = serve();

        assertThat(app.client().get("/capabilities").text()).isEqualTo(HttpProtocol.HTTP_1_1.version());

        assertThat(declared).containsExactly(sorted(app.server.capabilities()));
    }

    @Test
    void s11_rule_5_3_a_client_that_left_while_queued_leaves_the_queue_and_its_handler_never_runs() throws Exception {
        CapacityLimiter limiter = limiter(1);
        Gate first = gated("/first", limiter);
        AtomicInteger ran = new AtomicInteger();
        endpoint("/never", limiter, exchange -> {
            ran.incrementAndGet();
            Exchanges.text(exchange, 200, "ran");
        });
        Running app = serve();
        RawClient stays = app.client().request("GET", "/first");
        await(first.entered);
        RawClient killed = app.client().request("GET", "/never");
        RawClient closed = app.client().request("GET", "/never");
        awaitWaiting(limiter, 2);

        killed.kill();
        closed.close();

        if (app.can(Capability.DISCONNECT_WHILE_WAITING)) {
            awaitWaiting(limiter, 0);
            assertThat(limiter.statistics().withdrawn()).isEqualTo(2);
        }
        first.open();
        assertThat(stays.answer().status()).isEqualTo(200);
        awaitIdle(limiter);
        if (app.can(Capability.DISCONNECT_WHILE_WAITING)) {
            assertThat(ran).as("handlers that ran").hasValue(0);
        }
    }

    @Test
    void s12_rule_2_3_a_client_that_left_while_its_handler_runs_is_noticed_and_the_permit_stays() throws Exception {
        CapacityLimiter limiter = limiter(1);
        Gate gate = gate();
        CountDownLatch noticed = new CountDownLatch(1);
        endpoint("/running", limiter, exchange -> {
            exchange.onAbort(cause -> noticed.countDown());
            Exchanges.text(exchange, 200, gate.call());
        });
        Running app = serve();
        RawClient leaves = app.client().request("GET", "/running");
        await(gate.entered);

        leaves.kill();

        if (app.can(Capability.DISCONNECT_WHILE_WAITING)) {
            await(noticed);
        }
        app.assertPingIsAnswered();
        assertThat(limiter.statistics().inUse()).as("while the handler runs").isEqualTo(1);
        gate.open();
        awaitIdle(limiter);
        assertThat(gate.interrupted).isFalse();
    }

    @Test
    void s13_a_client_that_shut_down_its_sending_side_is_answered_unless_that_counts_as_leaving() throws Exception {
        CapacityLimiter limiter = limiter(1);
        Gate first = gated("/first", limiter);
        endpoint("/second", limiter, exchange -> Exchanges.text(exchange, 200, "second"));
        Running app = serve();
        RawClient stays = app.client().request("GET", "/first");
        await(first.entered);
        RawClient half = app.client().request("GET", "/second");
        awaitWaiting(limiter, 1);

        half.halfClose();

        if (app.can(Capability.HALF_CLOSE_IS_DISCONNECT)) {
            awaitWaiting(limiter, 0);
            first.open();
        } else {
            app.assertPingIsAnswered();
            first.open();
            assertThat(half.answer().text()).isEqualTo("second");
        }
        assertThat(stays.answer().text()).isEqualTo("passed");
    }

    // ---- refusals ----

    @Test
    void s14_rule_5_4_a_full_queue_is_refused_with_the_same_bytes_on_every_server() throws Exception {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(1));
        Gate gate = gated("/blocking", limiter);
        Running app = serve();
        List<RawClient> admitted = requests(app, 2, "/blocking");
        await(gate.entered);
        awaitWaiting(limiter, 1);

        for (int i = 0; i < 10; i++) {
            assertRefusal(app.client().get("/blocking"));
        }

        assertThat(limiter.statistics().acquired()).isEqualTo(1);
        gate.open();
        for (RawClient client : admitted) {
            assertThat(client.answer().status()).isEqualTo(200);
        }
    }

    @Test
    void s15_rule_5_4_the_wait_limit_is_refused_with_the_same_bytes() throws Exception {
        CapacityLimiter limiter = build(builder().capacity(0).maxWait(Duration.ofMillis(50)));
        gated("/blocking", limiter);
        Running app = serve();
        RawClient client = app.client();

        RawClient.Answer answer = client.get("/blocking");

        assertRefusal(answer);
        assertUsableOrClosed(client, answer);
    }

    @Test
    void s16_rule_5_4_workers_that_refuse_are_a_refusal_and_the_permit_is_back() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        CapacityLimiter limiter = build(builder().capacity(1).workers(task -> {
            asked.incrementAndGet();
            throw new RejectedExecutionException("no thread for anybody");
        }));
        gated("/blocking", limiter);
        Running app = serve();

        for (int i = 1; i <= 5; i++) {
            assertRefusal(app.client().get("/blocking"));
            awaitIdle(limiter);
            assertThat(asked).hasValue(i);
        }
    }

    @Test
    void s17_rule_5_4_the_connection_is_usable_after_a_refusal_or_the_refusal_announces_its_end() throws Exception {
        CapacityLimiter limiter = build(builder().capacity(0).maxWaiting(0));
        gated("/blocking", limiter);
        Running app = serve();
        RawClient client = app.client();

        for (int i = 0; i < 5; i++) {
            RawClient.Answer answer = client.get("/blocking");
            assertRefusal(answer);
            if (app.can(Capability.KEEPALIVE_AFTER_503)) {
                assertThat(answer.closesConnection()).isFalse();
            }
            assertUsableOrClosed(client, answer);
            client = answer.closesConnection() ? app.client() : client;
        }
        RawClient.Answer head = client.request("HEAD", "/blocking").answer(true);
        assertThat(head.status()).isEqualTo(503);
        assertThat(head.header("retry-after"))
                .as("whole seconds, as long as the oldest waits")
                .matches("[1-9][0-9]?");
        assertUsableOrClosed(client, head);
    }

    @Test
    void s18_rule_5_4_a_refused_request_with_a_body_leaves_the_connection_in_step_or_closed() throws Exception {
        CapacityLimiter limiter = build(builder().capacity(0).maxWaiting(0));
        gated("/blocking", limiter);
        Running app = serve();

        RawClient inOne = app.client();
        inOne.send(RawClient.head("POST", "/blocking", "Content-Length: 5000") + "x".repeat(5_000));
        assertRefusal(inOne.answer());
        assertInStepOrClosed(inOne);

        RawClient chunked = app.client();
        chunked.send(RawClient.head("POST", "/blocking", "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n");
        assertRefusal(chunked.answer());
        assertInStepOrClosed(chunked);

        RawClient late = app.client();
        late.request("POST", "/blocking", "Content-Length: 5000");
        assertRefusal(late.answer());
        try {
            late.send("x".repeat(5_000));
        } catch (SocketException e) {
            // closed
        }
        assertInStepOrClosed(late);
    }

    @Test
    void s19_rule_5_4_a_client_that_sends_a_large_body_reads_its_refusal() throws Exception {
        CapacityLimiter limiter = build(builder().capacity(0).maxWaiting(0));
        gated("/blocking", limiter);
        Running app = serve();

        for (int i = 0; i < 3; i++) {
            RawClient client = app.client();
            client.request("POST", "/blocking", "Content-Type: text/plain", "Content-Length: " + LARGE);
            Caller<Boolean> sender = startStep(() -> sendUntilClosed(client, LARGE));
            assertRefusal(client.answer());
            client.close();
            get(sender.outcome());
        }
    }

    private static void sendUntilClosed(RawClient client, int bytes) {
        byte[] slice = new byte[64 << 10];
        try {
            for (int sent = 0; sent < bytes; sent += slice.length) {
                client.send(slice);
            }
        } catch (IOException e) {
            // the server takes no more, as it may
        }
    }

    @Test
    void s20_rule_5_4_a_client_that_expects_100_continue_is_refused_before_it_sends_the_body() throws Exception {
        CapacityLimiter limiter = build(builder().capacity(0).maxWaiting(0));
        gated("/blocking", limiter);
        uploaded("/upload", limiter, UploadLimits.defaults(), limiter, (exchange, upload) -> {});
        Running app = serve();

        for (String path : List.of("/blocking", "/upload")) {
            RawClient client = app.client();
            client.request(
                    "POST",
                    path,
                    "Expect: 100-continue",
                    "Content-Type: multipart/form-data; boundary=b",
                    "Content-Length: " + LARGE);
            RawClient.Answer answer = client.answer();
            if (answer.status() == 100 && !app.can(Capability.CONTINUE_AFTER_ADMISSION)) {
                answer = client.answer(); // refused all the same, before it has sent anything
            }
            assertRefusal(answer);
        }
    }

    @Test
    void s21_rule_5_4_100_continue_comes_after_admission() throws Exception {
        CapacityLimiter storage = limiter(1);
        CapacityLimiter limiter = limiter(1);
        uploaded(
                "/upload",
                storage,
                UploadLimits.defaults(),
                limiter,
                (exchange, upload) -> Exchanges.text(
                        exchange, 200, upload.part("a").orElseThrow().text()));
        Running app = serve();
        List<Permit> held = hold(storage, 1);
        byte[] body = Multipart.of().field("a", "b").bytes();
        RawClient client = app.client()
                .request(
                        "POST",
                        "/upload",
                        "Expect: 100-continue",
                        "Content-Type: " + Multipart.TYPE,
                        "Content-Length: " + body.length);
        awaitWaiting(storage, 1);
        app.assertPingIsAnswered();
        if (app.can(Capability.CONTINUE_AFTER_ADMISSION)) {
            assertThat(client.hasUnread()).as("said something before admission").isFalse();
        }

        closeAll(held);

        assertThat(client.answer().status()).isEqualTo(100);
        assertThat(client.send(body).answer().text()).isEqualTo("b");
    }

    @Test
    void s22_rule_1_11_a_closed_limiter_refuses_alike() throws Exception {
        CapacityLimiter limiter = limiter(1);
        Gate gate = gated("/blocking", limiter);
        Running app = serve();
        RawClient running = app.client().request("GET", "/blocking");
        await(gate.entered);
        RawClient queued = app.client().request("GET", "/blocking");
        awaitWaiting(limiter, 1);

        limiter.close();

        assertThat(queued.answer().status()).isEqualTo(503);
        assertThat(app.client().get("/blocking").status()).isEqualTo(503);
        gate.open();
        assertThat(running.answer().text()).isEqualTo("passed");
    }

    @Test
    void s23_rule_2_4_an_endpoint_may_run_more_work_under_its_own_limiter() throws Exception {
        CapacityLimiter limiter = limiter(1);
        endpoint(
                "/nested",
                limiter,
                exchange -> Exchanges.text(exchange, 200, get(Limiters.run(limiter, () -> "inner"))));
        Running app = serve();

        assertThat(app.client().get("/nested").text()).isEqualTo("inner");
    }

    @Test
    void s89_rule_5_1_a_handler_that_would_block_its_server_is_told_so_at_once() throws Exception {
        CapacityLimiter limiter = limiter(2);
        route("/acquire", exchange -> limiter.acquire().close());
        route("/call", exchange -> Limiters.call(limiter, () -> "ran"));
        route("/asks", exchange -> {
            List<String> answers = new ArrayList<>();
            try {
                limiter.acquire().close();
                answers.add("acquired");
            } catch (IllegalStateException e) {
                answers.add("refused");
            }
            try {
                limiter.tryAcquire(Duration.ofSeconds(1)).orElseThrow().close();
                answers.add("acquired");
            } catch (IllegalStateException e) {
                answers.add("refused");
            }
            limiter.tryAcquire().orElseThrow().close();
            Exchanges.text(exchange, 200, String.join(", ", answers));
        });
        endpoint("/endpoint", limiter, exchange -> {
            limiter.acquire().close(); // on a worker, beside its own permit
            Exchanges.text(exchange, 200, "acquired");
        });
        Running app = serve();

        assertThat(app.client().get("/asks").text()).isEqualTo("refused, refused");
        assertThat(app.client().get("/acquire").status()).isEqualTo(500);
        assertThat(app.client().get("/call").status()).isEqualTo(500);
        assertThat(app.client().get("/endpoint").text()).isEqualTo("acquired");
        assertThat(limiter.statistics().acquired()).as("granted").isEqualTo(3); // by tryAcquire and to the endpoint
    }
}
