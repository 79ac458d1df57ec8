package dev.weir.examples;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.DoubleSupplier;

/** Sends requests and takes their time. Waits on no thread. */
final class Client {

    private static final String BOUNDARY = "weir-example-boundary";

    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(10))
            .build();
    private final URI base;
    private final Duration timeout;
    private final DoubleSupplier clock;

    /**
     * A client of a server on this machine.
     *
     * @param port where it listens
     * @param timeout how long an answer may take
     * @param clock the time of the run, in seconds
     */
    Client(int port, Duration timeout, DoubleSupplier clock) {
        this.base = URI.create("http://127.0.0.1:" + port);
        this.timeout = timeout;
        this.clock = clock;
    }

    CompletableFuture<Answer> get(String path) {
        return send(HttpRequest.newBuilder(base.resolve(path)).timeout(timeout).build());
    }

    /** Uploads a file of the given size as a browser does. */
    CompletableFuture<Answer> upload(String path, int size) {
        byte[] head = ("--" + BOUNDARY + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"load.bin\"\r\n"
                        + "Content-Type: application/octet-stream\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII);
        byte[] tail = ("\r\n--" + BOUNDARY + "--\r\n").getBytes(StandardCharsets.US_ASCII);
        byte[] body = new byte[head.length + size + tail.length];
        System.arraycopy(head, 0, body, 0, head.length);
        System.arraycopy(tail, 0, body, head.length + size, tail.length);
        return send(HttpRequest.newBuilder(base.resolve(path))
                .timeout(timeout)
                .header("Content-Type", "multipart/form-data; boundary=" + BOUNDARY)
                .POST(BodyPublishers.ofByteArray(body))
                .build());
    }

    private CompletableFuture<Answer> send(HttpRequest request) {
        double sent = clock.getAsDouble();
        return http.sendAsync(request, BodyHandlers.ofByteArray())
                .handle((response, failure) -> new Answer(
                        sent, (clock.getAsDouble() - sent) * 1000, failure == null ? response.statusCode() : 0));
    }
}
