package dev.weir.limiter.servlet;

import dev.weir.limiter.http.Drain;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.concurrent.TimeUnit;

/**
 * An exchange of Undertow's.
 *
 * <p>Undertow sends the end of a response after {@code complete()}, and can be stopped before it has: a last write ends when
 * Undertow says that the transport has it.
 *
 * <p>A request must not be completed before its client has sent all of it. Undertow would wait for the rest with a thread, or reset
 * the stream; and what is then still on its way over HTTP/2 ends the connection, for all its streams. So what comes after the answer
 * is taken and thrown away for a while.
 *
 * <p>Nobody is called back when an HTTP/2 stream is reset while a write waits for its window, nor when the connection ends while a
 * read waits. Where there is no other way, we look.
 */
final class UndertowExchange extends ServletExchange {

    /** For how long bytes that nobody wants are taken from a client that has its answer. */
    private static final long DISCARD_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final HttpServletResponse response;
    private final UndertowRequest undertow;
    private final Lookout lookout = new Lookout(this::wake);
    /** The last bytes are with the transport, or never will be. */
    private volatile boolean transferred;

    // Touched only in turns.
    private boolean discarding;
    private long discardUntil;
    /** How many bytes of the body Undertow has taken from its connection: those it holds for us as well. */
    private long taken;

    UndertowExchange(
            Drain drain,
            AsyncContext async,
            HttpServletRequest request,
            HttpServletResponse response,
            UndertowRequest undertow) {
        super(drain, Container.UNDERTOW, async, request, response);
        this.response = response;
        this.undertow = undertow;
    }

    @Override
    ServletExchange begin() throws IOException {
        undertow.onComplete(() -> {
            transferred = true; // also before the last write is over: a declared length ends it
            if (over) {
                wake();
            }
        });
        return super.begin();
    }

    @Override
    void work() {
        super.work();
        step(this::discard, failure -> stopDiscarding());
        if (mayWaitInVain()) {
            step(this::look, failure -> {
                failBoth(failure);
                stopDiscarding();
            });
        }
    }

    // ------------------------------------------------------------------ the response

    @Override
    void prepare(boolean empty) {
        super.prepare(empty);
        if (!empty) {
            response.setBufferSize(1); // its buffer ignores flush()
        }
    }

    @Override
    boolean sendHeadAlone() throws IOException {
        return !leavesBodyUnread();
    }

    @Override
    void continueWriting() throws IOException {
        Throwable failure = requestBody.failure();
        if (over) {
            if (transferred) {
                responseBody.succeed();
            }
        } else if (failure != null) { // it has closed the connection, and calls back no more
            responseBody.fail(failure);
        } else {
            super.continueWriting();
        }
    }

    @Override
    boolean finish() throws IOException {
        if (leavesBodyUnread()) {
            response.getOutputStream().close();
            discarding = true;
            discardUntil = System.nanoTime() + DISCARD_NANOS;
            return true;
        }
        boolean willTell = undertow.isRequestComplete();
        return super.finish() && (transferred || !willTell);
    }

    /** A client that was not told to continue sends nothing. */
    private boolean leavesBodyUnread() throws IOException {
        return !undertow.isRequestComplete()
                && (requestBody.isOpen() || header("Expect").isEmpty());
    }

    // ------------------------------------------------------------------ the body

    @Override
    void continueReading() throws IOException {
        noteTaken();
        super.continueReading();
        noteTaken();
    }

    /** While the stream is ready Undertow does not touch it: only then can what it holds be asked for. */
    private void noteTaken() throws IOException {
        if (!over && requestBody.isReady()) {
            taken = requestBody.consumed() + requestBody.stream().available();
        }
    }

    /** Takes what the client goes on to send, until it has sent all, or leaves, or has had its time. */
    private void discard() throws IOException {
        if (!discarding) {
            return;
        }
        boolean finished = requestBody.stream().isFinished();
        while (!finished && requestBody.isReady()) {
            requestBody.take();
            noteTaken();
            finished = requestBody.stream().isFinished();
        }
        boolean failed = requestBody.failure() != null;
        if (System.nanoTime() - discardUntil > 0 || (failed && !isHttp1())) {
            stopDiscarding();
        } else if (failed || finished) {
            discarding = false;
            complete();
        }
    }

    private void stopDiscarding() {
        if (discarding) {
            discarding = false;
            giveUp();
        }
    }

    // ------------------------------------------------------------------ the end

    private boolean mayWaitInVain() {
        return discarding || (!isHttp1() && (responseBody.isWriting() || requestBody.isReading()));
    }

    private void look() throws IOException {
        if (lookout.isTime() && undertow.isGone()) {
            throw new IOException("the client of " + description() + " has left");
        }
    }

    @Override
    void giveUp(Throwable cause) {
        giveUp();
    }

    /** The only way to let a client see that a response is incomplete, or that its body is not wanted. */
    private void giveUp() {
        over = true;
        try {
            undertow.close();
            if (!isHttp1()) {
                undertow.giveBackUnread(taken);
            }
        } catch (IOException e) {
            // It is over.
        }
        complete();
    }
}
