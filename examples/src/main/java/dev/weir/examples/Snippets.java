package dev.weir.examples;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.LimiterHealth;
import dev.weir.limiter.LimiterRole;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.LiveConfiguration;
import dev.weir.limiter.Permit;
import dev.weir.limiter.Registration;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.MalformedBodyException;
import dev.weir.limiter.http.UploadLimits;
import dev.weir.limiter.jetty.EndpointHandler;
import dev.weir.limiter.jetty.JettyExchanges;
import dev.weir.limiter.jetty.LimitHandler;
import dev.weir.limiter.jmx.LimiterJmx;
import dev.weir.limiter.metrics.LimiterMetrics;
import dev.weir.limiter.observation.LimiterObservation;
import dev.weir.limiter.page.LimitsPage;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.core.instrument.distribution.DistributionStatisticConfig;
import io.micrometer.core.instrument.observation.DefaultMeterObservationHandler;
import io.micrometer.core.instrument.observation.DefaultMeterObservationHandler.IgnoredMeters;
import io.micrometer.observation.ObservationRegistry;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.eclipse.jetty.http.pathmap.PathSpec;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.handler.PathMappingsHandler;
import org.eclipse.jetty.util.Callback;

/**
 * The code that the documentation shows. What stands between {@code tag::name} and {@code end::name} is the block below
 * {@code <!-- snippet: name -->} in a Markdown file, which a test compares.
 */
// Shown are pieces: nobody uses their results, a permit is only held, and nobody waits for a background task.
@SuppressWarnings({"unused", "try", "FutureReturnValueIgnored"})
final class Snippets {

    private Snippets() {}

    record Order(String id) {
        String csv() {
            return id + "\n";
        }
    }

    interface Orders {
        Order find(String id);

        Stream<Order> all();

        void send(Order order);
    }

    interface Connection extends AutoCloseable {
        void commit();

        @Override
        void close();
    }

    static void threeLines(Orders orders) {
        // tag::three-lines
        LimiterScope limiters = LimiterScope.open(); // with your application; close it with your application
        CompletableFuture<Order> order = Limiters.run(limiters.endpoints(), () -> orders.find("4711")); // may block
        Limiters.background(limiters, () -> orders.send(new Order("4712"))); // never takes a permit from an endpoint
        // end::three-lines
    }

    static Server jettyHandler(Handler yourHandler) {
        // tag::jetty-handler
        Server server = new Server(8080);
        server.setHandler(new LimitHandler(CapacityLimiter.of("endpoints", 40), yourHandler));
        // end::jetty-handler
        return server;
    }

    static void jettyRoutes(LimiterScope limiters, Handler search, Handler reports, Handler everythingElse) {
        // tag::jetty-routes
        CapacityLimiter slow = limiters.limiter("slow", 4); // one limiter for two routes

        PathMappingsHandler routes = new PathMappingsHandler(false); // not dynamic: then Jetty sees that nothing blocks
        routes.addMapping(PathSpec.from("/search"), new LimitHandler(slow, search));
        routes.addMapping(PathSpec.from("/reports/*"), new LimitHandler(slow, reports));
        routes.addMapping(PathSpec.from("/*"), new LimitHandler(limiters.endpoints(), everythingElse));
        // end::jetty-routes
    }

    static void jettyEndpoint(LimiterScope limiters, Orders orders, PathMappingsHandler routes) {
        // tag::jetty-endpoint
        routes.addMapping(PathSpec.from("/order"), new EndpointHandler(limiters.endpoints(), exchange -> {
            Order order = orders.find(exchange.query().orElse("")); // may block
            Exchanges.text(exchange, 200, order.csv());
        }));
        // end::jetty-endpoint
    }

    static void jettyPortable(Server server, ExchangeHandler order, ExchangeHandler export, ExchangeHandler upload) {
        // tag::jetty-portable
        PathMappingsHandler routes = new PathMappingsHandler(false);
        routes.addMapping(PathSpec.from("/order"), new EndpointHandler(order));
        routes.addMapping(PathSpec.from("/export"), new EndpointHandler(export));
        routes.addMapping(PathSpec.from("/upload"), new EndpointHandler(upload));
        server.setHandler(routes);
        // end::jetty-portable
    }

    // tag::jetty-native
    /** A handler written for Jetty that uses the verbs. */
    static final class Export extends Handler.Abstract.NonBlocking {
        private final LimiterScope limiters;
        private final Path file;

        Export(LimiterScope limiters, Path file) {
            this.limiters = limiters;
            this.file = file;
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            Exchange exchange = JettyExchanges.of(request, response, callback);
            Exchanges.file(exchange, limiters, file);
            return true;
        }
    }
    // end::jetty-native

    static void health(PathMappingsHandler routes) {
        // tag::health
        // Outside every limiter: it answers however busy the application is.
        routes.addMapping(
                PathSpec.from("/health"), new EndpointHandler(exchange -> Exchanges.text(exchange, 200, "up")));
        // end::health
    }

