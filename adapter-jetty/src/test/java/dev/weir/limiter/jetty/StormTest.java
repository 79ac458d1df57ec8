package dev.weir.limiter.jetty;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.UploadLimits;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http2.api.Session;
import org.eclipse.jetty.http2.api.Stream;
import org.eclipse.jetty.http2.frames.DataFrame;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;

/** Three hundred clients that leave at any moment, on every path: rules 5.3, 5.5 and 5.6. */
class StormTest extends JettyTest {

    private static final int CLIENTS = 300;

    private final AtomicInteger begun = new AtomicInteger();
    private final AtomicInteger completed = new AtomicInteger();
    private final AtomicInteger tasks = new AtomicInteger();
    private final Numbers numbers = Numbers.endless(200);
    private final AtomicInteger streams = new AtomicInteger();
    private CapacityLimiter endpoints;
    private CapacityLimiter shared;

    @BeforeEach
    void routes() throws Exception {
        endpoints = limiter("endpoints", 2);
        shared = limiter("shared", 2);
        CapacityLimiter streaming = limiter("streaming", 2);
        CapacityLimiter background = limiter("background", 2);
        Path file = directory.resolve("file");
        byte[] content = new byte[1_000_000];
        new Random(1).nextBytes(content);
        Files.write(file, content);
        Path parent = uploads();

        counted("/endpoint", background, ExchangeHandler.endpoint(endpoints, exchange -> {
            Exchanges.text(exchange, 200, "x".repeat(1000));
        }));
        counted("/stream", background, exchange -> {
            streams.incrementAndGet();
            Exchanges.stream(
                    exchange,
                    200,
                    Headers.of(),
                    Limiters.iterate(streaming, numbers),
                    line -> ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)));
        });
        counted("/file", background, exchange -> Exchanges.file(exchange, shared, file));
        counted(
                "/upload",
                background,
                exchange -> Exchanges.upload(exchange, shared, UploadLimits.defaults(), parent)
                        .thenAccept(upload -> Exchanges.text(exchange, 200, "stored")));
        route("/native", new LimitHandler(endpoints, new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                response.write(true, ByteBuffer.wrap(new byte[1000]), callback);
                return true;
            }
        }));
        start();
    }

    private void counted(String path, CapacityLimiter background, ExchangeHandler handler) {
        route(path, exchange -> {
            begun.incrementAndGet();
            exchange.onComplete(outcome -> completed.incrementAndGet());
            Exchanges.background(exchange, background, tasks::incrementAndGet);
            handler.handle(exchange);
        });
    }

    private void assertCalm() {
        soon().untilAsserted(() -> {
            assertThat(completed).hasValue(begun.get());
            assertThat(tasks).hasValue(begun.get());
            assertThat(numbers.closed.get()).isLessThanOrEqualTo(streams.get());
            try (java.util.stream.Stream<Path> left = Files.list(uploads())) {
                assertThat(left).isEmpty();
            }
            assertThat(endpoints.statistics().inUse() + shared.statistics().inUse())
                    .isZero();
        });
    }

    @RepeatedTest(10)
    void rule_5_6_aStormOfResetsOnHttp2() throws Exception {
        Session session = http2();
        String[] paths = {"/endpoint", "/stream", "/file", "/upload", "/native"};
        HttpFields multipart = HttpFields.build()
                .put("Content-Type", "multipart/form-data; boundary=b")
                .asImmutable();
        byte[] body = ("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n" + "x".repeat(20_000))
                .getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < CLIENTS; i++) {
            String path = paths[i % paths.length];
            boolean upload = path.equals("/upload");
            Stream stream = session.newStream(
                            http2Head(upload ? "POST" : "GET", path, upload ? multipart : HttpFields.EMPTY, !upload),
                            new Stream.Listener() {
                                @Override
                                public void onHeaders(
                                        Stream answered, org.eclipse.jetty.http2.frames.HeadersFrame frame) {
                                    answered.demand();
                                }

                                @Override
                                public void onDataAvailable(Stream answered) {
                                    Stream.Data data = answered.readData();
                                    boolean end = data != null && data.frame().isEndStream();
                                    if (data != null) {
                                        data.release();
                                    }
                                    if (!end) { // demand after the end would be met at once, for ever
                                        answered.demand();
                                    }
                                }
                            })
                    .get(10, TimeUnit.SECONDS);
            if (upload) {
                stream.data(new DataFrame(stream.getId(), ByteBuffer.wrap(body), false), Callback.NOOP);
            }
            spin();
            reset(stream);
        }
        assertCalm();
        assertThat(client().exchange("/ping").text()).isEqualTo("pong");
    }

    @RepeatedTest(10)
    void rule_5_6_aStormOfKilledConnectionsOnHttp1() throws Exception {
        String[] paths = {"/endpoint", "/stream", "/file", "/upload", "/native"};
        for (int i = 0; i < CLIENTS; i++) {
            String path = paths[i % paths.length];
            RawClient client = new RawClient(port());
            if (path.equals("/upload")) {
                client.request("POST", path, "Content-Type: multipart/form-data; boundary=b", "Content-Length: 100000")
                        .send("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n"
                                + "x".repeat(20_000));
            } else {
                client.get(path);
            }
            spin();
            client.kill();
        }
        assertCalm();
        assertThat(client().exchange("/ping").text()).isEqualTo("pong");
    }

    /** Anything from nothing to a fraction of a millisecond, so that clients leave at every stage. */
    private static void spin() {
        long end = System.nanoTime() + ThreadLocalRandom.current().nextLong(300_000);
        while (System.nanoTime() < end) {
            Thread.onSpinWait();
        }
    }

    @RepeatedTest(1)
    void capabilitiesAreDeclaredByProtocol() throws Exception {
        assertThat(Capability.values()).hasSize(8);
        route(
                "/capabilities",
                (Exchange exchange) ->
                        Exchanges.text(exchange, 200, exchange.protocol() + " " + exchange.capabilities()));
        assertThat(client().exchange("/capabilities").text())
                .startsWith("HTTP/1.1")
                .doesNotContain(Capability.DISCONNECT_WHILE_WAITING.name());
    }
}
