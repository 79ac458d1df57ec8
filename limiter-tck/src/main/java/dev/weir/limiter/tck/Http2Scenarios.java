package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Permit;
import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.UploadLimits;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Many exchanges on one connection. Skipped where the server speaks no HTTP/2. */
@SuppressWarnings("FutureReturnValueIgnored") // the client sees what became of an answer
public abstract class Http2Scenarios extends BodyScenarios {

    private static final String[] UPLOAD = {"content-type", Multipart.TYPE};

    /** For subclasses. */
    protected Http2Scenarios() {}

    @Test
    void s67_rule_5_3_every_exchange_declares_what_its_server_can_do_over_http_2() throws Exception {
        Queue<Set<Capability>> declared = new ConcurrentLinkedQueue<>();
        route("/capabilities", exchange -> {
            declared.add(sorted(exchange.capabilities()));
            Exchanges.text(exchange, 200, exchange.protocol());
        });
        Running app = serveHttp2();

        assertThat(app.http2().get("/capabilities").text()).isEqualTo(HttpProtocol.HTTP_2.version());

        assertThat(declared).containsExactly(sorted(app.server.capabilities(HttpProtocol.HTTP_2)));
        assertThat(declared.element()).contains(Capability.MULTIPLEXED);
    }

    @Test
    void s68_rule_5_1_a_hundred_streams_of_one_connection_wait_without_a_thread() throws Exception {
        CapacityLimiter limiter = limiter(2);
        Gate gate = gated("/blocking", limiter);
        Running app = serveHttp2();
        Http2Client client = app.http2();
        List<Http2Client.Stream> streams = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            streams.add(client.request("GET", "/blocking"));
        }
        awaitWaiting(limiter, 98);

        assertThat(client.get("/ping").text()).as("on the same connection").isEqualTo("pong");

