package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Endpoint;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.UploadEndpoint;
import dev.weir.limiter.http.UploadLimits;
import java.io.EOFException;
import java.io.IOException;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

/**
 * What all scenarios of adapters share: the application and its clients. And what must hold after each of them: every exchange
 * has completed, once; nothing that may block ran on a thread of the server; no temporary file and no leak is left.
 */
@SuppressWarnings("FutureReturnValueIgnored") // the client sees what became of an answer
abstract class AdapterSupport extends ContractSupport {

    /** What an item of a stream is turned into. */
    static final byte[] ITEM = "0123456789abcdef".repeat(64).getBytes(StandardCharsets.US_ASCII);

    /** What every server answers when a limiter refuses, byte by byte. */
    static final String REFUSAL = "{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
            + "\"detail\":\"The server is at its capacity. Try again later.\"}";

    private final Map<String, ExchangeHandler> routes = new ConcurrentHashMap<>();
    private final Queue<Thread> blockingThreads = new ConcurrentLinkedQueue<>();
    private final List<AutoCloseable> clients = new ArrayList<>();
    private final List<ServerFixture> servers = new ArrayList<>();
    private final List<Gate> gates = new ArrayList<>();
    private final Queue<AtomicInteger> exchanges = new ConcurrentLinkedQueue<>();

    @TempDir
    Path directory;

    AdapterSupport() {}

    /**
     * A server that has not been started.
     *
     * @return a new fixture
     */
    protected abstract ServerFixture newServer();

    /** The limiters the adapter is driven with: those found through the service loader, unless overridden. */
    @Override
    protected CapacityLimiterBuilder newBuilder(String name) {
        return CapacityLimiter.builder(name);
    }

    @AfterEach
    void assertNothingIsLeft() throws Exception {
        gates.forEach(Gate::open);
        for (AutoCloseable client : clients) {
            client.close();
        }
        try {
            await("every exchange to complete, once", () -> exchanges.stream().allMatch(n -> n.get() == 1));
            await("temporary files to be removed", () -> temporaryFiles() == 0);
            for (ServerFixture server : servers) {
                assertThat(blockingThreads).noneMatch(server::isServerThread);
            }
        } finally {
            for (ServerFixture server : servers) {
                server.kill();
            }
        }
        for (ServerFixture server : servers) {
            assertThat(server.leakReports()).as("leaks").isEmpty();
        }
    }

    // ---- the server and its clients ----

    /** A server under way, and clients of it. */
    final class Running {
        final ServerFixture server;
        final int port;
        private final HttpProtocol protocol;

        private Running(ServerFixture server, HttpProtocol protocol) throws Exception {
            this.server = server;
            this.protocol = protocol;
            servers.add(server);
            port = server.start(this::answer, protocol);
        }

        private void answer(Exchange exchange) throws Exception {
            AtomicInteger completions = new AtomicInteger();
            exchanges.add(completions);
            exchange.onComplete(outcome -> completions.incrementAndGet());
            routes.getOrDefault(exchange.path(), unknown -> Exchanges.text(unknown, 404, "no such route"))
                    .handle(exchange);
        }

        RawClient client() throws IOException {
            return keep(new RawClient(port, patience()));
        }

        /** A client with a small receive buffer, so that the server soon feels that it does not read. */
        RawClient slowClient() throws IOException {
            return keep(new RawClient(port, patience(), 4096));
        }

        Http2Client http2() throws IOException {
            return keep(new Http2Client(port, patience()));
        }

        private <C extends AutoCloseable> C keep(C client) {
            synchronized (clients) {
                clients.add(client);
            }
            return client;
        }

        boolean can(Capability capability) {
            return server.capabilities(protocol).contains(capability);
        }

        void assertPingIsAnswered() throws IOException {
            String answer = protocol == HttpProtocol.HTTP_2
                    ? http2().get("/ping").text()
                    : client().get("/ping").text();
            assertThat(answer).as("the answer to an unrelated request").isEqualTo("pong");
        }
    }

    Running serve() throws Exception {
        return serve(newServer(), HttpProtocol.HTTP_1_1);
    }

    /** A server of HTTP/2; without one the scenario is skipped. */
    Running serveHttp2() throws Exception {
        ServerFixture server = newServer();
        assumeTrue(server.protocols().contains(HttpProtocol.HTTP_2), "the server speaks HTTP/2");
        return serve(server, HttpProtocol.HTTP_2);
    }

    Running serve(ServerFixture server, HttpProtocol protocol) throws Exception {
        assumeTrue(server.protocols().contains(protocol), "the server speaks " + protocol);
        route("/ping", exchange -> Exchanges.text(exchange, 200, "pong"));
        return new Running(server, protocol);
    }

    /** What a connection is good for after an answer: the next one, or nothing, and then the answer has said so. */
    static void assertUsableOrClosed(RawClient client, RawClient.Answer answer) throws IOException {
        if (answer.closesConnection()) {
            assertThat(client.rest())
                    .as("after an answer that announced the end")
                    .isEmpty();
        } else {
            assertThat(client.get("/ping").text()).as("on the same connection").isEqualTo("pong");
        }
    }

    /** As the other, where a server may end the connection unannounced, since it was not told the end of the request in time. */
    static void assertInStepOrClosed(RawClient client) throws IOException {
        assertInStepOrClosed(client, "");
    }

