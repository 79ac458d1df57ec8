package dev.weir.examples;

import dev.weir.limiter.http.ExchangeHandler;
import java.time.Duration;
import java.util.Map;

/** A server that the same application runs on. */
interface Server {

    /** How long stopping waits for what was accepted. */
    Duration STOP_TIMEOUT = Duration.ofSeconds(60);

    /**
     * Starts to serve on the loopback address.
     *
     * @param routes what answers, by exact path
     * @param port where to listen; 0 takes a free port
     * @return the port
     * @throws java.io.IOException when it cannot listen there
     * @throws Exception when the server does not start
     */
    int start(Map<String, ExchangeHandler> routes, int port) throws Exception;

    /**
     * Stops: refuses what comes, and gives what was accepted the time of {@link #STOP_TIMEOUT} to finish, background tasks too.
     * Again, or when it did not start: frees what is left.
     *
     * @throws Exception when something was left unfinished
     */
    void stop() throws Exception;
}
