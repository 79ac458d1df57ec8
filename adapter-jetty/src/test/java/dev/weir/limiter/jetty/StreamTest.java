package dev.weir.limiter.jetty;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.eclipse.jetty.http2.api.Session;
import org.eclipse.jetty.http2.api.Stream;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

/** Streamed responses: rules 5.5 and 5.6, and 3.7 and 3.8 as seen through a socket. */
class StreamTest extends JettyTest {

    private static ByteBuffer bytes(String line) {
        return ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8));
    }

    private void streamRoute(String path, CapacityLimiter limiter, Iterable<String> items) {
        route(
                path,
                exchange -> Exchanges.stream(
                        exchange,
                        200,
                        Headers.of("Content-Type", "text/plain"),
                        Limiters.iterate(limiter, items),
                        StreamTest::bytes));
    }

    private static String lines(int end) {
        return IntStream.range(0, end).mapToObj(i -> i + "\n").collect(Collectors.joining());
    }

    @RepeatedTest(20)
    void rule_5_5_fourThousandItemsToASlowReader() throws Exception {
        CapacityLimiter limiter = limiter("streaming", 2);
        Numbers numbers = Numbers.upTo(4000);
        streamRoute("/stream", limiter, numbers);
        start();
        RawClient client = keep(new RawClient(port(), 4096)).get("/stream");
        RawClient.Answer answer = client.answer();
        assertThat(answer.text()).isEqualTo(lines(4000));
        assertThat(numbers.closing.await(1, TimeUnit.SECONDS)).isTrue();
        assertThat(client.exchange("/ping").text()).isEqualTo("pong");
    }

    @Test
    void rule_5_5_aReaderThatStopsHoldsNoPermitAndBoundsWhatIsDrawn() throws Exception {
        CapacityLimiter limiter = limiter("streaming", 1);
        Numbers numbers = Numbers.endless(10_000);
        streamRoute("/stream", limiter, numbers);
        streamRoute("/other", limiter, Numbers.upTo(10));
        start();
        RawClient stopped = keep(new RawClient(port(), 4096)).get("/stream");
        stopped.head();
        AtomicInteger seen = new AtomicInteger();
        soon().during(Duration.ofMillis(50)) // "nothing happens" has no event to wait for
                .until(() -> limiter.statistics().inUse() == 0
                        && seen.getAndSet(numbers.drawn.get()) == numbers.drawn.get());
        assertThat(client().exchange("/other").text()).isEqualTo(lines(10));
        assertThat(numbers.drawn.get())
                .as("items of 10 kB, mostly in socket buffers")
                .isLessThan(1000);
        stopped.kill();
        assertThat(numbers.closing.await(1, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void rule_5_5_aClientThatIsKilledClosesTheSourceOnAWorkerWithinASecond() throws Exception {
        CapacityLimiter limiter = limiter("streaming", 1);
        Numbers numbers = Numbers.endless(100);
        streamRoute("/stream", limiter, numbers);
        start();
        RawClient client = client().get("/stream");
        client.head();
        client.exactly(10_000);
        client.kill();
        assertThat(numbers.closing.await(1, TimeUnit.SECONDS)).isTrue();
        assertThat(numbers.closedOn.get()).startsWith("weir-streaming-");
        awaitInUse(limiter, 0);
        assertThat(numbers.closed).hasValue(1);
    }

    @Test
    void rule_5_5_aResetStreamClosesTheSourceAndLeavesTheOthersAlone() throws Exception {
        CapacityLimiter limiter = limiter("streaming", 1);
        Numbers numbers = Numbers.endless(100);
        streamRoute("/stream", limiter, numbers);
        start();
        Session session = http2();
        CountDownLatch answered = new CountDownLatch(1);
        Stream.Listener listener = new Stream.Listener() {
            @Override
            public void onHeaders(Stream stream, org.eclipse.jetty.http2.frames.HeadersFrame frame) {
                answered.countDown();
            }
        };
        Stream stream =
                session.newStream(http2Head("GET", "/stream", true), listener).get(10, TimeUnit.SECONDS);
        assertThat(answered.await(10, TimeUnit.SECONDS)).isTrue();
        reset(stream);
        assertThat(numbers.closing.await(1, TimeUnit.SECONDS)).isTrue();
        assertThat(numbers.closedOn.get()).startsWith("weir-streaming-");
        assertThat(session.isClosed()).isFalse();
    }

    @Test
    void rule_5_5_headOfAnEndlessStreamDrawsNothingAndClosesTheSource() throws Exception {
        CapacityLimiter limiter = limiter("streaming", 1);
        Numbers numbers = Numbers.endless(0);
        CountDownLatch closed = new CountDownLatch(1);
        route(
                "/stream",
                exchange -> Exchanges.stream(
                        exchange,
                        200,
                        Headers.of(),
                        Limiters.iterate(
                                limiter,
                                java.util.stream.Stream.generate(() -> "x").onClose(closed::countDown)),
                        StreamTest::bytes));
        streamRoute("/numbers", limiter, numbers);
        start();
        RawClient client = client();
        for (String path : List.of("/stream", "/numbers")) {
            client.request("HEAD", path);
            RawClient.Answer answer = client.answer(false);
            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.header("Content-Length"))
                    .as("nobody knows how long the answer to a GET would be")
                    .isEmpty();
        }
        assertThat(closed.await(1, TimeUnit.SECONDS)).isTrue();
        assertThat(numbers.drawn).hasValue(0);
        assertThat(client.exchange("/ping").text()).isEqualTo("pong");
    }

    @Test
    void rule_5_6_aFailureOfTheFirstItemIsA500AndALaterOneCutsTheResponse() throws Exception {
        CapacityLimiter limiter = limiter("streaming", 1);
        Numbers first = Numbers.failingAt(0);
        Numbers later = Numbers.failingAt(3);
        streamRoute("/first", limiter, first);
        streamRoute("/later", limiter, later);
        start();
        RawClient client = client();
        assertThat(client.exchange("/first").status()).isEqualTo(500);
        assertThat(client.exchange("/ping").text()).isEqualTo("pong");
        for (int i = 0; i < 20; i++) {
            RawClient cut = client().get("/later");
            assertThat(cut.head().status()).isEqualTo(200);
            String rest = new String(cut.rest(), StandardCharsets.UTF_8);
            assertThat(rest.replaceAll("\r\n[0-9a-f]+\r\n|^[0-9a-f]+\r\n|\r\n$", ""))
                    .isEqualTo("0\n1\n2\n");
            assertThat(rest).doesNotContain("\r\n0\r\n");
        }
        soon().untilAsserted(() -> assertThat(later.closed).hasValue(20));
    }

    @Test
    void rule_5_5_aRefusedStreamIsA503() throws Exception {
        CapacityLimiter limiter =
                limiter("streaming", settings -> settings.capacity(0).maxWaiting(0));
        streamRoute("/stream", limiter, Numbers.upTo(3));
        start();
        assertThat(client().exchange("/stream").status()).isEqualTo(503);
    }

    @Test
    void rule_3_7_aRunningStreamIsNotCutWhenTheQueueIsFull() throws Exception {
        CapacityLimiter limiter =
                limiter("streaming", settings -> settings.capacity(1).maxWaiting(1));
        Numbers numbers = Numbers.endless(10_000);
        streamRoute("/stream", limiter, numbers);
        start();
        RawClient running = keep(new RawClient(port(), 4096)).get("/stream");
        running.head();
        AtomicInteger seen = new AtomicInteger();
        soon().during(Duration.ofMillis(50)) // "nothing happens" has no event to wait for
                .until(() -> limiter.statistics().inUse() == 0
                        && seen.getAndSet(numbers.drawn.get()) == numbers.drawn.get());
        Permit permit = limiter.acquire();
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        assertThat(client().exchange("/stream").status()).isEqualTo(503);

        while (limiter.statistics().waiting() < 2) {
            readChunk(running);
        }
        int before = numbers.drawn.get();
        permit.close();
        waiter.get(10, TimeUnit.SECONDS).close();
        while (numbers.drawn.get() < before + 100) {
            readChunk(running);
        }
        running.kill();
        assertThat(numbers.closing.await(1, TimeUnit.SECONDS)).isTrue();
    }

    private static void readChunk(RawClient client) throws IOException {
        client.exactly(Integer.parseInt(client.line(), 16));
        client.line();
    }

    @Test
    void rule_3_8_itemsThatCompleteAtOnceDoNotNest() throws Exception {
        AtomicBoolean small = new AtomicBoolean();
        route("/sync", exchange -> {
            Thread onSmallStack = new Thread(
                    null,
                    () -> {
                        Exchanges.stream(exchange, 200, Headers.of(), synchronous(4000));
                        small.set(true);
                    },
                    "small",
                    200_000);
            onSmallStack.start();
        });
        start();
        assertThat(client().exchange("/sync").body()).hasSize(4000);
        soon().untilTrue(small);
    }

    /** Publishes inside {@code request}, as deep as it is asked. */
    private static Flow.Publisher<ByteBuffer> synchronous(int items) {
        return subscriber -> subscriber.onSubscribe(new Flow.Subscription() {
            private int left = items;

            @Override
            public void request(long n) {
                for (long i = 0; i < n && left > 0; i++) {
                    left--;
                    subscriber.onNext(ByteBuffer.wrap(new byte[1]));
                    if (left == 0) {
                        subscriber.onComplete();
                    }
                }
            }

            @Override
            public void cancel() {
                left = 0;
            }
        });
    }

    @Test
    void rule_5_5_manyStreamsShareOnePermit() throws Exception {
        CapacityLimiter limiter = limiter("streaming", 1);
        streamRoute("/stream", limiter, Numbers.upTo(500));
        start();
        List<RawClient> clients = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            clients.add(client().get("/stream"));
        }
        for (RawClient client : clients) {
            assertThat(client.answer().text()).isEqualTo(lines(500));
        }
    }

    @Test
    void rule_5_5_aNativeHandlerStreamsBehindALimiter() throws Exception {
        CapacityLimiter endpoints = limiter("endpoints", 1);
        CapacityLimiter streaming = limiter("streaming", 1);
        Numbers endless = Numbers.endless(100);
        route("/native", new LimitHandler(endpoints, new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                Iterable<String> items = request.getHttpURI().getQuery() == null ? Numbers.upTo(100) : endless;
                Exchanges.stream(
                        JettyExchanges.of(request, response, callback),
                        200,
                        Headers.of(),
                        Limiters.iterate(streaming, items),
                        StreamTest::bytes);
                return true;
            }
        }));
        start();
        assertThat(client().exchange("/native").text()).isEqualTo(lines(100));
        RawClient killed = client().get("/native?endless");
        killed.head();
        killed.kill();
        assertThat(endless.closing.await(1, TimeUnit.SECONDS)).isTrue();
    }
}
