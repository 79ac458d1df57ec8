package dev.weir.limiter.servlet;

import dev.weir.limiter.http.BodyTooLargeException;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.http.HttpServletRequest;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/** What is read of a request, one read at a time. */
final class RequestBody implements ReadListener {

    private static final int READ_SIZE = 16 * 1024;

    private final ServletExchange exchange;
    private final HttpServletRequest request;
    /** The read that is under way. */
    private volatile @Nullable CompletableFuture<Optional<ByteBuffer>> reading;

    private final Readiness readiness;

    private volatile @Nullable Throwable failure;

    // Touched only in turns.
    private @Nullable ServletInputStream stream;
    private byte @Nullable [] buffer;
    private long consumed;

    RequestBody(ServletExchange exchange, Container container, HttpServletRequest request) {
        this.exchange = exchange;
        this.readiness = new Readiness(container);
        this.request = request;
    }

    CompletionStage<Optional<ByteBuffer>> read() {
        CompletableFuture<Optional<ByteBuffer>> received = new CompletableFuture<>();
        reading = received;
        exchange.wake();
        return received;
    }

    void advance() throws IOException {
        if (reading == null) {
            return;
        }
        if (exchange.responseBody.isComplete()) {
            fail(new IOException("the response of " + exchange.description() + " has ended"));
            return;
        }
        ServletInputStream in = stream();
        Throwable failed = failure;
        if (failed != null) { // first: after a failure some streams say that they are finished
            fail(failed);
        } else if (in.isFinished()) {
            received(Optional.empty());
        } else if (isReady()) {
            ByteBuffer data = take();
            received(data == null ? Optional.empty() : Optional.of(data));
        }
    }

    private void received(Optional<ByteBuffer> data) {
        CompletableFuture<Optional<ByteBuffer>> received = reading;
        reading = null;
        if (received != null) {
            received.complete(data);
        }
    }

    void fail(Throwable cause) {
        CompletableFuture<Optional<ByteBuffer>> received = reading;
        reading = null;
        if (received != null) {
            received.completeExceptionally(translated(cause));
        }
    }

    /** Containers bury what happened deep in the chain of causes. */
    private static Throwable translated(Throwable failure) {
        Throwable cause = failure;
        for (int depth = 0; cause != null && depth < 16; depth++) {
            if (cause.getClass().getSimpleName().equals("RequestTooBigException")) {
                return new BodyTooLargeException(String.valueOf(cause.getMessage()));
            }
            if (cause instanceof EOFException) {
                return cause;
            }
            cause = cause.getCause();
        }
        return failure;
    }

    // ------------------------------------------------------------------ the stream

    ServletInputStream stream() throws IOException {
        ServletInputStream in = stream;
        if (in == null) {
            in = request.getInputStream();
            stream = in;
            if (!in.isFinished()) {
                in.setReadListener(this);
            }
        }
        return in;
    }

    /** Takes what the stream has, which is ready; null at its end. */
    @Nullable ByteBuffer take() throws IOException {
        byte[] bytes = buffer == null ? new byte[READ_SIZE] : buffer;
        buffer = bytes;
        int count = stream().read(bytes);
        consumed += Math.max(0, count);
        return count < 0 ? null : ByteBuffer.wrap(bytes, 0, count);
    }

    /** Whether the stream was asked for and can be read from. */
    boolean isReady() {
        ServletInputStream in = stream;
        return in != null && failure == null && readiness.of(in::isReady);
    }

    /** How many bytes were taken. */
    long consumed() {
        return consumed;
    }

    /** Whether the stream was asked for: the client was told to continue, if it waited for that. */
    boolean isOpen() {
        return stream != null;
    }

    boolean isReading() {
        return reading != null;
    }

    @Nullable Throwable failure() {
        return failure;
    }

    @Override
    public void onDataAvailable() {
        readiness.calledBack();
        exchange.wake();
    }

    @Override
    public void onAllDataRead() {
        onDataAvailable();
    }

    @Override
    public void onError(Throwable cause) {
        failure = cause;
        exchange.wake();
    }
}
