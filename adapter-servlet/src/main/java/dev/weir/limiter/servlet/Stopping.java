package dev.weir.limiter.servlet;

import dev.weir.limiter.http.Drain;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** What a servlet or filter has accepted, and how long its {@code destroy} waits for that. */
final class Stopping {

    private static final System.Logger LOGGER = System.getLogger(Stopping.class.getName());

    private volatile Drain drain = new Drain();
    private volatile Duration timeout = Duration.ofSeconds(30);

    Drain drain() {
        return drain;
    }

    void setTimeout(Duration newTimeout) {
        if (newTimeout.isNegative()) {
            throw new IllegalArgumentException("timeout: expected zero or more, was " + newTimeout);
        }
        timeout = newTimeout;
    }

    void await(Object what) {
        try {
            drain.begin().get(TimeUnit.NANOSECONDS.convert(timeout), TimeUnit.NANOSECONDS); // 292 years at most
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
        drain = new Drain(); // a container may initialise it again; not in init, which may come after shutdown
    }
}