    static ExchangeHandler ready(LimiterScope limiters) {
        // tag::readiness
        ExchangeHandler ready = exchange -> {
            LimiterHealth health = LimiterHealth.of(List.of(limiters.endpoints()), Duration.ofSeconds(10));
            Exchanges.text(exchange, health.status() == LimiterHealth.Status.UP ? 200 : 503, health.toString());
        };
        // end::readiness
        return ready;
    }

    static ExchangeHandler backgroundAfterResponse(LimiterScope limiters, Orders orders) {
        // tag::background
        ExchangeHandler order = ExchangeHandler.endpoint(limiters, exchange -> {
            Order found = orders.find("4711");
            Exchanges.background(exchange, limiters, () -> orders.send(found)); // starts after the last byte
            Exchanges.text(exchange, 202, "On its way\n");
        });
        // end::background
        return order;
    }

    static ExchangeHandler stream(LimiterScope limiters, Orders orders) {
        // tag::stream
        ExchangeHandler export = exchange -> Exchanges.stream(
                exchange,
                200,
                Headers.of("Content-Type", "text/csv;charset=utf-8"),
                Limiters.iterate(limiters.streaming(), orders.all()), // closed in the end, however that comes
                order -> ByteBuffer.wrap(order.csv().getBytes(StandardCharsets.UTF_8)));
        // end::stream
        return export;
    }

    static Flow.Publisher<ByteBuffer> bytes(LimiterScope limiters, InputStream input) {
        // tag::iterate
        Flow.Publisher<ByteBuffer> chunks = Limiters.iterate(limiters.streaming(), input);
        // end::iterate
        return chunks;
    }

    static ExchangeHandler upload(LimiterScope limiters, Path archive) {
        // tag::upload
        UploadLimits limits = UploadLimits.defaults().bodySize(20 << 20).parts(10);
        ExchangeHandler upload = ExchangeHandler.upload(limiters, limits, (exchange, stored) -> {
            var photo = stored.part("photo").orElseThrow(() -> new MalformedBodyException("expected a photo")); // 400
            photo.moveTo(Files.createTempDirectory(archive, "photo").resolve("original"));
            Exchanges.text(exchange, 200, photo.size() + " bytes\n");
        });
        // end::upload
        return upload;
    }

    static ExchangeHandler file(LimiterScope limiters, Path manual) {
        // tag::file
        ExchangeHandler download = exchange -> Exchanges.file(exchange, limiters, manual);
        // end::file
        return download;
    }

    static void resize(LimiterScope limiters) {
        // tag::resize
        limiters.background().resize(100); // those who wait are admitted before this returns
        // end::resize
    }

    static LimiterScope capacities() {
        // tag::capacities
        LimiterScope limiters = LimiterScope.builder()
                .capacity(60) // all four
                .capacity(LimiterRole.BACKGROUND, 10) // and one
                .open();
        // end::capacities
        return limiters;
    }

    static LimiterScope roles() {
        // tag::one-for-two
        CapacityLimiter files = CapacityLimiter.builder("files")
                .capacity(8)
                .maxWaiting(200)
                .maxWait(Duration.ofSeconds(5))
                .build();
        LimiterScope limiters = LimiterScope.builder()
                .limiter(LimiterRole.SHARED, files)
                .limiter(LimiterRole.STREAMING, files)
                .open();
        // end::one-for-two
        return limiters;
    }

    static LimiterScope configuration(Path file) throws Exception {
        // tag::configuration
        Properties properties = new Properties();
        try (var reader = Files.newBufferedReader(file)) {
            properties.load(reader);
        }
        LimiterScope limiters = LimiterScope.builder()
                .properties(properties) // weir.endpoints.capacity=100
                .environment(System.getenv()) // WEIR_ENDPOINTS_CAPACITY=100 beats it
                .open();
        // end::configuration
        return limiters;
    }

    static LiveConfiguration liveConfiguration(LimiterScope limiters) throws Exception {
        // tag::live-configuration
        Path file = Path.of("/etc/orders/weir.properties");
        LiveConfiguration live = LiveConfiguration.watch(limiters, file); // close it with the limiters
        // end::live-configuration
        return live;
    }

    static CompletableFuture<Order> group(LimiterScope limiters, Orders partner) {
        // tag::group
        CapacityLimiter slowPartner = limiters.limiter("partner-api", 5);
        CompletableFuture<Order> order = Limiters.run(slowPartner, () -> partner.find("4711"));
        // end::group
        return order;
    }

    static void finish(LimiterScope limiters, Connection connection) {
        // tag::finish
        // Ahead of everybody who only wants to begin: what returns a connection never waits for those who want one.
        Limiters.finish(limiters.endpoints(), connection::close);
        // end::finish
    }

