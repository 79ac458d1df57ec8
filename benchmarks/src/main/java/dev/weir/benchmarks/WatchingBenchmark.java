package dev.weir.benchmarks;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.jmx.LimiterJmx;
import dev.weir.limiter.metrics.LimiterMetrics;
import dev.weir.limiter.observation.LimiterObservation;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.core.instrument.distribution.DistributionStatisticConfig;
import io.micrometer.core.instrument.observation.DefaultMeterObservationHandler;
import io.micrometer.core.instrument.observation.DefaultMeterObservationHandler.IgnoredMeters;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.ObservationRegistry;
import java.time.Duration;
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
@Warmup(iterations = 8, time = 1) // until all of Micrometer is compiled
@Measurement(iterations = 8, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Fork(1)
public class WatchingBenchmark {

    private static final int TASKS = 10_000;
    private static final long TOKENS = 20;
    private static final int LONGER_TASKS = 1_000;
    private static final long LONGER_TOKENS = 5_000;
    private static final int LONG_TASKS = 100;
    private static final long LONG_TOKENS = 50_000;

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
        METRICS,
        /** Micrometer with a histogram of each timer. */
        METRICS_WITH_HISTOGRAMS,
        /** Micrometer, of waits and holds only the totals. */
        METRICS_OF_TOTALS,
        /** Who holds permits, at the sampling there is. */
        HOLDERS,
        /** Micrometer Observation, with timers made of it. */
        OBSERVATION,
        /** Micrometer Observation, with timers and with Micrometer's list of all that is going on. */
        OBSERVATION_WITH_LONG_TASKS,
        /** Metrics, holders, JMX, Flight Recorder with its defaults, and observation. */
        EVERYTHING;

        boolean isMetrics() {
            return name().startsWith("METRICS") || this == EVERYTHING;
        }

        boolean isHolders() {
            return this == HOLDERS || this == EVERYTHING;
        }

        boolean isObservation() {
            return name().startsWith("OBSERVATION") || this == EVERYTHING;
        }

        boolean isRecorder() {
            return name().startsWith("RECORDER") || this == EVERYTHING;
        }
    }

    /** Who watches. */
    @Param
    public Watcher watcher = Watcher.NOBODY;

    private final Recording recording = new Recording();

    @SuppressWarnings("NullAway.Init")
    private LimiterScope scope;

    @SuppressWarnings("NullAway.Init")
    private CapacityLimiter limiter;

    /** For JMH. */
    public WatchingBenchmark() {}

    @Setup(Level.Trial)
    public void begin() {
        CapacityLimiterBuilder settings =
                CapacityLimiter.builder("weir").capacity(8).maxWaiting(TASKS);
        limiter = (watcher.isHolders() ? settings.trackHolders(Duration.ofSeconds(30)) : settings).build();
        scope = LimiterScope.builder().name("benchmark").all(limiter).open();
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        if (watcher == Watcher.METRICS_WITH_HISTOGRAMS) {
            registry.config().meterFilter(new Histograms());
        }
        if (watcher.isMetrics()) {
            LimiterMetrics metrics = LimiterMetrics.of(scope);
            (watcher == Watcher.METRICS_OF_TOTALS ? metrics.totalsOnly() : metrics).bindTo(registry);
        }
        if (watcher.isObservation()) {
            ObservationRegistry observations = ObservationRegistry.create();
            observations
                    .observationConfig()
                    .observationHandler(
                            watcher == Watcher.OBSERVATION_WITH_LONG_TASKS
                                    ? new DefaultMeterObservationHandler(registry)
                                    : new DefaultMeterObservationHandler(registry, IgnoredMeters.LONG_TASK_TIMER));
            LimiterObservation.observe(scope, observations);
        }
        if (watcher == Watcher.EVERYTHING) {
            LimiterJmx.register(scope);
        }
        record();
    }

    private void record() {
        for (String event : new String[] {"Wait", "Hold", "Refused", "Resized", "Abandoned"}) {
            String name = "dev.weir.limiter." + event;
            switch (watcher) {
                case RECORDER, EVERYTHING -> recording.enable(name);
                case RECORDER_OF_ALL -> recording.enable(name).withoutThreshold();
                default -> recording.disable(name);
            }
        }
        if (watcher.isRecorder()) {
            recording.start();
        }
    }

    /** Has a histogram kept of every timer. */
    private static final class Histograms implements MeterFilter {
        @Override
        public DistributionStatisticConfig configure(Meter.Id id, DistributionStatisticConfig config) {
            return DistributionStatisticConfig.builder()
                    .percentilesHistogram(true)
                    .build()
                    .merge(config);
        }
    }

    @TearDown(Level.Trial)
    public void end() {
        recording.close();
        scope.close();
        limiter.close();
    }

    @Benchmark
    public void acquire() {
        limiter.tryAcquire().orElseThrow().close();
    }

    @Benchmark
    @OperationsPerInvocation(TASKS)
    public void run() throws InterruptedException {
        run(TASKS, TOKENS);
    }

    /** Tasks of some ten microseconds: a small request's. */
    @Benchmark
    @OperationsPerInvocation(LONGER_TASKS)
    public void runLonger() throws InterruptedException {
        run(LONGER_TASKS, LONGER_TOKENS);
    }

    /** Tasks of some hundred microseconds. */
    @Benchmark
    @OperationsPerInvocation(LONG_TASKS)
    public void runLong() throws InterruptedException {
        run(LONG_TASKS, LONG_TOKENS);
    }

    @SuppressWarnings("FutureReturnValueIgnored") // a latch tells when all have ended
    private void run(int tasks, long tokens) throws InterruptedException {
        CountDownLatch done = new CountDownLatch(tasks);
        Runnable task = () -> {
            Blackhole.consumeCPU(tokens);
            done.countDown();
        };
        for (int i = 0; i < tasks; i++) {
            Limiters.run(limiter, task);
        }
        done.await();
    }
}
