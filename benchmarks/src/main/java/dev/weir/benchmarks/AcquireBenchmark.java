package dev.weir.benchmarks;

import com.netflix.concurrency.limits.Limiter;
import com.netflix.concurrency.limits.limit.FixedLimit;
import com.netflix.concurrency.limits.limiter.SimpleLimiter;
import dev.failsafe.Bulkhead;
import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterListener;
import io.github.resilience4j.bulkhead.BulkheadConfig;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** One permit taken and given back, with permits free: what a limiter costs when it limits nothing. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 4, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class AcquireBenchmark {

    private static final int PERMITS = 40;
    private static final String CONTEXT = "context";

    private final CapacityLimiter weir = CapacityLimiter.of("weir", PERMITS);
    private final CapacityLimiter weirWithListener = CapacityLimiter.builder("weir-listener")
            .capacity(PERMITS)
            .listener(new LimiterListener() {})
            .build();
    private final CapacityLimiter weirTracked = CapacityLimiter.builder("weir-tracked")
            .capacity(PERMITS)
            .trackHolders(Duration.ofSeconds(30))
            .build();
    private final Semaphore semaphore = new Semaphore(PERMITS);
    private final io.github.resilience4j.bulkhead.Bulkhead resilience4jUnfair = resilience4j(false);
    private final io.github.resilience4j.bulkhead.Bulkhead resilience4jFair = resilience4j(true);
    private final io.github.resilience4j.bulkhead.Bulkhead resilience4jWithListener = resilience4j(false);
    private final Bulkhead<Object> failsafe = Bulkhead.of(PERMITS);
    private final Limiter<String> netflix =
            SimpleLimiter.newBuilder().limit(FixedLimit.of(PERMITS)).build();

    /** For JMH. */
    public AcquireBenchmark() {
        resilience4jWithListener.getEventPublisher().onCallFinished(event -> {});
    }

    private static io.github.resilience4j.bulkhead.Bulkhead resilience4j(boolean fair) {
        return io.github.resilience4j.bulkhead.Bulkhead.of(
                "resilience4j",
                BulkheadConfig.custom()
                        .maxConcurrentCalls(PERMITS)
                        .maxWaitDuration(Duration.ZERO)
                        .fairCallHandlingStrategyEnabled(fair)
                        .build());
    }

    @Benchmark
    public void weir() {
        weir.tryAcquire().orElseThrow().close();
    }

    @Benchmark
    public void weirBlocking() throws InterruptedException {
        weir.acquire().close();
    }

    @Benchmark
    public void weirWithListener() {
        weirWithListener.tryAcquire().orElseThrow().close();
    }

    @Benchmark
    public void weirTracked() {
        weirTracked.tryAcquire().orElseThrow().close();
    }

    @Benchmark
    public void semaphore() {
        if (!semaphore.tryAcquire()) {
            throw new IllegalStateException("no permit");
        }
        semaphore.release();
    }

    @Benchmark
    public void resilience4jUnfair() {
        take(resilience4jUnfair);
    }

    @Benchmark
    public void resilience4jFair() {
        take(resilience4jFair);
    }

    @Benchmark
    public void resilience4jWithListener() {
        take(resilience4jWithListener);
    }

    private static void take(io.github.resilience4j.bulkhead.Bulkhead bulkhead) {
        if (!bulkhead.tryAcquirePermission()) {
            throw new IllegalStateException("no permit");
        }
        bulkhead.onComplete();
    }

    @Benchmark
    public void failsafe() {
        if (!failsafe.tryAcquirePermit()) {
            throw new IllegalStateException("no permit");
        }
        failsafe.releasePermit();
    }

    @Benchmark
    public void netflix() {
        netflix.acquire(CONTEXT).orElseThrow().onSuccess();
    }

    /** Only made for the benchmark that needs it, and Java 21. */
    @State(Scope.Benchmark)
    public static class Helidon {
        private final HelidonLimit limit = new HelidonLimit(PERMITS);

        /** For JMH. */
        public Helidon() {}
    }

    @Benchmark
    public void helidon(Helidon helidon) throws Throwable {
        helidon.limit.takeAndGiveBack();
    }
}
