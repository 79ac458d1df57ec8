package dev.weir.examples;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** Somebody with a browser, a shell and the log. */
final class Operator implements AutoCloseable {

    private final URI base;
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final List<String> log = new CopyOnWriteArrayList<>();
    private final Logger logger = Logger.getLogger("dev.weir.limiter");
    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord record) {
            log.add(record.getMessage());
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    };

    Operator(int port) {
        base = URI.create("http://127.0.0.1:" + port);
        logger.addHandler(handler);
    }

    /** What Weir has logged. */
    List<String> log() {
        return List.copyOf(log);
    }

    Json.Value page() throws Exception {
        return Json.parse(
                send(request("/limits").header("Accept", "application/json")).body());
    }

    Scrape scrape() throws Exception {
        return Scrape.of(get("/metrics").body());
    }

    String resize(String limiter, String capacity) throws Exception {
        return send(request("/limits")
                        .header("X-Weir-Action", "resize")
                        .POST(BodyPublishers.ofString("limiter=" + limiter + "&capacity=" + capacity)))
                .body();
    }

    HttpResponse<String> get(String path) throws Exception {
        return send(request(path));
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(base.resolve(path)).timeout(Duration.ofSeconds(20));
    }

    private HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
        return http.send(request.build(), BodyHandlers.ofString());
    }

    @Override
    public void close() {
        logger.removeHandler(handler);
    }
}
