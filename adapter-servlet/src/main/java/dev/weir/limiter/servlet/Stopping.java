package dev.weir.limiter.servlet;

import dev.weir.limiter.http.Drain;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Waiting for what was accepted, in the {@code destroy} of a servlet or filter. */
final class Stopping {

    static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(30);

    private static final System.Logger LOGGER = System.getLogger(Stopping.class.getName());

    private Stopping() {}

    static Duration checked(Duration timeout) {
        if (timeout.isNegative()) {
            throw new IllegalArgumentException("timeout: expected zero or more, was " + timeout);
        }
        return timeout;
    }

    static void await(String what, Drain drain, Duration timeout) {
        CompletableFuture<Void> drained = drain.begin();
        try {
            drained.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            LOGGER.log(
                    Level.WARNING,
                    "Stopping {0}: {1} requests or tasks have not ended within {2}",
                    what,
                    drain.underWay(),
                    timeout);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }
}
