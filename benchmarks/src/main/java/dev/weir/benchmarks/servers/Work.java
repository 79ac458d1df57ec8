package dev.weir.benchmarks.servers;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** What an endpoint has to do: it sleeps, as if it waited for a database. */
final class Work implements Runnable {

    private final AtomicInteger running = new AtomicInteger();
    private final AtomicInteger mostAtOnce = new AtomicInteger();
    private final AtomicLong done = new AtomicLong();
    private volatile long millis;

    /** How long each piece takes from now on; zero does nothing. */
    void lasts(Duration duration) {
        millis = duration.toMillis();
    }

    @Override
    public void run() {
        long duration = millis;
        if (duration == 0) {
            return;
        }
        mostAtOnce.accumulateAndGet(running.incrementAndGet(), Math::max);
        try {
            Thread.sleep(duration);
            done.incrementAndGet();
        } catch (InterruptedException e) { // the server is stopped
            Thread.currentThread().interrupt();
        } finally {
            running.decrementAndGet();
        }
    }

    int mostAtOnce() {
        return mostAtOnce.get();
    }

    long done() {
        return done.get();
    }
}
