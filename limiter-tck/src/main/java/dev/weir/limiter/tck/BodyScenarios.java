package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import java.io.EOFException;
import java.io.IOException;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Bodies that handlers read and write themselves, piece by piece. */
@SuppressWarnings("FutureReturnValueIgnored") // the client sees what became of an answer
public abstract class BodyScenarios extends WireScenarios {

    /** For subclasses. */
    protected BodyScenarios() {}

    // ---- what is written and read ----

    /** What a response is made of: "0123456789abcdef", in buffers of every kind. */
    private static List<ByteBuffer> kinds() {
        ByteBuffer slice = ascii("((0123))").position(1).slice().position(1).limit(5);
        ByteBuffer direct = ByteBuffer.allocateDirect(8).put(ascii("4567")).flip();
        ByteBuffer readOnly = ascii("89ab").asReadOnlyBuffer();
        ByteBuffer readOnlySlice =
                ascii("((cdef))").position(2).slice().asReadOnlyBuffer().limit(4);
        return List.of(slice, direct, ByteBuffer.allocate(0), readOnly, readOnlySlice);
    }

    private static ByteBuffer ascii(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
    }

    @Test
    void s91_a_buffer_is_sent_from_its_position_to_its_limit_whatever_its_kind() throws Exception {
        CapacityLimiter limiter = limiter(1);
        route("/one", exchange -> {
            exchange.respond(200, Headers.of());
            exchange.write(kinds().get(Integer.parseInt(exchange.query().orElseThrow())), true);
        });
        route("/all", exchange -> {
            exchange.respond(200, Headers.of());
            CompletionStage<Void> sent = CompletableFuture.completedFuture(null);
            for (ByteBuffer buffer : kinds()) {
                sent = sent.thenCompose(ignored -> exchange.write(buffer, false));
            }
            sent.thenCompose(ignored -> exchange.write(ByteBuffer.allocate(0), true));
        });
        route("/stream", exchange -> Exchanges.stream(exchange, 200, Headers.of(), Limiters.iterate(limiter, kinds())));
        Running app = serve();

        for (String path : List.of("/all", "/stream")) {
            assertThat(app.client().get(path).text()).isEqualTo("0123456789abcdef");
        }
        List<String> texts = List.of("0123", "4567", "", "89ab", "cdef");
        for (int i = 0; i < texts.size(); i++) {
            assertThat(app.client().get("/one?" + i).text()).isEqualTo(texts.get(i));
        }
    }

    @Test
    void s92_a_read_that_is_under_way_when_the_response_ends_fails_and_takes_nothing_of_the_next_request()
            throws Exception {
        CompletableFuture<Exchange> answered = new CompletableFuture<>();
        CompletableFuture<CompletableFuture<Optional<ByteBuffer>>> read = new CompletableFuture<>();
        route("/hasty", exchange -> {
            read.complete(exchange.read().toCompletableFuture());
            Exchanges.text(exchange, 200, "hasty").thenRun(() -> answered.complete(exchange));
        });
        Running app = serve();
        RawClient client = app.client().request("POST", "/hasty", "Content-Length: 5");

        assertThat(client.answer().text()).isEqualTo("hasty");

        assertThat(failureOf(get(read))).isInstanceOf(IOException.class);
        assertThat(failureOf(get(answered).read().toCompletableFuture())).isInstanceOf(IOException.class);
        assertInStepOrClosed(client, "12345");
    }

    // ---- what is not read ----

    /** More than lies between two sockets, in their buffers and in those of a server. */
    private static final long FLOOD = 64 << 20;

    @Test
    void s93_rule_5_5_a_client_is_held_back_while_its_request_waits() throws Exception {
        CapacityLimiter limiter = build(builder().capacity(0));
        endpoint("/waits", limiter, exchange -> Exchanges.text(exchange, 200, "waited"));
        Running app = serve();
        RawClient uploading = app.client().request("POST", "/waits", "Content-Length: " + FLOOD);
        RawClient pipelining = app.client().request("GET", "/waits");
        awaitWaiting(limiter, 2);

        AtomicLong body = flood(uploading, new byte[16 * 1024]);
        AtomicLong requests =
                flood(pipelining, RawClient.head("GET", "/ping").repeat(500).getBytes(StandardCharsets.US_ASCII));

        awaitStill("the clients to be held back", () -> body.get() + requests.get(), app);
        assertThat(body).as("bytes of a body that nobody reads").hasValueLessThan(FLOOD / 2);
        assertThat(requests).as("bytes of requests that are not due").hasValueLessThan(FLOOD / 2);
        uploading.kill();
        pipelining.kill();
        limiter.resize(1);
    }

    /** Sends as much as is taken, on a thread that ends when the client is closed. */
    private static AtomicLong flood(RawClient client, byte[] bytes) {
        AtomicLong sent = new AtomicLong();
        startStep(() -> {
            while (sent.get() < FLOOD) {
                client.send(bytes);
                sent.addAndGet(bytes.length);
            }
        });
        return sent;
    }

    // ---- clients that leave meanwhile ----

