package dev.weir.limiter.http;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

/**
 * One request and its response. A handler answers it with the verbs of {@link Exchanges}, or byte by byte; a server adapter
 * extends it and only translates.
 *
 * <p><b>Life.</b> The request's head can be read at any time, also after the end. The response begins with {@link #respond},
 * is committed by the first {@link #write}, and ends with the last one, or with {@link #abort}. The exchange has
 * <em>completed</em> when the response has ended <em>and</em> the handler that {@link Admission} ran has finished, whichever
 * comes later; {@link #onComplete} tells, exactly once, however the exchange ends.
 *
 * <p><b>Threads.</b> No method blocks unless the exchange lacks {@link Capability#NON_BLOCKING_BODY}. All may be called on any
 * thread; reads are for one caller at a time, and so are writes. Callbacks and dependents of stages run on whichever thread
 * brings the news, often one of the server's: they must not block. What a callback throws is logged and changes nothing.
 *
 * <p><b>For adapters.</b> Implement the abstract methods; call {@link #gone} when the client is seen to have left, or {@link
 * #abort} when the exchange has failed, and {@link #ended} from the container's own callback if there is one. The end of the
 * last write and an abort are the exchange's end by themselves: nothing waits for a container to say so.
 */
public abstract class Exchange {

    private static final System.Logger LOGGER = System.getLogger(Exchange.class.getName());

    private final Drain drain;
    private final RequestHead request;
    private final Announcement<Throwable> gone = new Announcement<>();
    private final Announcement<Outcome> completed = new Announcement<>();
    private final AtomicBoolean counted = new AtomicBoolean();
    private final AtomicBoolean ended = new AtomicBoolean();
    /** Set by whoever set {@code ended}. */
    private volatile Outcome outcome = Outcome.UNCONFIRMED;

    /** One for the response, one for each {@link #hold}; at zero the exchange has completed. */
    private final AtomicInteger holds = new AtomicInteger(1);

    private final AtomicReference<WriteState> writing = new AtomicReference<>(WriteState.IDLE);
    private final AtomicBoolean reading = new AtomicBoolean();
    private volatile boolean committed;
    // What respond() has set; the first write, which sends it, comes after that.
    private int status = 200;
    private Headers headers = Headers.of();
    private final BackgroundTasks background = new BackgroundTasks();

    private enum WriteState {
        IDLE,
        BUSY,
        LAST
    }

    /**
     * An exchange that is counted from {@link Exchanges#serve} or {@link Admission} on, until it has completed and its
     * background tasks have run. One that is never served, since its constructor failed, is not counted.
     *
     * @param drain who counts
     * @param request the request's head
     */
    protected Exchange(Drain drain, RequestHead request) {
        this.drain = Objects.requireNonNull(drain, "drain");
        this.request = Objects.requireNonNull(request, "request");
    }

    // ------------------------------------------------------------------ the request

    /**
     * The request's method.
     *
     * @return such as {@code GET}
     */
    public final String method() {
        return request.method();
    }

    /**
     * The path as the client sent it, without the query.
     *
     * @return an encoded path
     */
    public final String path() {
        return request.path();
    }

    /**
     * The query as the client sent it, without the question mark.
     *
     * @return an encoded query, if there is one
     */
    public final Optional<String> query() {
        return request.query();
    }

    /**
     * The value of the first request header of a name.
     *
     * @param name the name, in any case
     * @return its value, if there is one
     */
    public final Optional<String> header(String name) {
        return request.headers().apply(name);
    }

    /**
     * How long the request says its body is.
     *
     * @return the declared length in bytes; empty when none is declared
     */
    public final OptionalLong declaredLength() {
        return request.declaredLength();
    }

    /**
     * The protocol's name and version.
     *
     * @return such as {@code HTTP/1.1} or {@code HTTP/2.0}
     */
    public final String protocol() {
        return request.protocol();
    }

    /**
     * Where the request comes from, for logs and access rules: the address of the other end of the connection. Behind a proxy
     * that is the proxy's.
     *
     * @return such as {@code 192.0.2.7}; empty when the server does not know
     * @implSpec The default knows nothing.
     */
    public Optional<String> remoteAddress() {
        return Optional.empty();
    }

    /**
     * Names the exchange in logs.
     *
     * @return method and path, such as {@code GET /hello}
     */
    public String description() {
        return method() + " " + path();
    }

    /**
     * What the server can do for this exchange.
     *
     * @return an unmodifiable set
     */
    public abstract Set<Capability> capabilities();

