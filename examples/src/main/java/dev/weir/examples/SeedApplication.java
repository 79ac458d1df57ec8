package dev.weir.examples;

import dev.weir.limiter.LimiterHealth;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.Part;
import dev.weir.limiter.http.Upload;
import dev.weir.limiter.http.UploadLimits;
import dev.weir.limiter.page.LimitsPage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The seed's program: an endpoint that answers at once and leaves slow work behind, and beside it everything else that blocks
 * in a server. It names no server: its routes run on each.
 */
final class SeedApplication implements AutoCloseable {

    static final int FILE_SIZE = 1 << 20;
    static final int STREAM_ITEMS = 20;

    private static final int FAST_MILLIS = 5;
    private static final int ITEM_MILLIS = 2;

    /** Somebody who has waited for longer than this is worth a word. */
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    private static final UploadLimits UPLOAD_LIMITS = UploadLimits.defaults().bodySize(64 << 20);

    private final LimiterScope limiters;
    private final IntConsumer task;
    private final LimitsPage page;
    private final MetricsPage metrics;
    private final Path file;
    private final AtomicInteger number = new AtomicInteger();

    /**
     * An application that is ready to be served, from whose page nobody can change anything.
     *
     * @param limiters the application's limiters; not closed with it
     * @param task what a request to {@code /hello} leaves behind; takes its running number, from 1
     * @throws IOException when the file that is served cannot be made
     */
    SeedApplication(LimiterScope limiters, IntConsumer task) throws IOException {
        this(limiters, task, false);
    }

    /**
     * An application that is ready to be served.
     *
     * @param limiters the application's limiters; not closed with it
     * @param task what a request to {@code /hello} leaves behind; takes its running number, from 1
     * @param allowResize whether whoever reaches it may resize limiters
     * @throws IOException when the file that is served cannot be made
     */
    SeedApplication(LimiterScope limiters, IntConsumer task, boolean allowResize) throws IOException {
        this.limiters = limiters;
        this.task = task;
        LimitsPage.Builder limits = LimitsPage.builder(limiters);
        this.page = (allowResize ? limits.allowResize(exchange -> true) : limits).open();
        this.metrics = new MetricsPage(limiters);
        this.file = Files.createTempFile("weir-example", ".bin");
        Files.write(file, new byte[FILE_SIZE]);
    }

    Map<String, ExchangeHandler> routes() {
        Map<String, ExchangeHandler> routes = new LinkedHashMap<>();
        routes.put("/hello", ExchangeHandler.endpoint(limiters, this::hello));
        routes.put("/fast", ExchangeHandler.endpoint(limiters, SeedApplication::fast));
        routes.put("/stream", this::stream);
        routes.put("/file", exchange -> Exchanges.file(exchange, limiters, file));
        routes.put("/upload", ExchangeHandler.upload(limiters, UPLOAD_LIMITS, SeedApplication::sizes));
        // Outside every limiter: these answer however busy the application is.
        routes.put("/health", this::health);
        routes.put("/metrics", metrics::text);
        routes.put("/ready", this::ready);
        routes.put("/limits", page);
        return routes;
    }

    /** Answers at once and leaves work behind. */
    private void hello(Exchange exchange) {
        Exchanges.background(exchange, limiters, () -> task.accept(number.incrementAndGet()));
        Exchanges.text(exchange, 200, "Hello, the work goes on behind you\n");
    }

    /** An endpoint that has nothing to do with the others, such as a quick look into a database. */
    private static void fast(Exchange exchange) throws InterruptedException {
        Thread.sleep(FAST_MILLIS);
        Exchanges.text(exchange, 200, "Done\n");
    }

    /** Sends what a blocking source produces, while it produces. */
    private void stream(Exchange exchange) {
        Stream<String> lines = IntStream.rangeClosed(1, STREAM_ITEMS).mapToObj(SeedApplication::line);
        Exchanges.stream(
                exchange,
                200,
                Headers.of("Content-Type", "text/plain;charset=utf-8"),
                Limiters.iterate(limiters.streaming(), lines),
                line -> ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)));
    }

    private static String line(int item) {
        pause(ITEM_MILLIS);
        return "Item " + item + "\n";
    }

    /** Says what came; the file names are the client's, made harmless. */
    private static void sizes(Exchange exchange, Upload upload) {
        Exchanges.text(
                exchange,
                200,
                upload.parts().stream().map(SeedApplication::size).collect(Collectors.joining()));
    }

    private static String size(Part part) {
        return part.name() + part.fileName().map(name -> " (" + name + ")").orElse("") + ": " + part.size()
                + " bytes\n";
    }

    /** The process is alive whatever its limiters do: restarting it would help nobody who waits. */
    private void health(Exchange exchange) {
        Exchanges.text(exchange, 200, LimiterHealth.of(limiters, PATIENCE) + "\n");
    }

    /** Whether it wants more requests: not while those it has cannot begin. */
    private void ready(Exchange exchange) {
        LimiterHealth health = LimiterHealth.of(List.of(limiters.endpoints()), PATIENCE);
        Exchanges.text(exchange, health.status() == LimiterHealth.Status.UP ? 200 : 503, health + "\n");
    }

    /** Sleeps; whoever interrupts it means that the task is to end. */
    static void pause(long millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() throws IOException {
        page.close();
        metrics.close();
        Files.deleteIfExists(file);
    }
}
