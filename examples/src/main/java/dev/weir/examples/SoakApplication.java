package dev.weir.examples;

import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.Upload;
import dev.weir.limiter.http.UploadLimits;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Every way to use a limiter in a server, the failing ones too. */
final class SoakApplication {

    /** A stream is as long as this many of its items, larger than what sockets and servers buffer. */
    static final int ITEMS = 100;

    static final int ITEM_SIZE = 32 * 1024;

    private static final UploadLimits UPLOAD_LIMITS =
            UploadLimits.defaults().bodySize(1 << 20).parts(50).headerSize(4096);
    private static final Headers BYTES = Headers.of("Content-Type", "application/octet-stream");

    private final LimiterScope limiters;
    private final Path uploads;

    SoakApplication(LimiterScope limiters, Path uploads) {
        this.limiters = limiters;
        this.uploads = uploads;
    }

    Map<String, ExchangeHandler> routes() {
        Map<String, ExchangeHandler> routes = new LinkedHashMap<>();
        routes.put("/work", ExchangeHandler.endpoint(limiters, SoakApplication::work));
        routes.put("/exception", ExchangeHandler.endpoint(limiters, exchange -> {
            throw new IllegalStateException("planted");
        }));
        routes.put("/error", ExchangeHandler.endpoint(limiters, exchange -> {
            throw new AssertionError("planted");
        }));
        routes.put("/tasks", ExchangeHandler.endpoint(limiters, this::tasks));
        routes.put("/stream", exchange -> stream(exchange, ITEMS + 1));
        routes.put("/broken-stream", exchange -> stream(exchange, ITEMS / 2));
        routes.put("/upload", this::upload);
        return routes;
    }

    private static void work(Exchange exchange) throws InterruptedException {
        Thread.sleep(1);
        Exchanges.text(exchange, 200, "Done\n");
    }

    private void tasks(Exchange exchange) {
        for (int task = 0; task < 3; task++) {
            boolean fails = task == 1;
            Exchanges.background(exchange, limiters, () -> {
                SeedApplication.pause(1);
                if (fails) {
                    throw new IllegalStateException("planted");
                }
            });
        }
        Exchanges.text(exchange, 200, "Done\n");
    }

    private void stream(Exchange exchange, int failingItem) {
        Stream<byte[]> items = IntStream.rangeClosed(1, ITEMS).mapToObj(item -> {
            if (item == failingItem) {
                throw new IllegalStateException("planted");
            }
            return new byte[ITEM_SIZE];
        });
        Exchanges.stream(exchange, 200, BYTES, Limiters.iterate(limiters.streaming(), items), ByteBuffer::wrap);
    }

    private void upload(Exchange exchange) {
        Exchanges.upload(exchange, limiters.shared(), UPLOAD_LIMITS, uploads)
                .thenAccept(upload -> answer(exchange, upload));
    }

    private static void answer(Exchange exchange, Upload upload) {
        Exchanges.text(exchange, 200, upload.parts().size() + " parts\n");
    }
}
