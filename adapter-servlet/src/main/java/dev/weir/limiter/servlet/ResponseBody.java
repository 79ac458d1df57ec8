package dev.weir.limiter.servlet;

import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/** What is written of a response, one write at a time: given to the stream, flushed, and taken by the transport. */
final class ResponseBody implements WriteListener {

    private final ServletExchange exchange;
    private final HttpServletResponse response;
    /** The write that is under way; set after its bytes. */
    private volatile @Nullable CompletableFuture<Void> writing;

    private ByteBuffer data = ByteBuffer.allocate(0);
    private boolean last;
    private final Readiness readiness;

    // Touched only in turns, or when nothing is under way.
    private @Nullable ServletOutputStream stream;
    private boolean flushed;
    private boolean complete;

    ResponseBody(ServletExchange exchange, Container container, HttpServletResponse response) {
        this.exchange = exchange;
        this.readiness = new Readiness(container);
        this.response = response;
    }

    CompletionStage<Void> write(ByteBuffer newData, boolean isLast) {
        CompletableFuture<Void> sent = new CompletableFuture<>();
        data = newData;
        last = isLast;
        flushed = false;
        writing = sent;
        exchange.wake();
        return sent;
    }

    void advance() throws IOException {
        if (writing == null) {
            return;
        }
        ServletOutputStream out = stream;
        if (out == null) {
            boolean empty = !data.hasRemaining();
            exchange.prepare(empty);
            out = response.getOutputStream();
            stream = out;
            if (last && empty && exchange.sendHeadAlone()) {
                sent();
                return;
            }
            out.setWriteListener(this);
        }
        if (isTransferred(out)) {
            sent();
        }
    }

    /** Whether the transport has taken all of it. What was written is the container's until its stream is ready again. */
    private boolean isTransferred(ServletOutputStream out) throws IOException {
        if (data.hasRemaining() && readiness.of(out::isReady)) {
            write(out, data);
        }
        if (!data.hasRemaining() && !flushed && readiness.of(out::isReady)) {
            out.flush();
            flushed = true;
        }
        return flushed && readiness.of(out::isReady);
    }

    private static void write(ServletOutputStream out, ByteBuffer data) throws IOException {
        if (data.hasArray()) {
            out.write(data.array(), data.arrayOffset() + data.position(), data.remaining());
            data.position(data.limit());
        } else {
            byte[] copy = new byte[data.remaining()];
            data.get(copy);
            out.write(copy, 0, copy.length);
        }
    }

    private void sent() throws IOException {
        complete = last;
        if (!last || exchange.finish()) {
            succeed();
        }
    }

    /** Whether the last write was given to the stream. */
    boolean isComplete() {
        return complete;
    }

    boolean isWriting() {
        return writing != null;
    }

    /** Whether the container was asked to take what is being written, and has not yet. */
    boolean isWaiting() {
        return readiness.mayAsk() && writing != null;
    }

    @SuppressWarnings("NullAway") // Void has no value but null
    void succeed() {
        CompletableFuture<Void> sent = writing;
        writing = null;
        if (sent != null) {
            sent.complete(null);
        }
    }

    void fail(Throwable failure) {
        CompletableFuture<Void> sent = writing;
        writing = null;
        if (sent != null) {
            sent.completeExceptionally(failure);
        }
    }

    @Override
    public void onWritePossible() {
        readiness.calledBack();
        exchange.wake();
    }

    @Override
    public void onError(Throwable failure) {
        exchange.failed(failure);
    }
}
