package dev.weir.benchmarks;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.metrics.LimiterMetrics;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import jdk.jfr.Recording;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/** What it costs to watch a limiter, and not to. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 4, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class WatchingBenchmark {

    private static final int TASKS = 10_000;
    private static final int TOKENS = 20;

    /** Who watches. */
    public enum Watcher {
        /** Nobody, and Flight Recorder was never started. */
        NOBODY,
        /** A recording of other events, so that the recorder runs. */
        RECORDER_OF_OTHERS,
        /** Flight Recorder with the defaults of our events: what takes 10 ms or more. */
        RECORDER,
        /** Flight Recorder without thresholds: every wait and every permit. */
        RECORDER_OF_ALL,
        /** Micrometer. */
        METRICS
    }

    /** Who watches. */
    @Param
    public Watcher watcher = Watcher.NOBODY;

    private final CapacityLimiter limiter =
            CapacityLimiter.builder("weir").capacity(8).maxWaiting(TASKS).build();
    private final Recording recording = new Recording();

    /** For JMH. */
    public WatchingBenchmark() {}

    @Setup(Level.Trial)
    public void begin() {
        for (String event : new String[] {"Wait", "Hold", "Refused", "Resized", "Abandoned"}) {
            String name = "dev.weir.limiter." + event;
            switch (watcher) {
                case RECORDER -> recording.enable(name);
                case RECORDER_OF_ALL -> recording.enable(name).withoutThreshold();
                default -> recording.disable(name);
            }
        }
        switch (watcher) {
            case NOBODY -> {}
            case METRICS -> LimiterMetrics.of(limiter).bindTo(new SimpleMeterRegistry());
            case RECORDER_OF_OTHERS, RECORDER, RECORDER_OF_ALL -> recording.start();
        }
    }

    @TearDown(Level.Trial)
    public void end() {
        recording.close();
        limiter.close();
    }

    @Benchmark
    public void acquire() {
        limiter.tryAcquire().orElseThrow().close();
    }

    @Benchmark
    @OperationsPerInvocation(TASKS)
    @SuppressWarnings("FutureReturnValueIgnored") // a latch tells when all have ended
    public void run() throws InterruptedException {
        CountDownLatch done = new CountDownLatch(TASKS);
        Runnable task = () -> {
            Blackhole.consumeCPU(TOKENS);
            done.countDown();
        };
        for (int i = 0; i < TASKS; i++) {
            Limiters.run(limiter, task);
        }
        done.await();
    }
}
