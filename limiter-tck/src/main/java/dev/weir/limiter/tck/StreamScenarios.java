package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Permit;
import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Exchanges;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Streamed responses, and files. */
@SuppressWarnings("FutureReturnValueIgnored") // the client sees what became of an answer
public abstract class StreamScenarios extends AdmissionScenarios {

    /** Large enough that no socket buffer swallows a whole stream. */
    private static final byte[] LARGE_ITEM =
            "0123456789abcdef".repeat(512).getBytes(java.nio.charset.StandardCharsets.US_ASCII);

    /** What socket buffers on both sides may hold at most, with what is written and read ahead. */
    private static final long BUFFERED = 12 << 20;

    /** For subclasses. */
    protected StreamScenarios() {}

    @Test
    void s24_rule_5_5_a_stream_of_four_thousand_items_arrives_whole() throws Exception {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = new WatchedSource(4_000);
        streamed("/stream", limiter, source);
        Running app = serve();
        RawClient client = app.client();

        RawClient.Answer answer = client.get("/stream");

        assertThat(answer.status()).isEqualTo(200);
        assertThat(answer.text()).isEqualTo(new String(ITEM, java.nio.charset.StandardCharsets.US_ASCII).repeat(4_000));
        awaitClosed(source);
        assertUsableOrClosed(client, answer);
    }

    @Test
    void s25_rule_5_5_a_slow_reader_of_four_thousand_items_holds_no_permit_and_little_memory() throws Exception {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = new WatchedSource(4_000);
        streamed("/stream", limiter, source, LARGE_ITEM);
        Running app = serve();
        RawClient slow = app.slowClient().request("GET", "/stream");
        assertThat(slow.head().status()).isEqualTo(200);

        long read = 0;
        for (int pause = 0; pause < 4; pause++) {
            awaitStill(source, app);
            awaitIdle(limiter);
            long drawn = (long) source.drawn.get() * LARGE_ITEM.length;
            assertThat(drawn - read).as("bytes drawn ahead of the client").isLessThan(BUFFERED);
            for (long until = read + (4 << 20); read < until; ) {
                read += slow.chunk().length;
            }
        }
        for (byte[] chunk = slow.chunk(); chunk.length > 0; chunk = slow.chunk()) {
            read += chunk.length;
        }

        assertThat(read).isEqualTo(4_000L * LARGE_ITEM.length);
        awaitClosed(source);
    }

