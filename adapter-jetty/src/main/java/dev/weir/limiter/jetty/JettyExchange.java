package dev.weir.limiter.jetty;

import static dev.weir.limiter.http.Capability.ABORT_COMMITTED;
import static dev.weir.limiter.http.Capability.CONTINUE_AFTER_ADMISSION;
import static dev.weir.limiter.http.Capability.DISCONNECT_WHILE_WAITING;
import static dev.weir.limiter.http.Capability.KEEPALIVE_AFTER_503;
import static dev.weir.limiter.http.Capability.MULTIPLEXED;
import static dev.weir.limiter.http.Capability.NON_BLOCKING_BODY;
import static dev.weir.limiter.http.Capability.SENT_CONFIRMED;

import dev.weir.limiter.http.BodyTooLargeException;
import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.MalformedBodyException;
import dev.weir.limiter.http.Outcome;
import dev.weir.limiter.http.RequestHead;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpHeaderValue;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.HttpVersion;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Context;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.HostPort;
import org.eclipse.jetty.util.thread.Invocable;
import org.eclipse.jetty.util.thread.Invocable.InvocationType;
import org.jspecify.annotations.Nullable;

/**
 * An exchange over a request of Jetty.
 *
 * <p>Whoever moves {@code answering} from true completes Jetty's callback: this exchange, with its last write or by cutting; or
 * a native handler, to which it was {@linkplain #handOver handed over}.
 */
final class JettyExchange extends Exchange {

    private static final EnumSet<HttpHeader> OF_THE_BODY = EnumSet.of(
            HttpHeader.CONTENT_LENGTH, HttpHeader.CONTENT_TYPE, HttpHeader.CONTENT_ENCODING, HttpHeader.CONTENT_RANGE);
    private static final Set<Capability> HTTP_1 =
            Set.of(SENT_CONFIRMED, NON_BLOCKING_BODY, CONTINUE_AFTER_ADMISSION, ABORT_COMMITTED, KEEPALIVE_AFTER_503);

    private static final Set<Capability> HTTP_2 = Set.of(
            SENT_CONFIRMED,
            NON_BLOCKING_BODY,
            CONTINUE_AFTER_ADMISSION,
            ABORT_COMMITTED,
            KEEPALIVE_AFTER_503,
            DISCONNECT_WHILE_WAITING,
            MULTIPLEXED);

    private final Request request;
    private final Response response;
    private final Callback callback;
    private final Context context;
    private final HttpVersion version;
    private final @Nullable SocketAddress remote;
    private final AtomicBoolean answering = new AtomicBoolean(true);
    private volatile boolean handedOver;
    private volatile boolean receiving;
    /** What the last read gave out; released by the next read, and at the end. */
    private final AtomicReference<Content.@Nullable Chunk> lent = new AtomicReference<>();

    /** To be made inside {@code handle}: Jetty takes no listeners later. */
    JettyExchange(Drain drain, Request request, Response response, Callback callback) {
        super(drain, headOf(request));
        this.request = request;
        this.response = response;
        this.callback = callback;
        this.context = request.getContext();
        this.version = request.getConnectionMetaData().getHttpVersion();
        this.remote = request.getConnectionMetaData().getRemoteSocketAddress();
        onComplete(outcome -> releaseLent());
        // While neither a read nor a write is under way nobody keeps the client waiting but we: that is no failure.
        request.addIdleTimeoutListener(timeout -> false);
        request.addFailureListener(this::failed);
    }

    static RequestHead headOf(Request request) {
        HttpFields headers = request.getHeaders().asImmutable();
        return new RequestHead(
                request.getMethod(),
                Optional.ofNullable(request.getHttpURI().getPath()).orElse(""),
                Optional.ofNullable(request.getHttpURI().getQuery()),
                request.getConnectionMetaData().getHttpVersion().asString(),
                name -> Optional.ofNullable(headers.get(name)));
    }

    private void failed(Throwable cause) {
        if (handedOver) {
            gone(cause);
        } else {
            abort(cause);
        }
    }

    @Override
    public Optional<String> remoteAddress() {
        return Optional.ofNullable(remote).map(JettyExchange::hostOf);
    }

    /** As {@link Request#getRemoteAddr}, which needs the request. */
    private static String hostOf(SocketAddress remote) {
        if (remote instanceof InetSocketAddress socket) {
            InetAddress address = socket.getAddress();
            return HostPort.normalizeHost(address == null ? socket.getHostString() : address.getHostAddress());
        }
        return remote.toString();
    }

    @Override
    public Set<Capability> capabilities() {
        return version.getVersion() < HttpVersion.HTTP_2.getVersion() ? HTTP_1 : HTTP_2;
    }

    @Override
    public boolean isCommitted() {
        return response.isCommitted();
    }

    @Override
    public Runnable inContext(Runnable code) {
        return () -> {
            if (isCompleted()) {
                context.run(code);
            } else {
                context.run(code, request);
            }
        };
    }

    // ------------------------------------------------------------------ for native handlers

