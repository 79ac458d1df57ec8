package dev.weir.benchmarks;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import java.util.Iterator;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Trivial items through one iteration: what drawing them on workers costs. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 4, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 8, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class IterateBenchmark {

    private static final int ITEMS = 100_000;

    /** What the reader does. */
    @State(Scope.Benchmark)
    public static class Reader {
        /** How many items it asks for at a time. */
        @Param({"1", "16", "1024"})
        int demand;

        /** For JMH. */
        public Reader() {}
    }

    private final CapacityLimiter limiter = CapacityLimiter.of("streaming", 4);
    private final ExecutorService pool = Executors.newFixedThreadPool(4);

    /** For JMH. */
    public IterateBenchmark() {}

    @TearDown
    public void shutDown() {
        limiter.close();
        pool.shutdown();
    }

    /** The reader asks on the drawing thread, as a response does whose socket takes everything. */
    @Benchmark
    @OperationsPerInvocation(ITEMS)
    public void items(Reader reader) throws InterruptedException {
        int demand = reader.demand;
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

    /** What servers do that have a pool and no iteration: each item is a task, which asks for the next. */
    @Benchmark
    @OperationsPerInvocation(ITEMS)
    public void aHopForEachItem() throws InterruptedException {
        CountDownLatch ended = new CountDownLatch(1);
        new Hop(IntStream.range(0, ITEMS).iterator(), ended).next();
        ended.await();
    }

    private final class Hop {
        private final Iterator<Integer> items;
        private final CountDownLatch ended;

        Hop(Iterator<Integer> items, CountDownLatch ended) {
            this.items = items;
            this.ended = ended;
        }

        void next() {
            pool.execute(() -> {
                if (items.hasNext()) {
                    items.next();
                    next();
                } else {
                    ended.countDown();
                }
            });
        }
    }
}
