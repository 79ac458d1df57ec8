package dev.weir.limiter.page;

import dev.weir.limiter.http.BodyTooLargeException;
import dev.weir.limiter.http.Exchange;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Reads a request's body that is to be short, without blocking, into memory. */
final class SmallBody {

    private static final int MOST_BYTES = 4096;

    private final Exchange exchange;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final CompletableFuture<String> whole = new CompletableFuture<>();

    private SmallBody(Exchange exchange) {
        this.exchange = exchange;
    }

    /**
     * The body as text in UTF-8.
     *
     * @return fails with {@link BodyTooLargeException}, or as {@link Exchange#read} does
     */
    static CompletableFuture<String> read(Exchange exchange) {
        SmallBody body = new SmallBody(exchange);
        body.next();
        return body.whole;
    }

    private void next() {
        try {
            loop();
        } catch (Throwable e) { // whoever waits for the body must hear of it
            whole.completeExceptionally(e);
        }
    }

    /** Not by recursion: a server may have many small pieces at hand. */
    @SuppressWarnings("FutureReturnValueIgnored") // it is for what happens, not for a result
    private void loop() {
        boolean more = true;
        while (more) {
            CompletableFuture<Optional<ByteBuffer>> read = exchange.read().toCompletableFuture();
            if (read.isDone()) {
                more = read.handle(this::take).join();
            } else {
                more = false;
                read.whenComplete((data, failure) -> {
                    if (take(data, failure)) {
                        next();
                    }
                });
            }
        }
    }

    /** Whether there may be more to come. */
    @SuppressWarnings("NullableOptional") // as futures hand it over: null when they have failed
    private boolean take(@Nullable Optional<ByteBuffer> data, @Nullable Throwable failure) {
        if (data == null) {
            whole.completeExceptionally(failure == null ? new IllegalStateException("no data") : failure);
            return false;
        }
        if (data.isEmpty()) {
            whole.complete(bytes.toString(StandardCharsets.UTF_8));
            return false;
        }
        ByteBuffer piece = data.get();
        if (bytes.size() + piece.remaining() > MOST_BYTES) {
            whole.completeExceptionally(
                    new BodyTooLargeException("expected a body of at most " + MOST_BYTES + " bytes"));
            return false;
        }
        byte[] copy = new byte[piece.remaining()];
        piece.get(copy);
        bytes.writeBytes(copy);
        return true;
    }
}
