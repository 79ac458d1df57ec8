package dev.weir.benchmarks;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Trivial items through one iteration: what drawing them on workers costs. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class IterateBenchmark {

    private static final int ITEMS = 100_000;

    /** How many items the reader asks for at a time. */
    @Param({"1", "16", "1024"})
    int demand;

    private final CapacityLimiter limiter = CapacityLimiter.of("streaming", 4);

    /** For JMH. */
    public IterateBenchmark() {}

    /** The reader asks on the drawing thread, as a response does whose socket takes everything. */
    @Benchmark
    @OperationsPerInvocation(ITEMS)
    public void items() throws InterruptedException {
        CountDownLatch ended = new CountDownLatch(1);
        Iterable<Integer> items = () -> IntStream.range(0, ITEMS).iterator();
        Limiters.iterate(limiter, items).subscribe(new Flow.Subscriber<>() {
            private Flow.@Nullable Subscription subscription;
            private int outstanding;

            @Override
            public void onSubscribe(Flow.Subscription given) {
                subscription = given;
                outstanding = demand;
                given.request(demand);
            }

            @Override
            public void onNext(Integer item) {
                if (--outstanding == 0) {
                    outstanding = demand;
                    Objects.requireNonNull(subscription).request(demand);
                }
            }

            @Override
            public void onError(Throwable failure) {
                throw new IllegalStateException(failure);
            }

            @Override
            public void onComplete() {
                ended.countDown();
            }
        });
        ended.await();
    }
}
