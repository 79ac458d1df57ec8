package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.UploadLimits;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Clients that leave at any moment, on every path: everything must come back to zero. */
@SuppressWarnings("FutureReturnValueIgnored") // the client sees what became of an answer
public abstract class StormScenarios extends Http2Scenarios {

    private static final int CLIENTS = 300;
    private static final int REQUESTS = Integer.getInteger("weir.soak.requests", 1_000);
    private static final List<String> PATHS = List.of("/endpoint", "/stream", "/file", "/upload");
    private static final long SEED = Long.getLong("weir.stress.seed", System.nanoTime());

    private final AtomicInteger begun = new AtomicInteger();
    private final AtomicInteger completed = new AtomicInteger();
    private final AtomicInteger tasks = new AtomicInteger();
    private final Queue<WatchedSource> sources = new ConcurrentLinkedQueue<>();
    private final byte[] upload =
            Multipart.of().field("a", "b").file("f", "f", new byte[50_000]).bytes();
    private final List<CapacityLimiter> limiters = new ArrayList<>();

    /** For subclasses. */
    protected StormScenarios() {}

    private void routes() throws IOException {
        CapacityLimiter endpoints = limiter(2);
        CapacityLimiter streaming = limiter(2);
        CapacityLimiter shared = limiter(2);
        CapacityLimiter background = limiter(2);
        limiters.addAll(List.of(endpoints, streaming, shared, background));
        Path file = Files.write(directory.resolve("file"), new byte[200_000]);
        Path uploads = uploads();
        counted("/endpoint", background, ExchangeHandler.endpoint(endpoints, exchange -> {
            Exchanges.text(exchange, 200, "x".repeat(1_000));
        }));
        counted("/stream", background, exchange -> {
            WatchedSource source = new WatchedSource(200);
            sources.add(source);
            stream(exchange, streaming, source, ITEM);
        });
        counted("/file", background, exchange -> Exchanges.file(exchange, shared, file));
        counted(
                "/upload",
                background,
                exchange -> Exchanges.upload(exchange, shared, UploadLimits.defaults(), uploads)
                        .thenAccept(stored -> Exchanges.text(exchange, 200, "stored")));
    }

    private void counted(String path, CapacityLimiter background, ExchangeHandler handler) {
        route(path, exchange -> {
            begun.incrementAndGet();
            exchange.onComplete(outcome -> completed.incrementAndGet());
            Exchanges.background(exchange, background, tasks::incrementAndGet);
            handler.handle(exchange);
        });
    }

    private void assertCalm(Running app) throws IOException {
        await("every exchange to complete", () -> completed.get() == begun.get());
        await("every task to run", () -> tasks.get() == begun.get());
        await(
                "every source to be closed",
                () -> sources.stream().allMatch(source -> source.opened.get() == source.closed.get()));
        assertThat(sources).allSatisfy(source -> assertThat(source.violations).isEmpty());
        limiters.forEach(this::awaitIdle);
        awaitNoTemporaryFiles();
        app.assertPingIsAnswered();
    }

    /** Anything from nothing to a fraction of a millisecond, so that clients leave at every stage. */
    private static void spin(Random random) {
        long end = System.nanoTime() + random.nextInt(400_000);
        while (System.nanoTime() < end) {
            Thread.onSpinWait();
        }
    }

    @Test
    void s85_rule_5_6_three_hundred_connections_killed_at_any_moment_leave_nothing_behind() throws Exception {
        routes();
        Random random = new Random(SEED);
        Running app = serve();
        for (int i = 0; i < CLIENTS; i++) {
            RawClient client = app.client();
            begin(client, PATHS.get(i % PATHS.size()), random);
            spin(random);
            if (random.nextInt(4) == 0) {
                client.close();
            } else {
                client.kill();
            }
        }
        assertCalm(app);
    }

    private void begin(RawClient client, String path, Random random) throws IOException {
        if (path.equals("/upload")) {
            client.request("POST", path, "Content-Type: " + Multipart.TYPE, "Content-Length: " + upload.length);
            client.send(Arrays.copyOf(upload, random.nextInt(upload.length)));
        } else {
            client.request("GET", path);
        }
    }