    @Test
    void s26_rule_5_5_a_client_killed_mid_stream_stops_the_source_within_a_second() throws Exception {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = WatchedSource.endless();
        streamed("/stream", limiter, source);
        Running app = serve();
        RawClient client = app.client().request("GET", "/stream");
        client.exactly(50_000);

        long start = System.nanoTime();
        client.kill();
        awaitClosed(source);

        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(1));
    }

    @Test
    void s27_rule_5_5_a_client_that_leaves_while_its_stream_is_stalled_stops_the_source() throws Exception {
        CapacityLimiter limiter = limiter(1);
        WatchedSource killedSource = WatchedSource.endless();
        WatchedSource closedSource = WatchedSource.endless();
        streamed("/killed", limiter, killedSource, LARGE_ITEM);
        streamed("/closed", limiter, closedSource, LARGE_ITEM);
        Running app = serve();
        RawClient killed = app.slowClient().request("GET", "/killed");
        RawClient closed = app.slowClient().request("GET", "/closed");
        awaitStill(killedSource, app);
        awaitStill(closedSource, app);

        killed.kill();
        closed.close();

        awaitClosed(killedSource);
        awaitClosed(closedSource);
    }

    @Test
    void s28_rule_3_4_a_client_that_leaves_while_next_blocks_closes_the_source_after_the_draw() throws Exception {
        CapacityLimiter limiter = limiter(1);
        CountDownLatch drawing = new CountDownLatch(1);
        CountDownLatch mayDraw = new CountDownLatch(1);
        WatchedSource source = new WatchedSource(Integer.MAX_VALUE, number -> {
            if (number == 5) {
                drawing.countDown();
                awaitUninterruptibly(mayDraw);
            }
        });
        streamed("/stream", limiter, source);
        Running app = serve();
        RawClient client = app.client().request("GET", "/stream");
        await(drawing);
        client.exactly(500);

        client.kill();
        app.assertPingIsAnswered();
        assertThat(source.closed).as("closed during a draw").hasValue(0);
        mayDraw.countDown();

        awaitClosed(source);
    }

    @Test
    void s29_rule_5_5_head_draws_nothing_not_even_of_an_endless_stream() throws Exception {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = WatchedSource.endless();
        streamed("/stream", limiter, source);
        Running app = serve();
        RawClient client = app.client();

        for (int i = 0; i < 3; i++) {
            RawClient.Answer answer = client.request("HEAD", "/stream").answer(true);
            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.header("content-type")).isEqualTo("text/plain");
            assertUsableOrClosed(client, answer);
            client = answer.closesConnection() ? app.client() : client;
        }
        awaitIdle(limiter);
        assertThat(source.drawn).hasValue(0);
        await("what was opened to be closed", () -> source.opened.get() == source.closed.get());
    }

    @Test
    void s30_rule_5_6_a_first_item_that_fails_is_a_500() throws Exception {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = new WatchedSource(10, number -> {
            throw new IOException("the source's own failure, with secrets in it");
        });
        streamed("/stream", limiter, source);
        Running app = serve();
        RawClient client = app.client();

        RawClient.Answer answer = client.get("/stream");

        assertProblem(answer, 500);
        assertThat(answer.text()).doesNotContain("secrets");
        awaitClosed(source);
        assertUsableOrClosed(client, answer);
    }

    @Test
    void s31_rule_5_6_a_committed_stream_that_fails_is_cut_so_that_the_client_can_see_it() throws Exception {
        Step exception = () -> {
            throw new IOException("on purpose");
        };
        Step error = () -> {
            throw new AssertionError("on purpose");
        };
        for (Step failure : List.of(exception, error)) {
            CapacityLimiter limiter = limiter(1);
            CountDownLatch mayFail = new CountDownLatch(1);
            WatchedSource source = new WatchedSource(10, number -> {
                if (number == 5) {
                    awaitUninterruptibly(mayFail);
                    failure.run();
                }
            });
            streamed("/stream", limiter, source);
            Running app = serve();
            RawClient client = app.client().request("GET", "/stream");
            assertThat(client.head().status()).isEqualTo(200);
            mayFail.countDown();

            assertEnds(client, app.can(Capability.ABORT_COMMITTED));
            awaitClosed(source);
        }
    }

    /** The answer must end in time; where a server can cut it, without the chunk that says that it is whole. */
    private static void assertEnds(RawClient client, boolean cut) throws IOException {
        try {
            while (client.chunk().length > 0) {
                // reads on
            }
            assertThat(cut).as("the last chunk has come, but must not").isFalse();
        } catch (SocketTimeoutException e) {
            throw e;
        } catch (IOException e) {
            // cut
        }
    }

    @Test
    void s32_rule_5_6_an_endpoint_that_fails_after_its_first_write_is_cut() throws Exception {
        CapacityLimiter limiter = limiter(1);
        endpoint("/fails", limiter, exchange -> {
            exchange.respond(200, dev.weir.limiter.http.Headers.of("Content-Length", "1000"));
            get(exchange.write(java.nio.ByteBuffer.wrap(new byte[100]), false).toCompletableFuture());
            throw new IOException("on purpose");
        });
        Running app = serve();

        RawClient client = app.client().request("GET", "/fails");

        assertThat(client.head().status()).isEqualTo(200);
        if (app.can(Capability.ABORT_COMMITTED)) {
            assertThat(client.rest()).hasSizeLessThan(1000);
        }
        awaitIdle(limiter);
    }

    @Test
    void s33_rule_3_7_a_running_stream_goes_on_though_the_queue_is_full() throws Exception {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(1));
        WatchedSource source = new WatchedSource(2_000);
        streamed("/stream", limiter, source, LARGE_ITEM);
        Running app = serve();
        RawClient running = app.slowClient().request("GET", "/stream");
        awaitStill(source, app);
        Permit held = take(limiter);
        CompletableFuture<Permit> waiting = limiter.acquireAsync();
        assertRefusal(app.client().get("/stream"));
        int before = source.drawn.get();

        Caller<RawClient.Answer> answer = start(running::answer);
        await("the stream to wait for its turn", () -> limiter.statistics().waiting() == 2);
        held.close();
        get(waiting).close();

        // Each read of the slow client has a limit of its own; how long all of them take depends on the machine.
        assertThat(answer.outcome().get(1, TimeUnit.MINUTES).body()).hasSize(2_000 * LARGE_ITEM.length);
        assertThat(source.drawn).hasValueGreaterThan(before);
        await("the source to be closed", () -> source.opened.get() == source.closed.get());
    }

    @Test
    void s34_rule_3_3_many_streams_share_one_permit() throws Exception {
        CapacityLimiter limiter = limiter(1);
        Running app = serve();
        List<RawClient> clients = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            streamed("/" + i, limiter, new WatchedSource(300));
            clients.add(app.client().request("GET", "/" + i));
        }

        for (RawClient client : clients) {
            assertThat(client.answer().body()).hasSize(300 * ITEM.length);
        }
    }

    @Test
    void s35_rule_5_4_a_refused_stream_is_a_503() throws Exception {
        CapacityLimiter limiter = build(builder().capacity(0).maxWaiting(0));
        WatchedSource source = WatchedSource.endless();
        streamed("/stream", limiter, source);
        Running app = serve();

        assertRefusal(app.client().get("/stream"));

        assertThat(source.drawn).hasValue(0);
    }

    // ---- files ----

    @Test
    void s36_rule_5_5_a_file_arrives_whole_and_a_missing_one_is_404() throws Exception {
        CapacityLimiter limiter = limiter(1);
        byte[] content = new byte[3_000_000];
        new Random(1).nextBytes(content);
        Path file = Files.write(directory.resolve("file.bin"), content);
        route("/file", exchange -> Exchanges.file(exchange, limiter, file));
        route("/missing", exchange -> Exchanges.file(exchange, limiter, directory.resolve("missing")));
        Running app = serve();
        RawClient client = app.client();

        assertThat(client.get("/file").body()).isEqualTo(content);
        RawClient.Answer head = client.request("HEAD", "/file").answer(true);
        assertThat(head.header("content-length")).isEqualTo("3000000");
        assertProblem(client.get("/missing"), 404);
        awaitIdle(limiter);
    }

    @Test
    void s37_rule_5_5_a_file_whose_client_does_not_read_holds_no_permit_and_is_closed_when_it_leaves()
            throws Exception {
        CapacityLimiter limiter = limiter(1);
        byte[] content = new byte[32 << 20];
        Arrays.fill(content, (byte) 'x');
        Path file = Files.write(directory.resolve("large.bin"), content);
        route("/file", exchange -> Exchanges.file(exchange, limiter, file));
        Running app = serve();
        RawClient slow = app.slowClient().request("GET", "/file");
        RawClient leaves = app.slowClient().request("GET", "/file");
        assertThat(slow.head().status()).isEqualTo(200);
        assertThat(leaves.head().status()).isEqualTo(200);

        awaitIdle(limiter);
        assertThat(app.client().get("/file").body()).hasSize(content.length);
        leaves.kill();
        assertThat(slow.exactly(content.length)).isEqualTo(content);

        awaitIdle(limiter);
        await("the file to be closed", () -> !isOpen(file));
    }

    /** Whether this JVM has the file open, where that can be seen. */
    private static boolean isOpen(Path file) throws IOException {
        Path descriptors = Path.of("/proc/self/fd");
        if (!Files.isDirectory(descriptors)) {
            return false;
        }
        try (Stream<Path> all = Files.list(descriptors)) {
            return all.anyMatch(descriptor -> leadsTo(descriptor, file));
        }
    }

    private static boolean leadsTo(Path descriptor, Path file) {
        try {
            return Files.readSymbolicLink(descriptor).equals(file.toRealPath());
        } catch (IOException e) {
            return false; // closed meanwhile
        }
    }
}
