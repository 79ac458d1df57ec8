package dev.weir.limiter.tck;

import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.ExchangeHandler;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * A server with the adapter under test in it, as {@link AdapterContract} drives it. One instance serves one test, is started at
 * most once, and speaks one protocol.
 *
 * <p>What is not abstract has a default that is right for a server of HTTP/1.1 about which nothing more is known.
 */
public interface ServerFixture {

    /**
     * Starts a server of HTTP/1.1 on a free port of the loopback interface that answers every request with the handler.
     *
     * <p>The server's own limits must not stand in the way: the kit opens 300 connections at a time, sends bodies of 20 MiB, and
     * does not expect limits on how often a client may reset or be refused.
     *
     * @param application answers the requests; must be called on the server's own threads, as in production
     * @return the port
     * @throws Exception when the server cannot be started
     */
    int start(ExchangeHandler application) throws Exception;

    /**
     * Starts a server of the given protocol. For HTTP/2 it must allow 300 streams at a time on one connection, and not take 300
     * resets for an attack.
     *
     * @param application answers the requests; must be called on the server's own threads, as in production
     * @param protocol one of {@link #protocols}
     * @return the port
     * @throws Exception when the server cannot be started
     */
    default int start(ExchangeHandler application, HttpProtocol protocol) throws Exception {
        if (protocol != HttpProtocol.HTTP_1_1) {
            throw new UnsupportedOperationException("a fixture that speaks " + protocol + " overrides this method");
        }
        return start(application);
    }

    /**
     * What the server speaks. Scenarios of the other protocol are skipped.
     *
     * @return HTTP/1.1, unless overridden
     */
    default Set<HttpProtocol> protocols() {
        return EnumSet.of(HttpProtocol.HTTP_1_1);
    }

    /**
     * Begins a graceful stop: what was accepted is finished, background tasks included.
     *
     * @return ends when the server has stopped
     */
    CompletableFuture<Void> shutdown();

    /**
     * What the server can do over HTTP/1.1. The kit checks that it really can, and where it cannot, asks for what is left.
     *
     * @return what an exchange over HTTP/1.1 declares
     */
    Set<Capability> capabilities();

    /**
     * What the server can do over a protocol.
     *
     * @param protocol one of {@link #protocols}
     * @return what an exchange over that protocol declares
     */
    default Set<Capability> capabilities(HttpProtocol protocol) {
        return capabilities();
    }

    /**
     * Sets how long a connection may be idle before the server closes it. Called before the start, and only if the scenario is
     * about that.
     *
     * @param idleTime more than zero
     * @return false when the server has no such setting, which skips the scenario
     */
    default boolean idleTimeout(Duration idleTime) {
        return false;
    }

    /**
     * Whether a thread is one of the server's own, on which no code that may block must ever run.
     *
     * @param thread a thread that ran code of the application
     * @return true for a thread of the server
     */
    boolean isServerThread(Thread thread);

    /**
     * How many threads of the server are at work on requests now, rather than waiting for some.
     *
     * @return a number; empty when the server does not tell
     */
    default OptionalInt busyThreads() {
        return OptionalInt.empty();
    }

    /**
     * What the server has found out about buffers, or anything else, that were not given back. Called after the test, when the
     * server has stopped.
     *
     * @return one message for each leak, which fails the test
     */
    default List<String> leakReports() {
        return List.of();
    }

    /**
     * Stops the server at once, whatever is under way. Does nothing after a shutdown.
     *
     * @throws Exception when the server fails to stop
     */
    void kill() throws Exception;
}
