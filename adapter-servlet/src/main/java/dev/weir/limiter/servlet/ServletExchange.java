package dev.weir.limiter.servlet;

import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.Turns;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.concurrent.CompletionStage;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * An exchange over the asynchronous, non-blocking side of the Servlet API.
 *
 * <p>A write, a read and a cut are asked for on any thread, and the container's callbacks come on others. Each leaves its news
 * in a field and takes the {@link Turns turns}. So one thread at a time touches the container's streams, and no callback is
 * lost: one that comes while the owner has just been told "not ready" makes it ask again.
 *
 * <p>After {@code over}, which is set before the request is given back, nothing of the container's is touched.
 */
class ServletExchange extends RequestExchange {

    /** The attribute with what the request is cut for, when it is dispatched only to fail. */
    static final String CUT = ServletExchange.class.getName() + ".cut";

    private final AsyncContext async;
    private final HttpServletRequest request;
    private final HttpServletResponse response;
    /** The application's; null where it has none of its own. */
    private final @Nullable ClassLoader loader;

    private final Turns turns = new Turns(this::turn);
    final ResponseBody responseBody;
    final RequestBody requestBody;
    private volatile @Nullable Throwable cutting;
    /** Nobody is there to see a cut. */
    volatile boolean broken;

    volatile boolean over;

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
        this.responseBody = new ResponseBody(this, container, response);
        this.requestBody = new RequestBody(this, container, request);
    }

    /** Listens to what happens to the request. */
    ServletExchange begin() throws IOException {
        async.setTimeout(0);
        async.addListener(this);
        return this;
    }

    final boolean isHttp1() {
        return protocol().startsWith("HTTP/1");
    }

    @Override
    public final Runnable inContext(Runnable code) {
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
    protected final CompletionStage<Void> send(boolean first, ByteBuffer data, boolean last) {
        return responseBody.write(data, last);
    }

    @Override
    protected final CompletionStage<Optional<ByteBuffer>> receive() {
        return requestBody.read();
    }

    @Override
    protected final void cut(Throwable cause) {
        cutting = cause;
        wake();
    }

    // ------------------------------------------------------------------ one turn after another

    final void wake() {
        turns.take();
    }

    private void turn() {
        Throwable cause = cutting;
        if (cause == null) {
            work();
        } else {
            end(cause);
        }
    }

    /** Goes on with what was asked for, as far as the container lets us. */
    void work() {
        step(this::continueWriting, responseBody::fail);
        step(this::continueReading, requestBody::fail);
    }

    @FunctionalInterface
    interface Step {
        void run() throws IOException;
    }

    final void step(Step step, Consumer<Throwable> failed) {
        try {
            step.run();
        } catch (Throwable e) {
            if (e instanceof IOException) {
                broken = true;
            }
            failed.accept(e);
        }
    }

    void continueWriting() throws IOException {
        responseBody.advance();
    }

    void continueReading() throws IOException {
        requestBody.advance();
    }

    final void failBoth(Throwable failure) {
        responseBody.fail(failure);
        requestBody.fail(failure);
    }

    // ------------------------------------------------------------------ the response

    /**
     * Sets what has to be set before the stream is asked for.
     *
     * @param empty whether nothing is to be written at first
     */
    void prepare(boolean empty) {
        apply(response);
    }

    /**
     * Sends the head of a response that has no body.
     *
     * @return false when that has to wait until the stream is ready
     */
    boolean sendHeadAlone() throws IOException {
        response.flushBuffer(); // or Tomcat forgets an answer to HEAD over HTTP/2, and ee11 adds a charset
        return true;
    }

    /**
     * All of the response has been written.
     *
     * @return whether the transport has it
     */
    boolean finish() throws IOException {
        over = true;
        async.complete();
        return true;
    }

    // ------------------------------------------------------------------ the end

    private void end(Throwable cause) {
        if (!over) {
            over = true;
            giveUp(cause);
        }
        failBoth(cause);
    }

    /** Ends the request, so that its client sees it if that can be. */
    void giveUp(Throwable cause) {
        if (broken || !cutVisibly(cause)) {
            complete();
        }
    }

    private boolean cutVisibly(Throwable cause) {
        try {
            if (!isCommitted() && isHttp1()) {
                response.setHeader("Connection", "close"); // there will be an error page, and nothing after it
            }
            request.setAttribute(CUT, new CutException(description(), cause));
            async.dispatch();
            return true;
        } catch (Throwable e) {
            return false; // the container has ended it already
        }
    }

    /** Gives the request back, whatever is missing. */
    final void complete() {
        over = true;
        try {
            async.complete();
        } catch (Throwable e) {
            // The container has ended it already.
        }
    }

    // ------------------------------------------------------------------ the container's news

    @Override
    void failed(Throwable cause) {
        broken = true;
        abort(cause);
    }

    @Override
    public void onComplete(AsyncEvent event) {
        if (!over) {
            failed(new IOException("the container has ended " + description()));
        }
    }
}