    /** An endpoint that blocks in its second read until that fails, and then gives up. */
    private CompletableFuture<Throwable> readsTwice(String path, CapacityLimiter limiter, CountDownLatch begun) {
        CompletableFuture<Throwable> failed = new CompletableFuture<>();
        endpoint(path, limiter, exchange -> {
            assertThat(get(exchange.read().toCompletableFuture())).isPresent();
            CompletionStage<Optional<ByteBuffer>> read = exchange.read();
            begun.countDown();
            try {
                read.toCompletableFuture().get(1, TimeUnit.MINUTES);
            } catch (ExecutionException e) {
                Throwable failure = Objects.requireNonNullElse(e.getCause(), e);
                failed.complete(failure);
                exchange.abort(failure);
            }
        });
        return failed;
    }

    /** An endpoint that blocks in writes, which it counts, until one fails. */
    private CompletableFuture<Throwable> writesOn(String path, CapacityLimiter limiter, AtomicLong begun) {
        CompletableFuture<Throwable> failed = new CompletableFuture<>();
        endpoint(path, limiter, exchange -> {
            exchange.respond(200, Headers.of());
            try {
                while (true) {
                    CompletionStage<Void> sent = exchange.write(ByteBuffer.allocate(64 * 1024), false);
                    begun.incrementAndGet();
                    sent.toCompletableFuture().get(1, TimeUnit.MINUTES);
                }
            } catch (ExecutionException e) {
                failed.complete(e.getCause());
            }
        });
        return failed;
    }

    @Test
    void s94_rule_5_5_a_handler_that_blocks_in_a_read_hears_that_its_client_has_left() throws Exception {
        CapacityLimiter limiter = limiter(1);
        CountDownLatch begun = new CountDownLatch(1);
        CompletableFuture<Throwable> failed = readsTwice("/reads", limiter, begun);
        Running app = serve();
        RawClient client =
                app.client().request("POST", "/reads", "Content-Length: 10").send("begun");
        await(begun);

        client.kill();

        assertThat(get(failed)).isInstanceOf(IOException.class);
        awaitIdle(limiter);
    }

    @Test
    void s95_rule_5_5_a_handler_that_blocks_in_a_write_hears_that_its_client_has_left() throws Exception {
        CapacityLimiter limiter = limiter(1);
        AtomicLong writes = new AtomicLong();
        CompletableFuture<Throwable> failed = writesOn("/writes", limiter, writes);
        Running app = serve();
        RawClient client = app.slowClient().request("GET", "/writes");
        awaitStill("the writes to wait for the client", writes::get, app);

        client.kill();

        assertThat(get(failed)).isInstanceOf(IOException.class);
        awaitIdle(limiter);
    }

    @Test
    void s96_rule_5_5_handlers_that_block_in_a_read_or_a_write_hear_that_their_stream_was_reset() throws Exception {
        assertBothHear((client, streams) -> {
            for (Http2Client.Stream stream : streams) {
                stream.reset();
            }
            assertThat(client.get("/ping").text()).isEqualTo("pong");
        });
    }

    @Test
    void s97_rule_5_5_handlers_that_block_in_a_read_or_a_write_hear_that_their_connection_was_killed()
            throws Exception {
        assertBothHear((client, streams) -> client.kill());
    }

    /** What a client does. */
    @FunctionalInterface
    private interface Leaving {
        void leave(Http2Client client, List<Http2Client.Stream> streams) throws Exception;
    }

    private void assertBothHear(Leaving how) throws Exception {
        CapacityLimiter limiter = limiter(2);
        CountDownLatch begun = new CountDownLatch(1);
        AtomicLong writes = new AtomicLong();
        CompletableFuture<Throwable> failedRead = readsTwice("/reads", limiter, begun);
        CompletableFuture<Throwable> failedWrite = writesOn("/writes", limiter, writes);
        Running app = serveHttp2();
        Http2Client client = app.http2();
        Http2Client.Stream sends =
                client.open("POST", "/reads").send(ascii("begun").array(), false);
        Http2Client.Stream receives = client.request("GET", "/writes").stall();
        await(begun);
        awaitStill("the writes to wait for the client", writes::get, app);

        how.leave(client, List.of(sends, receives));

        assertThat(get(failedRead)).isInstanceOf(IOException.class);
        assertThat(get(failedWrite)).isInstanceOf(IOException.class);
        awaitIdle(limiter);
    }

    // ---- no body at all ----

    @Test
    void s98_rule_5_6_an_exchange_that_is_aborted_before_its_response_has_begun_ends_the_connection() throws Exception {
        route("/aborts", exchange -> exchange.abort(new IOException("on purpose")));
        Running app = serve();
        RawClient client = app.client().request("GET", "/aborts");

        try {
            RawClient.Answer answer = client.answer();
            assertThat(answer.status()).isEqualTo(500);
            assertThat(answer.closesConnection()).as("announced the end").isTrue();
        } catch (EOFException | SocketException e) {
            // no answer at all
        }
        assertThat(client.rest()).isEmpty();
    }
}