    /**
     * Leaves response and callback to a native handler.
     *
     * @return false when the exchange was answered already, so that the handler must not be called
     */
    boolean handOver() {
        handedOver = true;
        return answering.compareAndSet(true, false);
    }

    /** The native handler completed the callback. */
    void handedBack(Outcome outcome) {
        ended(outcome);
    }

    /** Keeps the exchange from completing before the stage has. */
    void holdUntil(CompletionStage<?> stage) {
        Runnable hold = hold();
        stage.whenComplete((ignored, failure) -> hold.run());
    }

    // ------------------------------------------------------------------ the translation

    /** Adds the head to what handlers in front have set: theirs stays, but for what it says of another body. */
    private void writeHead() {
        if (response.isCommitted()) { // by a native handler: Jetty would take no notice of the head
            throw new IllegalStateException("the response has begun already");
        }
        response.setStatus(status());
        HttpFields.Mutable head = response.getHeaders().remove(OF_THE_BODY);
        headers().forEach(head::add);
        if (status() >= HttpStatus.BAD_REQUEST_400 && !connectionStaysUsable()) {
            head.put(HttpHeader.CONNECTION, HttpHeaderValue.CLOSE);
        }
    }

    /** On HTTP/1.1 an answer that comes before the whole body ends the connection, and should say so. */
    private boolean connectionStaysUsable() {
        return version.getVersion() >= HttpVersion.HTTP_2.getVersion() || (!receiving && request.consumeAvailable());
    }

    @Override
    protected CompletionStage<Void> send(boolean first, ByteBuffer data, boolean last) {
        if (first) {
            writeHead();
        }
        if (last && isHeadOfUnknownLength()) {
            return hand(false, data).thenCompose(begun -> hand(true, ByteBuffer.allocate(0)));
        }
        return hand(last, data);
    }

    /** Ended by its first write, Jetty would say that the answer to a GET has no bytes; begun first, it says nothing. */
    private boolean isHeadOfUnknownLength() {
        return method().equals("HEAD")
                && !response.isCommitted()
                && !response.getHeaders().contains(HttpHeader.CONTENT_LENGTH);
    }

    private Sent hand(boolean last, ByteBuffer data) {
        Sent sent = last ? new SentLast() : new Sent();
        response.write(last, data, sent);
        return sent;
    }

    private void succeed() {
        if (answering.compareAndSet(true, false)) {
            callback.succeeded();
        }
    }

    @Override
    protected void cut(Throwable cause) {
        if (answering.compareAndSet(true, false)) {
            callback.failed(new Request.Handler.AbortException(cause));
        }
    }

    @Override
    protected CompletionStage<Optional<ByteBuffer>> receive() {
        releaseLent();
        CompletableFuture<Optional<ByteBuffer>> received = new CompletableFuture<>();
        receive(received);
        return received;
    }

    private void receive(CompletableFuture<Optional<ByteBuffer>> received) {
        try {
            while (true) {
                Content.Chunk chunk = request.read();
                if (chunk == null) {
                    receiving = true;
                    request.demand(Invocable.from(InvocationType.NON_BLOCKING, () -> {
                        receiving = false;
                        receive(received);
                    }));
                    return;
                }
                if (Content.Chunk.isFailure(chunk)) {
                    received.completeExceptionally(translated(chunk.getFailure()));
                    return;
                }
                if (chunk.hasRemaining()) {
                    lent.set(chunk);
                    received.complete(Optional.of(chunk.getByteBuffer()));
                    return;
                }
                chunk.release();
                if (chunk.isLast()) {
                    received.complete(Optional.empty());
                    return;
                }
            }
        } catch (Throwable e) {
            received.completeExceptionally(e);
        }
    }

    private void releaseLent() {
        Content.Chunk chunk = lent.getAndSet(null);
        if (chunk != null) {
            chunk.release();
        }
    }

    private static Throwable translated(Throwable failure) {
        if (failure instanceof HttpException http) {
            if (http.getCode() == HttpStatus.PAYLOAD_TOO_LARGE_413) {
                return new BodyTooLargeException(failure.toString());
            }
            if (HttpStatus.isClientError(http.getCode())) {
                return new MalformedBodyException("the body could not be read", failure);
            }
        }
        return failure instanceof IOException ? failure : new IOException("the body can no longer be read", failure);
    }

    /** A write under way. What depends on it does not block, so Jetty may call it on any thread. */
    private static class Sent extends CompletableFuture<Void> implements Callback {

        @Override
        @SuppressWarnings("NullAway") // Void has no value but null
        public void succeeded() {
            complete(null);
        }

        @Override
        public void failed(Throwable failure) {
            completeExceptionally(failure);
        }

        @Override
        public InvocationType getInvocationType() {
            return InvocationType.NON_BLOCKING;
        }
    }

    /** The last write. It completes Jetty's callback before it says that it has ended. */
    private final class SentLast extends Sent {

        @Override
        public void succeeded() {
            try {
                succeed();
                super.succeeded();
            } catch (Throwable e) {
                failed(e);
            }
        }
    }
}