        gate.open();
        for (Http2Client.Stream stream : streams) {
            assertThat(stream.answer().text()).isEqualTo("passed");
        }
    }

    @Test
    void s69_rule_5_5_eight_streams_arrive_whole_under_a_limit_of_two() throws Exception {
        CapacityLimiter limiter = limiter(2);
        Running app = serveHttp2();
        Http2Client client = app.http2();
        List<Http2Client.Stream> streams = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            streamed("/" + i, limiter, new WatchedSource(300));
            streams.add(client.request("GET", "/" + i));
        }

        for (Http2Client.Stream stream : streams) {
            assertThat(stream.answer().body()).hasSize(300 * ITEM.length);
        }
    }

    @Test
    void s70_rule_5_3_a_stream_cancelled_while_queued_leaves_the_queue_and_its_handler_never_runs() throws Exception {
        CapacityLimiter limiter = limiter(1);
        Gate first = gated("/first", limiter);
        AtomicInteger ran = new AtomicInteger();
        endpoint("/never", limiter, exchange -> {
            ran.incrementAndGet();
            Exchanges.text(exchange, 200, "ran");
        });
        Running app = serveHttp2();
        Http2Client client = app.http2();
        Http2Client.Stream stays = client.request("GET", "/first");
        await(first.entered);
        List<Http2Client.Stream> leave = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            leave.add(client.request("GET", "/never"));
        }
        awaitWaiting(limiter, 5);
        awaitSuspended(client);

        for (Http2Client.Stream stream : leave) {
            stream.reset();
        }

        if (app.can(Capability.DISCONNECT_WHILE_WAITING)) {
            awaitWaiting(limiter, 0);
        }
        first.open();
        assertThat(stays.answer().text()).isEqualTo("passed");
        awaitIdle(limiter);
        if (app.can(Capability.DISCONNECT_WHILE_WAITING)) {
            assertThat(ran).as("handlers that ran").hasValue(0);
        }
        assertThat(client.get("/ping").text()).isEqualTo("pong");
    }

    /**
     * Waits until the server's threads have let go of the requests that wait. A container may miss a reset that comes while it is
     * still suspending the request: Jetty's servlets do (ServletChannelState.asyncError).
     */
    private static void awaitSuspended(Http2Client client) throws IOException {
        for (int i = 0; i < 20; i++) {
            assertThat(client.get("/ping").text()).isEqualTo("pong");
        }
    }

    @Test
    void s71_rule_5_5_a_stream_cancelled_half_way_closes_its_source_and_leaves_the_others_alone() throws Exception {
        CapacityLimiter limiter = limiter(1);
        WatchedSource cancelled = WatchedSource.endless();
        streamed("/cancelled", limiter, cancelled);
        streamed("/other", limiter, new WatchedSource(2_000));
        Running app = serveHttp2();
        Http2Client client = app.http2();
        Http2Client.Stream leaves = client.request("GET", "/cancelled");
        await("the stream to begin", () -> leaves.received() > 50_000);
        Http2Client.Stream other = client.request("GET", "/other");

        long start = System.nanoTime();
        leaves.reset();
        awaitClosed(cancelled);

        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(1));
        assertThat(other.answer().body()).hasSize(2_000 * ITEM.length);
    }

    @Test
    void s72_rule_5_6_a_stream_that_fails_is_reset_and_the_others_go_on() throws Exception {
        CapacityLimiter limiter = limiter(2);
        CountDownLatch mayFail = new CountDownLatch(1);
        WatchedSource source = new WatchedSource(10, number -> {
            if (number == 5) {
                awaitUninterruptibly(mayFail);
                throw new IOException("on purpose");
            }
        });
        streamed("/fails", limiter, source);
        streamed("/other", limiter, new WatchedSource(2_000));
        Running app = serveHttp2();
        Http2Client client = app.http2();
        Http2Client.Stream fails = client.request("GET", "/fails");
        assertThat(get(fails.status)).isEqualTo(200);
        Http2Client.Stream other = client.request("GET", "/other");
        mayFail.countDown();

        if (app.can(Capability.ABORT_COMMITTED)) {
            assertThatThrownBy(fails::answer).isInstanceOf(Http2Client.ResetException.class);
        } else {
            await("the answer to end", fails::isDone);
        }
        assertThat(other.answer().body()).hasSize(2_000 * ITEM.length);
        assertThat(client.get("/ping").text()).as("on the same connection").isEqualTo("pong");
        awaitClosed(source);
    }

    @Test
    void s73_rule_5_4_a_refusal_has_the_same_fields_and_bytes_and_the_connection_goes_on() throws Exception {
        CapacityLimiter limiter = build(builder().capacity(0).maxWaiting(0));
        endpoint("/full", limiter, exchange -> {});
        Running app = serveHttp2();
        Http2Client client = app.http2();

        for (int i = 0; i < 10; i++) {
            assertRefusal(client.get("/full"));
        }
        assertThat(client.request("HEAD", "/full").answer().status()).isEqualTo(503);
        assertThat(client.get("/ping").text()).isEqualTo("pong");
    }

    @Test
    void s74_rule_5_4_refusals_of_large_bodies_leave_the_connection_usable() throws Exception {
        CapacityLimiter limiter = build(builder().capacity(0).maxWaiting(0));
        endpoint("/full", limiter, exchange -> {});
        Running app = serveHttp2();
        Http2Client client = app.http2();
        byte[] slice = new byte[200_000];

        for (int i = 0; i < 10; i++) {
            Http2Client.Stream stream = client.open("POST", "/full", "content-length", "20000000");
            assertThat(get(stream.status)).isEqualTo(503);
            try {
                stream.send(slice, false);
            } catch (IOException e) {
                // the server takes no more of it, as it may
            }
            stream.reset();
        }

        assertThat(client.get("/ping").text()).as("on the same connection").isEqualTo("pong");
    }

    @Test
    void s75_rule_5_5_a_stream_that_is_not_read_holds_no_permit_and_keeps_no_other_waiting() throws Exception {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = new WatchedSource(1_000);
        streamed("/stalled", limiter, source);
        streamed("/other", limiter, new WatchedSource(1_000));
        Running app = serveHttp2();
        Http2Client client = app.http2();
        Http2Client.Stream stalled = client.request("GET", "/stalled").stall();
        awaitStill(source, app);
        awaitIdle(limiter);
        assertThat(source.drawn).hasValueLessThan(300);

        assertThat(client.get("/other").body()).hasSize(1_000 * ITEM.length);

        stalled.flow();
        assertThat(stalled.answer().body()).hasSize(1_000 * ITEM.length);
        awaitStillClosed(source);
    }

    private void awaitStillClosed(WatchedSource source) {
        awaitClosed(source);
        assertThat(source.drawn).hasValue(1_000);
    }

    @Test
    void s76_rule_5_5_thirty_uploads_of_one_connection_finish_under_a_limit_of_two() throws Exception {
        CapacityLimiter storage = described(2, UploadLimits.defaults());
        Running app = serveHttp2();
        Http2Client client = app.http2();
        byte[] content = random(300_000);
        byte[] body = Multipart.of().field("title", "x").file("f", "f", content).bytes();
        String expected = line("title", "-", new byte[] {'x'}) + line("f", "f", content);
        List<Caller<RawClient.Answer>> uploads = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            Http2Client.Stream stream = client.open("POST", "/upload", UPLOAD);
            uploads.add(start(() -> stream.send(body, true).answer()));
        }

        for (Caller<RawClient.Answer> upload : uploads) {
            assertThat(get(upload.outcome()).text()).isEqualTo(expected);
        }
        awaitIdle(storage);
        awaitNoTemporaryFiles();
    }

    @Test
    void s77_rule_5_5_stalled_uploads_of_one_connection_do_not_keep_another_from_finishing() throws Exception {
        CapacityLimiter storage = described(2, UploadLimits.defaults());
        Running app = serveHttp2();
        Http2Client client = app.http2();
        byte[] content = random(100_000);
        byte[] body = Multipart.of().file("f", "f", content).bytes();
        List<Http2Client.Stream> stalled = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            stalled.add(client.open("POST", "/upload", UPLOAD).send(Arrays.copyOf(body, 20_000), false));
        }
        await("every first slice", () -> temporaryFiles() == 10);
        awaitIdle(storage);

        assertThat(client.open("POST", "/upload", UPLOAD)
                        .send(body, true)
                        .answer()
                        .text())
                .isEqualTo(line("f", "f", content));

        for (Http2Client.Stream stream : stalled) {
            stream.send(Arrays.copyOfRange(body, 20_000, body.length), true);
            assertThat(stream.answer().text()).isEqualTo(line("f", "f", content));
        }
    }

    @Test
    void s78_rule_5_5_an_upload_that_is_cancelled_leaves_no_file() throws Exception {
        CapacityLimiter storage = described(1, UploadLimits.defaults());
        Running app = serveHttp2();
        Http2Client client = app.http2();
        byte[] body = Multipart.of().file("f", "f", random(100_000)).bytes();
        Http2Client.Stream stream = client.open("POST", "/upload", UPLOAD).send(Arrays.copyOf(body, 50_000), false);
        await("the first slice", this::hasStoredSlice);

        stream.reset();

        awaitNoTemporaryFiles();
        awaitIdle(storage);
        assertThat(client.get("/ping").text()).isEqualTo("pong");
    }

    @Test
    void s79_rule_5_3_an_upload_that_is_cancelled_while_queued_leaves_the_queue() throws Exception {
        CapacityLimiter storage = described(1, UploadLimits.defaults());
        Running app = serveHttp2();
        List<Permit> held = hold(storage, 1);
        Http2Client client = app.http2();
        Http2Client.Stream stream = client.open("POST", "/upload", UPLOAD);
        awaitWaiting(storage, 1);
        awaitSuspended(client);

        stream.reset();

        if (app.can(Capability.DISCONNECT_WHILE_WAITING)) {
            awaitWaiting(storage, 0);
        }
        closeAll(held);
        awaitIdle(storage);
        awaitNoTemporaryFiles();
    }

    @Test
    void s80_rule_3_7_a_running_stream_goes_on_though_the_queue_is_full() throws Exception {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(1));
        WatchedSource source = new WatchedSource(1_000);
        streamed("/stream", limiter, source);
        Running app = serveHttp2();
        Http2Client client = app.http2();
        Http2Client.Stream running = client.request("GET", "/stream").stall();
        awaitStill(source, app);
        Permit held = take(limiter);
        CompletableFuture<Permit> waiting = limiter.acquireAsync();
        assertRefusal(client.get("/stream"));

        running.flow();
        await("the stream to wait for its turn", () -> limiter.statistics().waiting() == 2);
        held.close();
        get(waiting).close();

        assertThat(running.answer().body()).hasSize(1_000 * ITEM.length);
    }

    @Test
    void s81_rule_4_1_a_task_starts_after_the_response_and_the_connection_goes_on() throws Exception {
        CapacityLimiter endpoints = limiter(1);
        CapacityLimiter background = limiter(1);
        Gate task = gate();
        endpoint("/hello", endpoints, exchange -> {
            Exchanges.background(exchange, background, task::call);
            Exchanges.text(exchange, 200, "hello");
        });
        Running app = serveHttp2();
        Http2Client client = app.http2();

        for (int i = 0; i < 5; i++) {
            assertThat(client.get("/hello").text()).isEqualTo("hello");
        }
        await(task.entered);
        assertThat(client.get("/ping").text()).isEqualTo("pong");
        awaitWaiting(background, 4);
        task.open();
        await("the tasks to end", () -> background.statistics().acquired() == 5);
    }

    @Test
    void s82_rule_5_5_head_draws_nothing_over_http_2() throws Exception {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = WatchedSource.endless();
        streamed("/stream", limiter, source);
        Running app = serveHttp2();
        Http2Client client = app.http2();

        RawClient.Answer answer = client.request("HEAD", "/stream").answer();

        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.body()).isEmpty();
        assertThat(source.drawn).hasValue(0);
    }

    @Test
    void s83_rule_5_3_a_connection_that_is_killed_ends_all_its_exchanges() throws Exception {
        CapacityLimiter limiter = limiter(1);
        CapacityLimiter streaming = limiter(1);
        WatchedSource source = WatchedSource.endless();
        Gate first = gated("/first", limiter);
        streamed("/stream", streaming, source);
        CapacityLimiter storage = described(1, UploadLimits.defaults());
        Running app = serveHttp2();
        Http2Client client = app.http2();
        client.request("GET", "/first");
        await(first.entered);
        for (int i = 0; i < 10; i++) {
            client.request("GET", "/first");
        }
        awaitWaiting(limiter, 10);
        Http2Client.Stream stream = client.request("GET", "/stream");
        await("the stream to begin", () -> stream.received() > 10_000);
        byte[] body = Multipart.of().file("f", "f", random(100_000)).truncated();
        client.open("POST", "/upload", UPLOAD).send(Arrays.copyOf(body, 50_000), false);
        await("the first slice", this::hasStoredSlice);

        client.kill();

        awaitClosed(source);
        awaitNoTemporaryFiles();
        if (app.can(Capability.DISCONNECT_WHILE_WAITING)) {
            awaitWaiting(limiter, 0);
        }
        first.open();
        awaitIdle(limiter);
        awaitIdle(storage);
    }

    @Test
    void s84_rule_5_7_a_server_that_stops_finishes_what_it_accepted_over_http_2() throws Exception {
        CapacityLimiter limiter = limiter(1);
        CapacityLimiter background = limiter(1);
        AtomicInteger tasksDone = new AtomicInteger();
        Gate gate = gate();
        endpoint("/hello", limiter, exchange -> {
            Exchanges.background(exchange, background, tasksDone::incrementAndGet);
            Exchanges.text(exchange, 200, gate.call());
        });
        Running app = serveHttp2();
        Http2Client client = app.http2();
        Http2Client.Stream running = client.request("GET", "/hello");
        await(gate.entered);

        CompletableFuture<Void> stopped = app.server.shutdown();
        assertThat(stopped).isNotDone();
        gate.open();

        assertThat(running.answer().text()).isEqualTo("passed");
        get(stopped);
        assertThat(tasksDone).hasValue(1);
    }

    @Test
    void s90_rule_5_5_a_body_over_the_limit_is_413_over_http_2_and_the_connection_goes_on() throws Exception {
        CapacityLimiter storage = described(1, UploadLimits.defaults().bodySize(20_000));
        Running app = serveHttp2();
        Http2Client client = app.http2();
        byte[] body = Multipart.of().file("f", "f", random(100_000)).bytes();

        for (int i = 0; i < 10; i++) {
            Http2Client.Stream stream = client.open("POST", "/upload", UPLOAD);
            try {
                stream.send(body, true);
            } catch (IOException e) {
                // the server takes no more of it, as it may
            }
            assertThat(get(stream.status)).isEqualTo(413);
        }

        assertThat(client.get("/ping").text()).as("on the same connection").isEqualTo("pong");
        byte[] small = random(10_000);
        assertThat(client.open("POST", "/upload", UPLOAD)
                        .send(Multipart.of().file("f", "f", small).bytes(), true)
                        .answer()
                        .text())
                .isEqualTo(line("f", "f", small));
        awaitIdle(storage);
        awaitNoTemporaryFiles();
    }
}