    /** As the other, after what is missing of the former request. */
    static void assertInStepOrClosed(RawClient client, String missing) throws IOException {
        try {
            client.send(missing);
            assertThat(client.get("/ping").text()).as("on the same connection").isEqualTo("pong");
        } catch (EOFException | SocketException e) {
            // closed
        }
    }

    static void assertProblem(RawClient.Answer answer, int status) {
        assertThat(answer.status()).isEqualTo(status);
        assertThat(answer.header("content-type")).isEqualTo("application/problem+json");
        assertThat(answer.text()).contains("\"status\":" + status);
    }

    static void assertRefusal(RawClient.Answer answer) {
        assertThat(answer.status()).isEqualTo(503);
        assertThat(answer.header("content-type")).isEqualTo("application/problem+json");
        assertThat(answer.header("retry-after"))
                .as("whole seconds, as long as the oldest waits")
                .matches("[1-9][0-9]?");
        assertThat(answer.header("content-length")).isEqualTo(Integer.toString(REFUSAL.length()));
        assertThat(answer.text()).isEqualTo(REFUSAL);
    }

    // ---- the application ----

    void route(String path, ExchangeHandler handler) {
        routes.put(path, handler);
    }

    /** A blocking endpoint, which must not run on a thread of the server. */
    void endpoint(String path, CapacityLimiter limiter, Endpoint endpoint) {
        route(path, ExchangeHandler.endpoint(limiter, watched(endpoint)));
    }

    Endpoint watched(Endpoint endpoint) {
        return exchange -> {
            mayBlock();
            endpoint.handle(exchange);
        };
    }

    /** To be called by code of the application that may block. */
    void mayBlock() {
        blockingThreads.add(Thread.currentThread());
    }

    /** A blocking endpoint that says when it has begun and answers when it is told to. */
    Gate gated(String path, CapacityLimiter limiter) {
        Gate gate = gate();
        endpoint(path, limiter, exchange -> Exchanges.text(exchange, 200, gate.call()));
        return gate;
    }

    /** A gate that is opened at the end of the test, if not before. */
    Gate gate() {
        Gate gate = new Gate();
        gates.add(gate);
        return gate;
    }

    void streamed(String path, CapacityLimiter limiter, WatchedSource source) {
        streamed(path, limiter, source, ITEM);
    }

    void streamed(String path, CapacityLimiter limiter, WatchedSource source, byte[] item) {
        route(path, exchange -> stream(exchange, limiter, source, item));
    }

    void stream(Exchange exchange, CapacityLimiter limiter, WatchedSource source, byte[] item) {
        Exchanges.stream(
                exchange,
                200,
                Headers.of("Content-Type", "text/plain"),
                Limiters.iterate(limiter, source),
                number -> ByteBuffer.wrap(item));
    }

    /** As {@link ExchangeHandler#upload}, with a directory of the test's own. */
    void uploaded(
            String path,
            CapacityLimiter storage,
            UploadLimits limits,
            CapacityLimiter limiter,
            UploadEndpoint endpoint) {
        route(
                path,
                exchange -> Exchanges.upload(exchange, storage, limits, uploads())
                        .thenAccept(upload -> {
                            try {
                                ExchangeHandler.endpoint(limiter, watched(stored -> endpoint.handle(stored, upload)))
                                        .handle(exchange);
                            } catch (Exception e) {
                                Exchanges.fail(exchange, e);
                            }
                        }));
    }

    // ---- files ----

    /** Where temporary files of uploads go. */
    Path uploads() throws IOException {
        return Files.createDirectories(directory.resolve("uploads"));
    }

    long temporaryFiles() throws IOException {
        try (Stream<Path> files = Files.list(uploads())) {
            return files.count();
        }
    }

    /** Whether a slice of an upload has been stored in a file. */
    boolean hasStoredSlice() throws IOException {
        try (Stream<Path> files = Files.walk(uploads())) {
            return files.anyMatch(Files::isRegularFile);
        } catch (java.io.UncheckedIOException e) {
            return false; // removed meanwhile
        }
    }

    void awaitNoTemporaryFiles() {
        await("temporary files to be removed", () -> temporaryFiles() == 0);
    }

    // ---- streams ----

    void awaitClosed(WatchedSource source) {
        await("the source to be closed", () -> source.closed.get() > 0);
        assertThat(source.closed).as("closed once").hasValue(1);
        assertThat(source.violations).isEmpty();
        for (ServerFixture server : servers) {
            assertThat(source.closers).noneMatch(server::isServerThread);
        }
    }

    /** Waits until a stream whose client does not read has come to a stop. */
    void awaitStill(WatchedSource source, Running app) throws IOException {
        awaitStill("the draws to stop", source.drawn::get, app);
    }

    /** Waits until a number has become more than 0 and no longer changes. Time is measured in answers of the same server. */
    void awaitStill(String what, LongSupplier number, Running app) throws IOException {
        await(what + ", after they have begun", () -> number.getAsLong() > 0);
        RawClient other = app.protocol == HttpProtocol.HTTP_1_1 ? app.client() : null;
        Http2Client otherHttp2 = other == null ? app.http2() : null;
        await(what, () -> {
            long before = number.getAsLong();
            for (int i = 0; i < 100; i++) {
                if (other != null) {
                    other.get("/ping");
                } else if (otherHttp2 != null) {
                    otherHttp2.get("/ping");
                }
            }
            return number.getAsLong() == before;
        });
    }

    static Set<Capability> sorted(Set<Capability> capabilities) {
        return capabilities.isEmpty() ? Set.of() : java.util.EnumSet.copyOf(capabilities);
    }
}
