package dev.weir.examples;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.LimiterStatistics;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/** Keeps the time of a run and writes down what its background tasks and limiters do. Thread-safe. */
final class Recorder {

    private final long taskMillis;
    private final Queue<Double> starts = new ConcurrentLinkedQueue<>();
    private final AtomicInteger started = new AtomicInteger();
    private final AtomicInteger done = new AtomicInteger();
    private volatile long zero = System.nanoTime();

    Recorder(long taskMillis) {
        this.taskMillis = taskMillis;
    }

    /** The load begins now. */
    void begin() {
        zero = System.nanoTime();
    }

    /** Seconds since the load began. */
    double now() {
        return (System.nanoTime() - zero) / 1e9;
    }

    /** The background task of the seed: it says its number, then it sleeps. */
    void task() {
        starts.add(now());
        started.incrementAndGet();
        SeedApplication.pause(taskMillis);
        done.incrementAndGet();
    }

    int done() {
        return done.get();
    }

    List<Double> starts() {
        List<Double> inOrder = new ArrayList<>(starts);
        inOrder.sort(null);
        return inOrder;
    }

    Sample sample(LimiterScope limiters) {
        return new Sample(
                now(),
                started.get(),
                done.get(),
                limiters.limiters().stream().map(Recorder::use).toList());
    }

    private static Sample.Use use(CapacityLimiter limiter) {
        LimiterStatistics now = limiter.statistics();
        return new Sample.Use(now.limiterName(), now.capacity(), now.inUse(), now.waiting());
    }
}
