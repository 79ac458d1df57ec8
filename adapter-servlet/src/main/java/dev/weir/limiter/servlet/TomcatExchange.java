package dev.weir.limiter.servlet;

import dev.weir.limiter.http.Drain;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * An exchange of Tomcat's.
 *
 * <p>Tomcat gives the request's objects to another client when its callback about a failed connection has returned, also while a
 * thread of ours is on its way out of a call that failed: so the callback waits for it to be out. Nothing blocks in there, and
 * nobody goes in any more.
 *
 * <p>It ends a request itself whose write has failed, at once. One whose read has failed on a thread of ours it keeps for ever,
 * with its connection. And when an HTTP/2 stream is reset while a write waits for its window, it sometimes does not call back.
 */
final class TomcatExchange extends ServletExchange {

    private static final long KEPT_OUT_NANOS = 1_000_000_000;

    private final HttpServletResponse response;
    private final Lookout lookout = new Lookout(this::wake);
    /** Who may be inside a call of Tomcat's. */
    private volatile @Nullable Thread inside;
    /** Tomcat has ended the request, or will. */
    private volatile boolean endedByTomcat;

    TomcatExchange(Drain drain, AsyncContext async, HttpServletRequest request, HttpServletResponse response) {
        super(drain, Container.TOMCAT, async, request, response);
        this.response = response;
    }

    private void goInside(Runnable call) {
        inside = Thread.currentThread();
        try {
            call.run();
        } finally {
            inside = null;
        }
    }

    @Override
    void work() {
        goInside(() -> {
            if (broken) {
                failBoth(new IOException("the client of " + description() + " has left"));
                return;
            }
            super.work();
            if (responseBody.isWaiting() && !isHttp1() && !over) {
                step(this::look, this::failBoth);
            }
        });
    }

    /** Flushing fails if the stream was reset, and does nothing if the client is only slow. */
    private void look() throws IOException {
        if (lookout.isTime()) {
            try {
                response.flushBuffer();
            } catch (IllegalStateException e) {
                // It waits for something else, and will call back.
            }
        }
    }

    @Override
    void giveUp(Throwable cause) {
        if (!broken) {
            super.giveUp(cause);
        } else if (!endedByTomcat) {
            endLater();
        }
    }

    private void endLater() {
        try {
            Lookout.LATER.execute(this::endUnlessEnded);
        } catch (Throwable e) { // no thread to be had for the JDK's timer: not later, then
            endUnlessEnded();
        }
    }

    /** {@link #failed} waits for this thread to be out, and this one sees that it has begun. */
    private void endUnlessEnded() {
        goInside(() -> {
            if (!endedByTomcat) {
                complete();
            }
        });
    }

    @Override
    void failed(Throwable cause) {
        endedByTomcat = true;
        broken = true;
        long start = System.nanoTime();
        Thread other = inside;
        while (other != null && other != Thread.currentThread() && System.nanoTime() - start < KEPT_OUT_NANOS) {
            Thread.onSpinWait();
            other = inside;
        }
        super.failed(cause);
    }

    @Override
    public void onComplete(AsyncEvent event) {
        endedByTomcat = true;
        super.onComplete(event);
    }
}
