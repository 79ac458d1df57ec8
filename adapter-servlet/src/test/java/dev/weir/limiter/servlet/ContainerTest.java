package dev.weir.limiter.servlet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.Capability;
import dev.weir.limiter.tck.IdleLimiters;
import jakarta.servlet.ServletContext;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** One container for one test; afterwards all limiters are idle, and no temporary file is left. */
@Timeout(90)
abstract class ContainerTest {

    static final Container KIND = TestContainer.kind();

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    private final List<TestContainer> started = new ArrayList<>();
    private final List<CountDownLatch> latches = new ArrayList<>();
    int port;

    /** What the test's application is made of. */
    @FunctionalInterface
    interface Application {
        void onStartup(ServletContext context) throws ServletException;
    }

    TestContainer start(Application application) throws Exception {
        TestContainer container = TestContainer.create();
        started.add(container);
        port = container.start((classes, context) -> {
            add(
                    context,
                    "/ping",
                    (request, response) -> response.getOutputStream().print("pong"));
            application.onStartup(context);
        });
        return container;
    }

    @BeforeAll
    static void makeTemporaryFolder() throws IOException {
        Files.createDirectories(Path.of(System.getProperty("java.io.tmpdir")));
    }

    @AfterEach
    void stop() throws Exception {
        latches.forEach(CountDownLatch::countDown);
        await().atMost(Duration.ofSeconds(5))
                .untilAsserted(() -> assertThat(temporaryFiles()).isEmpty());
        for (TestContainer container : started) {
            container.close();
        }
    }

    static boolean has(Capability capability, String protocol) {
        return KIND.capabilities(protocol).contains(capability);
    }

    /** A latch that is open after the test, so that nothing is left waiting. */
    CountDownLatch latch() {
        CountDownLatch latch = new CountDownLatch(1);
        latches.add(latch);
        return latch;
    }

    CapacityLimiter limiter(String name, int capacity) {
        return limiters.watchAndClose(CapacityLimiter.of(name, capacity));
    }

    CapacityLimiter limiter(String name, int capacity, int maxWaiting) {
        return limiters.watchAndClose(CapacityLimiter.builder(name)
                .capacity(capacity)
                .maxWaiting(maxWaiting)
                .build());
    }

    // ------------------------------------------------------------------ native servlets

    @FunctionalInterface
    interface Service {
        void service(HttpServletRequest request, HttpServletResponse response) throws Exception;
    }

    static void add(ServletContext context, String path, Service service) {
        add(context, path, true, service);
    }

    static void add(ServletContext context, String path, boolean async, Service service) {
        var registration = context.addServlet("native" + path.replace('/', '-').replace('*', '-'), new HttpServlet() {
            private static final long serialVersionUID = 1L;

            @Override
            protected void service(HttpServletRequest request, HttpServletResponse response)
                    throws ServletException, IOException {
                try {
                    service.service(request, response);
                } catch (IOException | ServletException | RuntimeException e) {
                    throw e;
                } catch (Exception e) {
                    throw new ServletException(e);
                }
            }
        });
        registration.setAsyncSupported(async);
        registration.addMapping(path);
    }

    static void await10s(CountDownLatch latch) throws InterruptedException {
        if (!latch.await(20, TimeUnit.SECONDS)) {
            throw new IllegalStateException("nobody opened the latch");
        }
    }

    static void eventually(BooleanSupplier condition) {
        await().atMost(Duration.ofSeconds(10))
                .pollInterval(Duration.ofMillis(5))
                .until(condition::getAsBoolean);
    }

    static void eventuallyUses(CapacityLimiter limiter, int inUse, int waiting) {
        await().atMost(Duration.ofSeconds(10))
                .pollInterval(Duration.ofMillis(5))
                .untilAsserted(() -> assertThat(limiter.statistics())
                        .matches(
                                now -> now.inUse() == inUse && now.waiting() == waiting,
                                inUse + " in use and " + waiting + " waiting"));
    }

    static List<Path> temporaryFiles() throws IOException {
        try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
            return files.filter(file -> file.getFileName().toString().startsWith("weir-"))
                    .toList();
        }
    }

    // ------------------------------------------------------------------ clients

    Connection connect() throws IOException {
        return new Connection(port);
    }

    URI uri(String path) {
        return URI.create("http://localhost:" + port + path);
    }

    HttpClient client(HttpClient.Version version) {
        return HttpClient.newBuilder()
                .version(version)
                .connectTimeout(Duration.ofSeconds(10))
                .build();
    }

    /** A client whose one connection speaks HTTP/2. */
    HttpClient http2() throws Exception {
        HttpClient client = client(HttpClient.Version.HTTP_2);
        HttpResponse<String> first = client.send(get("/ping"), HttpResponse.BodyHandlers.ofString());
        assertThat(first.version()).isEqualTo(HttpClient.Version.HTTP_2);
        return client;
    }

    HttpRequest get(String path) {
        return HttpRequest.newBuilder(uri(path)).timeout(Duration.ofSeconds(30)).build();
    }

    HttpRequest post(String path, String contentType, byte[] body) {
        return HttpRequest.newBuilder(uri(path))
                .timeout(Duration.ofSeconds(60))
                .header("Content-Type", contentType)
                .POST(HttpRequest.BodyPublishers.ofByteArray(body))
                .build();
    }

    static CompletableFuture<HttpResponse<String>> send(HttpClient client, HttpRequest request) {
        return client.sendAsync(request, HttpResponse.BodyHandlers.ofString());
    }
}
