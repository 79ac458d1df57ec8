package dev.weir.limiter.tck;

import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.ExchangeHandler;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** A server with the adapter under test in it, as {@link AdapterContract} drives it. One instance serves one test. */
public interface ServerFixture {

    /**
     * Starts a server on a free port of the loopback interface that answers every request with the handler.
     *
     * @param application answers the requests; must be called on the server's own threads, as in production
     * @return the port
     * @throws Exception when the server cannot be started
     */
    int start(ExchangeHandler application) throws Exception;

    /**
     * Begins a graceful stop: what was accepted is finished, background tasks included.
     *
     * @return ends when the server has stopped
     */
    CompletableFuture<Void> shutdown();

    /**
     * What the server can do over HTTP/1.1. The kit checks that it really can, and skips what it cannot.
     *
     * @return what an exchange over HTTP/1.1 declares
     */
    Set<Capability> capabilities();

    /**
     * Whether a thread is one of the server's own, on which no code that may block must ever run.
     *
     * @param thread a thread that ran code of the application
     * @return true for a thread of the server
     */
    boolean isServerThread(Thread thread);

    /**
     * Stops the server at once, whatever is under way. Does nothing after a shutdown.
     *
     * @throws Exception when the server fails to stop
     */
    void kill() throws Exception;
}