    /**
     * Reads the next bytes of the request's body. Nothing is read ahead of need, apart from a few KiB by which a server may
     * see its client leave: the first call may send {@code 100 Continue}, and the client is held back while nobody reads.
     *
     * <p>The buffer is the caller's until the next call, or until the exchange has completed, and must not be kept longer. At
     * the end of the body the stage gives empty, also when asked again. It fails with {@link java.io.EOFException} when the
     * body ends before its time, with {@link MalformedBodyException} when its framing is broken, and with another {@link
     * IOException} when the client cannot be read from any more, or the response has ended.
     *
     * @return the next bytes
     * @throws IllegalStateException when the former read has not ended
     */
    public final CompletionStage<Optional<ByteBuffer>> read() {
        if (!reading.compareAndSet(false, true)) {
            throw new IllegalStateException("the former read of " + description() + " has not ended");
        }
        CompletableFuture<Optional<ByteBuffer>> result = new CompletableFuture<>();
        CompletionStage<Optional<ByteBuffer>> received;
        try {
            received = receive();
        } catch (Throwable e) {
            received = CompletableFuture.failedFuture(e);
        }
        Stages.atEnd(received, (data, failure) -> {
            reading.set(false);
            if (failure == null) {
                result.complete(data);
            } else {
                result.completeExceptionally(Failures.unwrap(failure));
            }
        });
        return result;
    }

    // ------------------------------------------------------------------ the response

    /**
     * Sets status and headers of the response. They are sent with the first {@link #write}; until then they may be set again,
     * which replaces them.
     *
     * @param status 200 up to 599
     * @param headers the header fields
     * @throws IllegalStateException when the response is committed
     */
    public final void respond(int status, Headers headers) {
        if (status < 200 || status > 599) {
            throw new IllegalArgumentException("status: expected 200 up to 599, was " + status);
        }
        Objects.requireNonNull(headers, "headers");
        if (isCommitted()) {
            throw new IllegalStateException("the response of " + description() + " is committed");
        }
        this.status = status;
        this.headers = headers;
    }

    /**
     * Sends bytes of the response's body; the first call sends the head before them. The stage ends when the transport has
     * taken them and is ready for more: writing only then keeps the pace of the client.
     *
     * <p>The buffer is the exchange's until the stage has ended. When the stage fails, the client is gone, and {@link #onAbort}
     * has told so.
     *
     * @param data the bytes; may be empty
     * @param last whether the response ends here
     * @return ends when the bytes were handed to the transport
     * @throws IllegalStateException when the former write has not ended, or was the last
     */
    public final CompletionStage<Void> write(ByteBuffer data, boolean last) {
        Objects.requireNonNull(data, "data");
        if (!writing.compareAndSet(WriteState.IDLE, last ? WriteState.LAST : WriteState.BUSY)) {
            throw new IllegalStateException(
                    writing.get() == WriteState.LAST
                            ? "the response of " + description() + " has ended"
                            : "the former write of " + description() + " has not ended");
        }
        if (ended.get()) {
            writing.compareAndSet(WriteState.BUSY, WriteState.IDLE);
            return CompletableFuture.failedFuture(new IOException(description() + " is over"));
        }
        CompletableFuture<Void> result = new CompletableFuture<>();
        CompletionStage<Void> sent;
        try {
            boolean first = !committed;
            committed = true;
            sent = send(first, data, last);
        } catch (Throwable e) {
            sent = CompletableFuture.failedFuture(e);
        }
        Stages.atEnd(sent, (ignored, failure) -> {
            writing.compareAndSet(WriteState.BUSY, WriteState.IDLE);
            if (failure == null) {
                if (last) {
                    ended(Outcome.SENT);
                }
                result.complete(null);
            } else {
                Throwable cause = Failures.unwrap(failure);
                abort(cause);
                result.completeExceptionally(cause);
            }
        });
        return result;
    }

    /**
     * Whether the head of the response was sent, so that its status can no more be changed.
     *
     * @return true from the first write on, whoever wrote
     * @implSpec The default knows of writes of this exchange, and of {@link #committed}.
     */
    public boolean isCommitted() {
        return committed;
    }

    /**
     * Ends the exchange without the rest of its response. Where the server can ({@link Capability#ABORT_COMMITTED}), the
     * client sees that something is missing: its connection is closed, or its stream is reset. Does nothing when the exchange
     * has ended.
     *
     * @param cause why
     */
    public final void abort(Throwable cause) {
        Objects.requireNonNull(cause, "cause");
        if (ended.compareAndSet(false, true)) {
            outcome = Outcome.ABORTED;
            try {
                cut(cause);
            } catch (Throwable e) {
                LOGGER.log(Level.WARNING, "Cutting the response of " + description() + " failed", e);
            } finally {
                gone(cause);
                release();
            }
        }
    }

    // ------------------------------------------------------------------ its life

    /**
     * Calls back when the client is seen to have left, or the exchange has failed in another way; at once if that was before.
     * Never calls when the response was sent. Actions are called in no particular order.
     *
     * @param action takes the cause
     */
    public final void onAbort(Consumer<? super Throwable> action) {
        gone.ask(this, Objects.requireNonNull(action, "action"));
    }