    @Test
    void s86_rule_5_6_three_hundred_streams_cancelled_at_any_moment_leave_nothing_behind() throws Exception {
        routes();
        Random random = new Random(SEED);
        Running app = serveHttp2();
        Http2Client client = app.http2();
        for (int i = 0; i < CLIENTS; i++) {
            if (client.isOver()) {
                client = app.http2(); // servers limit what one connection may reset
            }
            String path = PATHS.get(i % PATHS.size());
            try {
                Http2Client.Stream stream = path.equals("/upload")
                        ? client.open("POST", path, "content-type", Multipart.TYPE)
                                .send(Arrays.copyOf(upload, random.nextInt(10_000)), false)
                        : client.request("GET", path);
                spin(random);
                stream.reset();
            } catch (IOException e) {
                client = app.http2();
            }
        }
        assertCalm(app);
    }

    @Test
    @Timeout(value = 15, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void s87_rule_5_3_thousands_of_requests_with_random_disconnects_leave_nothing_behind() throws Exception {
        System.out.println("Seed of the requests: -Dweir.stress.seed=" + SEED);
        routes();
        soak(serve(), this::requests);
    }

    @Test
    @Timeout(value = 15, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void s88_rule_5_3_thousands_of_requests_over_http_2_with_random_disconnects_leave_nothing_behind()
            throws Exception {
        System.out.println("Seed of the requests: -Dweir.stress.seed=" + SEED);
        routes();
        soak(serveHttp2(), this::requestsHttp2);
    }

    @FunctionalInterface
    private interface Visitor {
        /** Makes so many requests, and says how many were answered. */
        int visit(Running app, Random random, int count) throws Exception;
    }

    private void soak(Running app, Visitor visitor) throws Exception {
        List<Caller<Integer>> callers = new ArrayList<>();
        int each = REQUESTS / 4;
        for (int i = 0; i < 4; i++) {
            Random random = new Random(SEED + i);
            callers.add(start(() -> visitor.visit(app, random, each)));
        }
        int answered = 0;
        for (Caller<Integer> caller : callers) {
            answered += caller.outcome().get(14, TimeUnit.MINUTES);
        }
        assertThat(answered).isPositive();
        assertCalm(app);
    }

    /** Nine in ten go on to the end of their answer, and use the connection again. */
    private int requests(Running app, Random random, int count) throws IOException {
        int answered = 0;
        RawClient client = new RawClient(app.port, patience());
        for (int i = 0; i < count; i++) {
            String path = PATHS.get(random.nextInt(PATHS.size()));
            if (random.nextInt(10) == 0) {
                begin(client, path, random);
                spin(random);
                client.kill();
                client = new RawClient(app.port, patience());
                continue;
            }
            RawClient.Answer answer = path.equals("/upload")
                    ? client.post(path, Multipart.TYPE, upload).answer()
                    : client.get(path);
            assertThat(answer.status()).isEqualTo(200);
            answered++;
            if (answer.closesConnection()) {
                client.close();
                client = new RawClient(app.port, patience());
            }
        }
        client.close();
        return answered;
    }

    /** Nine in ten go on to the end of their answer; of the others some reset their stream, and some leave with the connection. */
    private int requestsHttp2(Running app, Random random, int count) throws IOException {
        int answered = 0;
        Http2Client client = new Http2Client(app.port, patience());
        for (int i = 0; i < count; i++) {
            if (client.isOver()) { // servers limit what one connection may reset
                client.close();
                client = new Http2Client(app.port, patience());
            }
            String path = PATHS.get(random.nextInt(PATHS.size()));
            boolean uploads = path.equals("/upload");
            if (random.nextInt(10) > 0) {
                RawClient.Answer answer = uploads
                        ? client.open("POST", path, "content-type", Multipart.TYPE)
                                .send(upload, true)
                                .answer()
                        : client.get(path);
                assertThat(answer.status()).isEqualTo(200);
                answered++;
            } else if (uploads || random.nextInt(4) == 0) {
                if (uploads) {
                    client.open("POST", path, "content-type", Multipart.TYPE)
                            .send(Arrays.copyOf(upload, 1 + random.nextInt(upload.length - 1)), false);
                } else {
                    client.request("GET", path);
                }
                spin(random);
                client.kill();
                client = new Http2Client(app.port, patience());
            } else {
                Http2Client.Stream stream = client.request("GET", path);
                spin(random);
                stream.reset();
            }
        }
        client.close();
        return answered;
    }
}
