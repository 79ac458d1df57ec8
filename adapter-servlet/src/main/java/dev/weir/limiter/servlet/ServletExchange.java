package dev.weir.limiter.servlet;

import dev.weir.limiter.http.BodyTooLargeException;
import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.Headers;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * An exchange over the asynchronous, non-blocking side of the Servlet API.
 *
 * <p>A write, a read and a cut are asked for on any thread, and the container's callbacks come on others. Each leaves its news
 * in a field and calls {@link #wake}; whoever finds nobody at work goes through the {@link #turn}, again and again until there
 * is no more news. So one thread at a time touches the container's streams, and no callback is lost: one that comes while the
 * owner has just been told "not ready" makes it ask again.
 *
 * <p>After {@code over}, which the owner sets before it gives the request back, nothing of the container's is touched.
 */
final class ServletExchange extends RequestExchange {

    /** The attribute with what the request is cut for, when it is dispatched only to fail. */
    static final String CUT = ServletExchange.class.getName() + ".cut";

    private static final long LOOK_MILLIS = 200;

    private static final long KEPT_OUT_NANOS = 1_000_000_000;

    private static final int READ_SIZE = 16 * 1024;

    /** For how long bytes that nobody wants are taken from a client that has its answer. */
    private static final long DISCARD_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final AsyncContext async;
    private final HttpServletRequest request;
    private final HttpServletResponse response;
    /** The application's; null where it has none of its own. */
    private final @Nullable ClassLoader loader;
    /** Null on other containers. */
    private final @Nullable UndertowExchange undertow;

    private final AtomicInteger news = new AtomicInteger();
    private volatile @Nullable Outgoing outgoing;
    private volatile @Nullable CompletableFuture<Optional<ByteBuffer>> incoming;
    private volatile @Nullable Throwable cutting;
    /** The container has called back, so that its stream can be used. */
    private volatile boolean mayWrite;

    private volatile boolean mayRead;
    private volatile @Nullable Throwable readFailure;
    private volatile @Nullable Throwable writeFailure;
    private volatile boolean committed;
    /** Nobody is there to see a cut. */
    private volatile boolean broken;

    /** The container has said so, or that the request is over: it ends it, or has. */
    private volatile boolean endedByContainer;

    /** Tomcat has had the time to say so. */
    private volatile boolean endNow;

    private volatile boolean over;
    /** Undertow: the last bytes are with the transport, or never will be. */
    private volatile boolean undertowDone;
    /** Somebody may be inside a call of the container. */
    private volatile boolean inside;

    private volatile @Nullable Thread owner;
    /** It is time to look whether a stream was reset. */
    private volatile boolean lookNow;

    private volatile boolean looking;

    // Set by head() before the first write, which orders them.
    private int status = 200;
    private Headers headers = Headers.of();

    // Touched only in turns.
    private @Nullable ServletOutputStream out;
    private @Nullable ServletInputStream in;
    private byte @Nullable [] buffer;
    /** How many bytes of the body were read. */
    private long consumed;
    /** How many of them the container has taken from its connection: those it holds for us as well. */
    private long taken;
    /** When to stop discarding what comes of the body after the answer; null unless that goes on. */
    private @Nullable Long discardUntil;

    ServletExchange(
            Drain drain,
            Container container,
            AsyncContext async,
            HttpServletRequest request,
            HttpServletResponse response) {
        super(drain, container, request);
        this.async = async;
        this.request = request;
        this.response = response;
        this.loader = request.getServletContext().getClassLoader();
        async.setTimeout(0);
        async.addListener(new Life());
        this.undertow = container == Container.UNDERTOW ? listenToUndertow() : null;
    }

    /** Undertow sends the end of a response after {@code complete()}, and can be stopped before it has. */
    private @Nullable UndertowExchange listenToUndertow() {
        try {
            UndertowExchange exchange = UndertowExchange.of(request);
            exchange.onComplete(() -> {
                undertowDone = true; // also before the last write is over: a declared length ends it
                if (over) {
                    wake();
                }
            });
            return exchange;
        } catch (IOException e) {
            return null; // it does not tell: nothing to wait for
        }
    }

    /** Bytes under way, and how far they are. */
    private static final class Outgoing {
        final ByteBuffer data;
        final boolean last;
        final CompletableFuture<Void> sent = new CompletableFuture<>();
        boolean written;
        boolean flushed;

        Outgoing(ByteBuffer data, boolean last) {
            this.data = data;
            this.last = last;
        }
    }

    @Override
    public boolean isCommitted() {
        return committed;
    }

    @Override
    public Runnable inContext(Runnable code) {
        if (loader == null) {
            return code;
        }
        return () -> {
            Thread thread = Thread.currentThread();
            ClassLoader before = thread.getContextClassLoader();
            thread.setContextClassLoader(loader);
            try {
                code.run();
            } finally {
                thread.setContextClassLoader(before);
            }
        };
    }

    // ------------------------------------------------------------------ what is asked for

    @Override
    protected void head(int newStatus, Headers newHeaders) {
        status = newStatus;
        headers = newHeaders;
    }

    @Override
    protected CompletionStage<Void> send(ByteBuffer data, boolean last) {
        committed = true;
        Outgoing next = new Outgoing(data, last);
        outgoing = next;
        wake();
        return next.sent;
    }

    @Override
    protected CompletionStage<Optional<ByteBuffer>> receive() {
        CompletableFuture<Optional<ByteBuffer>> received = new CompletableFuture<>();
        incoming = received;
        wake();
        return received;
    }

    @Override
    protected void cut(Throwable cause) {
        cutting = cause;
        wake();
    }

    // ------------------------------------------------------------------ one turn after another

    private void wake() {
        if (news.getAndIncrement() == 0) {
            int seen = 1;
            do {
                owner = Thread.currentThread();
                turn();
                seen = news.addAndGet(-seen);
            } while (seen != 0);
        }
    }

    private void turn() {
        Throwable cause = cutting;
        if (cause != null) {
            end(cause);
            return;
        }
        inside = true;
        try {
            if (broken && container() == Container.TOMCAT) {
                failBoth(new IOException("the client of " + description() + " has left"));
                return;
            }
            step(this::continueWriting, this::failWrite);
            step(this::continueReading, this::failRead);
            step(this::discard, failure -> stopDiscarding());
            if (mayWaitInVain()) {
                step(this::look, this::onGone);
            }
        } finally {
            inside = false;
        }
    }

    @FunctionalInterface
    private interface Step {
        void run() throws IOException;
    }

    private void step(Step step, Consumer<Throwable> failed) {
        try {
            step.run();
        } catch (Throwable e) {
            if (e instanceof IOException) {
                broken = true;
            }
            failed.accept(e);
        }
    }

    /**
     * The container has seen the connection fail. Tomcat gives the request's objects to another client when its callback has
     * returned, also while a thread of ours is on its way out of a call that failed: so the callback waits for it to be out.
     * Nothing blocks in there, and nobody goes in any more.
     */
    private void breakOff() {
        endedByContainer = true;
        broken = true;
        if (container() == Container.TOMCAT) {
            long start = System.nanoTime();
            while (inside && owner != Thread.currentThread() && System.nanoTime() - start < KEPT_OUT_NANOS) {
                Thread.onSpinWait();
            }
        }
    }

    private void continueWriting() throws IOException {
        Outgoing current = outgoing;
        if (current == null) {
            return;
        }
        if (over) {
            if (undertowDone) {
                succeed(current);
            }
            return;
        }
        Throwable failure = writeFailure;
        if (failure == null && container() == Container.UNDERTOW) {
            failure = readFailure; // it has closed the connection then, and calls back no more
        }
        if (failure != null) {
            failWrite(failure);
            return;
        }
        ServletOutputStream stream = out;
        if (stream == null) {
            apply(status, headers, response);
            if (container() == Container.UNDERTOW && current.data.hasRemaining()) {
                response.setBufferSize(1); // its buffer ignores flush()
            }
            stream = response.getOutputStream();
            out = stream;
            if (current.last && !current.data.hasRemaining() && !leavesBodyUnread()) {
                if (container() != Container.UNDERTOW) {
                    response.flushBuffer(); // or Tomcat forgets an answer to HEAD over HTTP/2, and ee11 adds a charset
                }
                sent(current);
                return;
            }
            stream.setWriteListener(new Writing());
        }
        if (mayWrite) {
            if (transferred(stream, current)) {
                sent(current);
            }
        }
    }

    /**
     * Not every container calls back when an HTTP/2 stream is reset: Tomcat sometimes does not while a write waits for its
     * window; Undertow never does then, nor when the connection ends while a read waits.
     */
    private boolean mayWaitInVain() {
        if (discardUntil != null && !over) {
            return true;
        }
        if (isHttp1()) {
            return false;
        }
        return switch (container()) {
            case TOMCAT -> outgoing != null && mayWrite && !over;
            case UNDERTOW -> outgoing != null || incoming != null;
            default -> false;
        };
    }

    /** Looks from time to time whether the client is still there. */
    private void look() throws IOException {
        if (lookNow) {
            lookNow = false;
            if (undertow != null) {
                if (undertow.isGone()) {
                    throw new IOException("the client of " + description() + " has left");
                }
            } else {
                flushWhatWaits();
            }
        }
        if (!looking) {
            looking = true;
            CompletableFuture.delayedExecutor(LOOK_MILLIS, TimeUnit.MILLISECONDS)
                    .execute(() -> {
                        looking = false;
                        lookNow = true;
                        wake();
                    });
        }
    }

    /** Tomcat fails to if the stream was reset, and does nothing if the client is only slow. */
    private void flushWhatWaits() throws IOException {
        try {
            response.flushBuffer();
        } catch (IllegalStateException e) {
            // It waits for something else, and will call back.
        }
    }

    /** Whether the transport has taken all of it. What was written is the container's until its stream is ready again. */
    private static boolean transferred(ServletOutputStream stream, Outgoing current) throws IOException {
        if (!current.written) {
            if (current.data.hasRemaining()) {
                if (!stream.isReady()) {
                    return false;
                }
                write(stream, current.data);
            }
            current.written = true;
        }
        if (!current.flushed) {
            if (!stream.isReady()) {
                return false;
            }
            stream.flush();
            current.flushed = true;
        }
        return stream.isReady();
    }

    private static void write(ServletOutputStream stream, ByteBuffer data) throws IOException {
        if (data.hasArray()) {
            stream.write(data.array(), data.arrayOffset() + data.position(), data.remaining());
            data.position(data.limit());
        } else {
            byte[] copy = new byte[data.remaining()];
            data.get(copy);
            stream.write(copy, 0, copy.length);
        }
    }

    private void sent(Outgoing current) throws IOException {
        if (current.last) {
            if (leavesBodyUnread()) {
                response.getOutputStream().close();
                discardUntil = System.nanoTime() + DISCARD_NANOS;
            } else {
                boolean later = undertow != null && undertow.isRequestComplete();
                over = true;
                async.complete();
                if (later && !undertowDone) {
                    return;
                }
            }
        }
        succeed(current);
    }

    /**
     * Whether Undertow must not complete the request yet, since its client has not sent all of it. It would wait for the rest
     * with a thread, or reset the stream; and what is then still on its way over HTTP/2 ends the connection, for all its streams.
     * A client that was not told to continue sends nothing.
     */
    private boolean leavesBodyUnread() throws IOException {
        return undertow != null
                && !undertow.isRequestComplete()
                && (in != null || header("Expect").isEmpty());
    }

    @SuppressWarnings("NullAway") // Void has no value but null
    private void succeed(Outgoing current) {
        outgoing = null;
        current.sent.complete(null);
    }

    private void onGone(Throwable failure) {
        failBoth(failure);
        stopDiscarding();
    }

    private void failBoth(Throwable failure) {
        failWrite(failure);
        failRead(failure);
    }

    private void failWrite(Throwable failure) {
        Outgoing current = outgoing;
        if (current != null) {
            outgoing = null;
            current.sent.completeExceptionally(failure);
        }
    }

    private void continueReading() throws IOException {
        CompletableFuture<Optional<ByteBuffer>> current = incoming;
        if (over || discardUntil != null) {
            failRead(new IOException("the response of " + description() + " has ended"));
            return;
        }
        noteTaken();
        if (current == null) {
            return;
        }
        ServletInputStream stream = body();
        Throwable failure = readFailure;
        if (failure != null) { // first: after a failure some streams say that they are finished
            failRead(failure);
        } else if (stream.isFinished()) {
            received(current, Optional.empty());
        } else if (mayRead && stream.isReady()) {
            byte[] bytes = buffer();
            int count = take(stream, bytes);
            noteTaken();
            received(current, count < 0 ? Optional.empty() : Optional.of(ByteBuffer.wrap(bytes, 0, count)));
        }
    }

    private ServletInputStream body() throws IOException {
        ServletInputStream stream = in;
        if (stream == null) {
            stream = request.getInputStream();
            in = stream;
            if (!stream.isFinished()) {
                stream.setReadListener(new Reading());
            }
        }
        return stream;
    }

    private byte[] buffer() {
        byte[] bytes = buffer == null ? new byte[READ_SIZE] : buffer;
        buffer = bytes;
        return bytes;
    }

    private int take(ServletInputStream stream, byte[] bytes) throws IOException {
        int count = stream.read(bytes);
        consumed += Math.max(0, count);
        return count;
    }

    /** While the stream is ready Undertow does not touch it: only then can what it holds be asked for. */
    private void noteTaken() throws IOException {
        ServletInputStream stream = in;
        if (undertow != null && stream != null && mayRead && readFailure == null && stream.isReady()) {
            taken = consumed + stream.available();
        }
    }

    /** Takes what the client goes on to send, until it has sent all, or leaves, or has had its time. */
    private void discard() throws IOException {
        Long until = discardUntil;
        if (until == null || over) {
            return;
        }
        ServletInputStream stream = body();
        byte[] bytes = buffer();
        noteTaken();
        while (readFailure == null && !stream.isFinished() && mayRead && stream.isReady()) {
            take(stream, bytes);
            noteTaken();
        }
        if (System.nanoTime() - until > 0 || (readFailure != null && !isHttp1())) {
            stopDiscarding();
        } else if (readFailure != null || stream.isFinished()) {
            over = true;
            complete();
        }
    }

    private void stopDiscarding() {
        if (discardUntil != null && !over) {
            over = true;
            cutUndertow();
            complete();
        }
    }

    /** The only way to let a client of Undertow's see that a response is incomplete, or that its body is not wanted. */
    private void cutUndertow() {
        UndertowExchange exchange = undertow;
        if (exchange != null) {
            try {
                exchange.close();
                if (!isHttp1()) {
                    exchange.giveBackUnread(taken);
                }
            } catch (IOException e) {
                // It is over.
            }
        }
    }

    private void received(CompletableFuture<Optional<ByteBuffer>> current, Optional<ByteBuffer> data) {
        incoming = null;
        current.complete(data);
    }

    private void failRead(Throwable failure) {
        CompletableFuture<Optional<ByteBuffer>> current = incoming;
        if (current != null) {
            incoming = null;
            current.completeExceptionally(translated(failure));
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

    @Override
    public String toString() {
        return "ServletExchange[" + description() + ", " + protocol()
                + (incoming == null ? "" : mayRead ? ", reading" : ", about to read")
                + (outgoing == null ? "" : mayWrite ? ", writing" : ", about to write")
                + (over ? ", over]" : "]");
    }

    // ------------------------------------------------------------------ the end

    private void end(Throwable cause) {
        if (!over) {
            over = true;
            if (container() == Container.UNDERTOW) {
                cutUndertow();
                complete();
            } else if (broken && container() == Container.TOMCAT) {
                endLater();
            } else if (broken || !cutVisibly(cause)) {
                complete();
            }
        } else if (endNow) {
            endNow = false;
            endUnlessEnded();
        }
        failBoth(cause);
    }

    /**
     * Tomcat ends a request itself whose write has failed, at once, and then uses its objects for another client's. One whose
     * read has failed on a thread of ours it keeps for ever, with its connection.
     */
    private void endLater() {
        if (endedByContainer) {
            return;
        }
        try {
            CompletableFuture.delayedExecutor(LOOK_MILLIS, TimeUnit.MILLISECONDS)
                    .execute(() -> {
                        endNow = true;
                        wake();
                    });
        } catch (Throwable e) { // no thread to be had for the JDK's timer: not later, then
            endUnlessEnded();
        }
    }

    /** {@link #breakOff} waits for this thread to be out, and this one sees that it has begun. */
    private void endUnlessEnded() {
        inside = true;
        try {
            if (!endedByContainer) {
                complete();
            }
        } finally {
            inside = false;
        }
    }

    private boolean cutVisibly(Throwable cause) {
        try {
            if (!committed && isHttp1()) {
                response.setHeader("Connection", "close"); // there will be an error page, and nothing after it
            }
            request.setAttribute(CUT, new CutException(description(), cause));
            async.dispatch();
            return true;
        } catch (Throwable e) {
            return false; // the container has ended it already
        }
    }

    private void complete() {
        try {
            async.complete();
        } catch (Throwable e) {
            // The container has ended it already.
        }
    }

    private final class Writing implements WriteListener {
        @Override
        public void onWritePossible() {
            mayWrite = true;
            wake();
        }

        @Override
        public void onError(Throwable failure) {
            breakOff();
            writeFailure = failure;
            wake();
            abort(failure);
        }
    }

    private final class Reading implements ReadListener {
        @Override
        public void onDataAvailable() {
            mayRead = true;
            wake();
        }

        @Override
        public void onAllDataRead() {
            mayRead = true;
            wake();
        }

        @Override
        public void onError(Throwable failure) {
            readFailure = failure;
            wake();
        }
    }

    private final class Life implements AsyncListener {
        @Override
        public void onComplete(AsyncEvent event) {
            if (over) {
                endedByContainer = true;
            } else {
                breakOff();
                abort(new IOException("the container has ended " + description()));
            }
        }

        @Override
        public void onError(AsyncEvent event) {
            breakOff();
            Throwable failure = event.getThrowable();
            abort(failure == null ? new IOException("the client of " + description() + " has left") : failure);
        }

        @Override
        public void onTimeout(AsyncEvent event) {
            // There is none.
        }

        @Override
        public void onStartAsync(AsyncEvent event) {
            event.getAsyncContext().addListener(this);
        }
    }
}