    /**
     * Calls back when the exchange has completed (see above); at once if that was before. Always calls, exactly once. Actions
     * are called in no particular order.
     *
     * @param action takes the outcome
     */
    public final void onComplete(Consumer<? super Outcome> action) {
        completed.ask(this, Objects.requireNonNull(action, "action"));
    }

    /**
     * Whether the exchange has completed (see above).
     *
     * @return true from the moment the callbacks of {@link #onComplete} begin to run
     */
    public final boolean isCompleted() {
        return completed.isTold();
    }

    /**
     * Surrounds code with what the server sets up on its own threads around a handler, such as a class loader or the request's
     * context, for use on a worker. What belongs to the request is left out once the exchange has completed.
     *
     * @param code what will run
     * @return the code, surrounded
     */
    public Runnable inContext(Runnable code) {
        return code;
    }

    // ------------------------------------------------------------------ for adapters

    /**
     * The client was seen to leave: calls what was registered with {@link #onAbort}. The exchange has not ended by this; {@link
     * #abort} says both. Does nothing when the client has left before or the response was sent.
     *
     * @param cause what was seen
     */
    protected final void gone(Throwable cause) {
        if (!ended.get() || outcome == Outcome.ABORTED) {
            gone.tell(this, cause);
        }
    }

    /**
     * The response has ended: the container said so, or somebody other than this exchange wrote it. The first call counts, and
     * none does after an abort or the last write.
     *
     * @param how how it ended
     */
    protected final void ended(Outcome how) {
        if (ended.compareAndSet(false, true)) {
            outcome = how;
            if (how == Outcome.ABORTED) {
                gone(new IOException("the response of " + description() + " was cut"));
            }
            release();
        }
    }

    /** Somebody other than this exchange has begun to write the response. */
    protected final void committed() {
        committed = true;
    }

    /**
     * The status of the response's head.
     *
     * @return what {@link #respond} has set; 200 by default
     */
    protected final int status() {
        return status;
    }

    /**
     * The header fields of the response's head.
     *
     * @return what {@link #respond} has set; none by default
     */
    protected final Headers headers() {
        return headers;
    }

    /**
     * Sends bytes. Called by {@link #write}, never while a former call has not ended.
     *
     * @param first whether the head, {@link #status} and {@link #headers}, is to be sent before them
     * @param data the bytes, the adapter's until the stage has ended
     * @param last whether the response ends here
     * @return ends when the transport has taken the bytes and wants more; fails when it will not
     */
    protected abstract CompletionStage<Void> send(boolean first, ByteBuffer data, boolean last);

    /**
     * Receives bytes. Called by {@link #read}, never while a former call has not ended.
     *
     * @return as {@link #read}
     */
    protected abstract CompletionStage<Optional<ByteBuffer>> receive();

    /**
     * Ends the response in the server, visibly for the client if anything of it was sent. Called at most once, by {@link
     * #abort}; a read or a write may be under way.
     *
     * @param cause why
     */
    protected abstract void cut(Throwable cause);

    /**
     * Keeps the exchange from completing, for as long as somebody works for it.
     *
     * @return to be run when that is over, from any thread; running it again has no effect
     */
    protected final Runnable hold() {
        retain();
        AtomicBoolean held = new AtomicBoolean(true);
        return () -> {
            if (held.compareAndSet(true, false)) {
                release();
            }
        };
    }

    // ------------------------------------------------------------------ for the protocol

    /** Begins to count the exchange; again has no effect. */
    final void count() {
        if (counted.compareAndSet(false, true)) {
            drain.add();
            completed.ask(this, ignored -> drain.leave());
        }
    }

    final boolean isEnded() {
        return ended.get();
    }

    final boolean isAborted() {
        return gone.isTold();
    }

    /** Whether there is nothing left to say: the response has ended, or its last bytes are on their way. */
    final boolean isAnswered() {
        return ended.get() || writing.get() == WriteState.LAST;
    }

    final boolean isHead() {
        return method().equals("HEAD");
    }

    final Drain drain() {
        return drain;
    }

    final BackgroundTasks background() {
        return background;
    }

    /** Keeps the exchange from completing until {@link #release}, which is to be called once. */
    final void retain() {
        holds.updateAndGet(n -> n == 0 ? 0 : n + 1);
    }

    final void release() {
        // A hold that was taken after completion finds zero here and leaves it.
        if (holds.getAndUpdate(n -> n == 0 ? 0 : n - 1) == 1) {
            completed.tell(this, outcome);
        }
    }

    @Override
    public String toString() {
        String state = isCompleted() ? "completed" : ended.get() ? "ended" : isCommitted() ? "committed" : "open";
        return description() + " [" + state + "]";
    }
}
