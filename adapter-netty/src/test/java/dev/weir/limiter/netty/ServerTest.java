package dev.weir.limiter.netty;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.http.Endpoint;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.Routes;
import dev.weir.limiter.http.UploadLimits;
import dev.weir.limiter.tck.HttpProtocol;
import dev.weir.limiter.tck.IdleLimiters;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * A server and its application. After each test every limiter is idle, every exchange that began has completed, and no buffer
 * and no temporary file is left.
 */
@Timeout(value = 90, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class ServerTest {

    static final String BOUNDARY = "multipart/form-data; boundary=b";

    @RegisterExtension
    final LeakReports leaks = new LeakReports();

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters().patience(Duration.ofSeconds(10));

    final NettyServer server = new NettyServer();
    final AtomicInteger begun = new AtomicInteger();
    final AtomicInteger completed = new AtomicInteger();
    private final List<AutoCloseable> clients = new ArrayList<>();
    private final String formerDirectory = System.getProperty("java.io.tmpdir");

    @TempDir
    Path uploads;

    @BeforeEach
    void keepUploadsApart() {
        System.setProperty("java.io.tmpdir", uploads.toString());
    }

    @AfterEach
    void stop() throws Exception {
        System.setProperty("java.io.tmpdir", formerDirectory);
        for (AutoCloseable client : clients) {
            client.close();
        }
        await(() -> completed.get() == begun.get());
        await(() -> isEmpty(uploads));
        server.kill();
    }

    private static boolean isEmpty(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.findAny().isEmpty();
        }
    }

    // ------------------------------------------------------------------ server and clients

    int serve(HttpProtocol protocol, Routes routes) throws InterruptedException {
        return server.start(
                exchange -> {
                    begun.incrementAndGet();
                    exchange.onComplete(outcome -> completed.incrementAndGet());
                    routes.handle(exchange);
                },
                protocol);
    }

    /** Responds with a head and some bytes; the rest of the response is up to the test. */
    static ExchangeHandler begins(Headers head, int bytes, CompletableFuture<Exchange> begun) {
        return exchange -> {
            exchange.respond(200, head);
            exchange.write(ByteBuffer.wrap(new byte[bytes]), false)
                    .whenComplete((nothing, failure) -> begun.complete(exchange));
        };
    }

    RawHttp connect(int port) throws IOException {
        return client(new RawHttp(port));
    }

    H2Client connect2(int port) {
        return client(new H2Client(port));
    }

    <C extends AutoCloseable> C client(C client) {
        clients.add(client);
        return client;
    }

    CapacityLimiter limiter(String name, int capacity) {
        return limiter(CapacityLimiter.builder(name).capacity(capacity));
    }

    CapacityLimiter limiter(CapacityLimiterBuilder builder) {
        return limiters.watchAndClose(builder.build());
    }

    static void await(Callable<Boolean> condition) {
        Awaitility.await()
                .atMost(Duration.ofSeconds(10))
                .pollInterval(Duration.ofMillis(2))
                .until(condition);
    }

    static void awaitWaiting(CapacityLimiter limiter, int waiting) {
        await(() -> limiter.statistics().waiting() == waiting);
    }

    static void awaitIdle(CapacityLimiter limiter) {
        awaitWaiting(limiter, 0);
        await(() -> limiter.statistics().inUse() == 0);
    }

    // ------------------------------------------------------------------ applications

    static final ExchangeHandler PING = exchange -> Exchanges.text(exchange, 200, "pong");

    /** A blocking endpoint that the test lets go. */
    static final class Held implements Endpoint {
        final Semaphore entered = new Semaphore(0);
        final CountDownLatch open = new CountDownLatch(1);
        final AtomicInteger calls = new AtomicInteger();

        @Override
        public void handle(Exchange exchange) throws Exception {
            calls.incrementAndGet();
            entered.release();
            assertThat(open.await(60, TimeUnit.SECONDS)).isTrue();
            Exchanges.text(exchange, 200, "held " + exchange.query().orElse(""));
        }

        void awaitEntered(int requests) throws InterruptedException {
            assertThat(entered.tryAcquire(requests, 10, TimeUnit.SECONDS)).isTrue();
        }

        void letGo() {
            open.countDown();
        }
    }

    static ExchangeHandler upload(CapacityLimiter storage, CapacityLimiter limiter) {
        return ExchangeHandler.upload(
                storage,
                UploadLimits.defaults().bodySize(8 << 20),
                limiter,
                (exchange, upload) -> Exchanges.text(
                        exchange, 200, upload.part("file").orElseThrow().size() + " bytes"));
    }

    static String multipart(int bytes) {
        return "--b\r\nContent-Disposition: form-data; name=\"field\"\r\n\r\nvalue\r\n"
                + "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.bin\"\r\n"
                + "Content-Type: application/octet-stream\r\n\r\n" + "x".repeat(bytes) + "\r\n--b--\r\n";
    }
}
