package dev.weir.limiter.jetty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.tck.IdleLimiters;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.awaitility.core.ConditionFactory;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpURI;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.http.pathmap.PathSpec;
import org.eclipse.jetty.http2.ErrorCode;
import org.eclipse.jetty.http2.api.Session;
import org.eclipse.jetty.http2.client.HTTP2Client;
import org.eclipse.jetty.http2.frames.HeadersFrame;
import org.eclipse.jetty.http2.frames.ResetFrame;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.io.RateControl;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.PathMappingsHandler;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** A Jetty with few threads, and clients for it. After each test everything must be idle, stopped and removed. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
abstract class JettyTest {

    static final Duration PATIENCE = Duration.ofSeconds(10);

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    @TempDir
    Path directory;

    final QueuedThreadPool threads = new QueuedThreadPool(10, 2);
    final Server server = new Server(threads);
    final PathMappingsHandler routes = new PathMappingsHandler();
    final HttpConfiguration configuration = new HttpConfiguration();
    final ServerConnector connector =
            new ServerConnector(server, 1, 1, new HttpConnectionFactory(configuration), http2Factory(configuration));
    final CountDownLatch proceed = new CountDownLatch(1);
    private final List<AutoCloseable> closeables = new ArrayList<>();

    @BeforeEach
    void prepare() {
        server.addConnector(connector);
        server.setHandler(routes);
        connector.setShutdownIdleTimeout(50);
        server.setStopTimeout(10_000);
        route("/ping", exchange -> Exchanges.text(exchange, 200, "pong"));
    }

    @AfterEach
    @Timeout(60)
    void leaveNothingBehind() throws Exception {
        proceed.countDown();
        for (AutoCloseable closeable : closeables) {
            closeable.close();
        }
        // Jetty 12.1.14 may wait in vain for an HTTP/2 session that closes just as the server begins to stop.
        soon().until(() -> connector.getConnectedEndPoints().isEmpty());
        server.stop();
        try (Stream<Path> left = Files.list(uploads())) {
            assertThat(left).as("temporary files").isEmpty();
        }
    }

    /** HTTP/2 without the limit on how many resets one connection may send: resets are what storms are made of. */
    private static HTTP2CServerConnectionFactory http2Factory(HttpConfiguration configuration) {
        HTTP2CServerConnectionFactory factory = new HTTP2CServerConnectionFactory(configuration);
        factory.setRateControlFactory(new RateControl.Factory() {});
        return factory;
    }

    /** Where temporary files of uploads go. */
    Path uploads() throws IOException {
        return Files.createDirectories(directory.resolve("uploads"));
    }

    CapacityLimiter limiter(String name, int capacity) {
        return limiter(name, settings -> settings.capacity(capacity));
    }

    CapacityLimiter limiter(String name, UnaryOperator<CapacityLimiterBuilder> settings) {
        return limiters.watchAndClose(
                settings.apply(CapacityLimiter.builder(name)).build());
    }

    void route(String path, Handler handler) {
        routes.addMapping(PathSpec.from(path), handler);
    }

    void route(String path, ExchangeHandler handler) {
        route(path, new EndpointHandler(handler));
    }

    void start() throws Exception {
        server.start();
    }

    int port() {
        return connector.getLocalPort();
    }

    URI uri(String path) {
        return URI.create("http://localhost:" + port() + path);
    }

    RawClient client() throws IOException {
        return keep(new RawClient(port()));
    }

    <C extends AutoCloseable> C keep(C closeable) {
        closeables.add(closeable);
        return closeable;
    }

    /** One HTTP/2 connection, without TLS. */
    Session http2() throws Exception {
        HTTP2Client client = new HTTP2Client();
        client.start();
        keep(client::stop);
        return client.connect(new InetSocketAddress("localhost", port()), new Session.Listener() {})
                .get(10, TimeUnit.SECONDS);
    }

    HeadersFrame http2Head(String method, String path, boolean last) {
        return http2Head(method, path, HttpFields.EMPTY, last);
    }

    HeadersFrame http2Head(String method, String path, HttpFields headers, boolean last) {
        MetaData.Request request =
                new MetaData.Request(method, HttpURI.from(uri(path).toString()), HttpVersion.HTTP_2, headers);
        return new HeadersFrame(request, null, last);
    }

    static void reset(org.eclipse.jetty.http2.api.Stream stream) {
        stream.reset(new ResetFrame(stream.getId(), ErrorCode.CANCEL_STREAM_ERROR.code), Callback.NOOP);
    }

    static ConditionFactory soon() {
        return await().atMost(PATIENCE).pollInterval(Duration.ofMillis(2));
    }

    void awaitInUse(CapacityLimiter limiter, int inUse) {
        soon().until(() -> limiter.statistics().inUse() == inUse);
    }

    void awaitWaiting(CapacityLimiter limiter, int waiting) {
        soon().until(() -> limiter.statistics().waiting() == waiting);
    }

    /** Waits until the test lets go on. */
    void hold() throws InterruptedException {
        if (!proceed.await(30, TimeUnit.SECONDS)) {
            throw new IllegalStateException("the test never let go on");
        }
    }
}