    static CompletableFuture<Order> executor(LimiterScope limiters, Orders orders) {
        // tag::executor
        Executor workers = Limiters.executor(limiters.background());
        CompletableFuture<Order> order = CompletableFuture.supplyAsync(() -> orders.find("4711"), workers);
        // end::executor
        return order;
    }

    static Order call(LimiterScope limiters, Orders orders) throws Exception {
        // tag::call
        Order order = Limiters.call(limiters.endpoints(), () -> orders.find("4711")); // here, when there is a permit
        // end::call
        return order;
    }

    static void permit(CapacityLimiter limiter, Orders orders) throws InterruptedException {
        // tag::permit
        try (Permit permit = limiter.acquire()) {
            orders.find("4711");
        }
        // end::permit
    }

    static CompletableFuture<String> refusal(CapacityLimiter limiter, Orders orders) {
        // tag::refusal
        CompletableFuture<String> answer = Limiters.run(
                        limiter, () -> orders.find("4711").csv())
                .exceptionally(failure -> {
                    if (failure instanceof LimitExceededException refused) {
                        return "Busy, try again in " + refused.retryAfter().toSeconds() + " s";
                    }
                    throw new IllegalStateException(failure);
                });
        // end::refusal
        return answer;
    }

    static CapacityLimiter virtualThreads() {
        // tag::virtual-threads
        CapacityLimiter limiter = CapacityLimiter.builder("endpoints")
                .capacity(2000)
                .virtualThreads()
                .build();
        // end::virtual-threads
        return limiter;
    }

    static LimiterMetrics metrics(LimiterScope limiters, MeterRegistry registry) {
        // tag::metrics
        LimiterMetrics metrics = LimiterMetrics.of(limiters);
        metrics.bindTo(registry); // metrics.close() takes every meter away again
        // end::metrics
        return metrics;
    }

    static LimiterMetrics metricsOfTotals(LimiterScope limiters, MeterRegistry registry) {
        // tag::metrics-totals
        LimiterMetrics metrics = LimiterMetrics.of(limiters).totalsOnly();
        metrics.bindTo(registry);
        // end::metrics-totals
        return metrics;
    }

    static void histograms(MeterRegistry registry) {
        // tag::histograms
        registry.config().meterFilter(new MeterFilter() {
            @Override
            public DistributionStatisticConfig configure(Meter.Id id, DistributionStatisticConfig config) {
                return id.getName().startsWith("weir.limiter.")
                        ? DistributionStatisticConfig.builder()
                                .percentilesHistogram(true)
                                .build()
                                .merge(config)
                        : config;
            }
        });
        // end::histograms
    }

    static Registration jmx(LimiterScope limiters) {
        // tag::jmx
        Registration beans = LimiterJmx.register(limiters); // taken out again when limiters is closed
        // end::jmx
        return beans;
    }

    static void limitsPage(LimiterScope limiters, PathMappingsHandler paths) {
        // tag::limits-page
        LimitsPage page = LimitsPage.of(limiters); // an ExchangeHandler; here on Jetty
        paths.addMapping(PathSpec.from("/limits"), new EndpointHandler(page));
        // end::limits-page
    }

    static LimitsPage resizingPage(LimiterScope limiters, Predicate<Exchange> isOperator) {
        // tag::limits-page-resize
        LimitsPage page = LimitsPage.builder(limiters).allowResize(isOperator).open();
        // end::limits-page-resize
        return page;
    }

    static Registration observation(LimiterScope limiters, ObservationRegistry observations) {
        // tag::observation
        Registration observing = LimiterObservation.observe(limiters, observations);
        // end::observation
        return observing;
    }

    static void observationHandler(ObservationRegistry observations, MeterRegistry registry) {
        // tag::observation-handler
        observations
                .observationConfig()
                .observationHandler(new DefaultMeterObservationHandler(registry, IgnoredMeters.LONG_TASK_TIMER));
        // end::observation-handler
    }

    static void statistics(LimiterScope limiters) {
        // tag::statistics
        for (CapacityLimiter limiter : limiters.limiters()) {
            LimiterStatistics now = limiter.statistics();
            System.out.println(now.limiterName() + ": " + now.summary() + ", refused " + now.refused());
        }
        // end::statistics
    }

    static void holders() {
        // tag::holders
        CapacityLimiter partner = CapacityLimiter.builder("partner-api")
                .capacity(5)
                .trackHolders(Duration.ofSeconds(30)) // longer than that is worth a report
                .build();
        partner.holders().forEach(System.out::println); // who, for how long, asked for where, and where it is now
        // end::holders
    }

    static boolean shutdown(LimiterScope limiters, Server server) throws Exception {
        // tag::shutdown
        server.setStopTimeout(30_000); // before it is started: how long accepted work may take
        server.stop(); // refuses newcomers, waits for requests and their background tasks
        boolean idle = limiters.awaitIdle(Duration.ofSeconds(5)); // and for work the server does not know of
        limiters.close();
        // end::shutdown
        return idle;
    }
}
