package dev.weir.benchmarks;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import io.github.resilience4j.bulkhead.ThreadPoolBulkhead;
import io.github.resilience4j.bulkhead.ThreadPoolBulkheadConfig;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import kotlinx.coroutines.Dispatchers;
import kotlinx.coroutines.ExecutorsKt;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.openjdk.jmh.infra.Blackhole;

/** 10,000 small tasks through 8 permits, all handed in at once by one thread, and single round trips. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 8, time = 1) // with less, what was not compiled yet is measured too
@Measurement(iterations = 8, time = 400, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
public class RunBenchmark {

    private static final int PERMITS = 8;
    private static final int TASKS = 10_000;
    private static final int TOKENS = 20;

    private final CapacityLimiter weir =
            CapacityLimiter.builder("weir").capacity(PERMITS).maxWaiting(TASKS).build();
    private final CapacityLimiter weirVirtual = virtual();
    private final ExecutorService pool = Executors.newFixedThreadPool(PERMITS);
    private final ThreadPoolBulkhead threadPoolBulkhead = ThreadPoolBulkhead.of(
            "resilience4j",
            ThreadPoolBulkheadConfig.custom()
                    .coreThreadPoolSize(PERMITS)
                    .maxThreadPoolSize(PERMITS)
                    .queueCapacity(TASKS)
                    .build());
    private final Executor kotlin =
            ExecutorsKt.asExecutor(Dispatchers.getDefault().limitedParallelism(PERMITS, null));
    private final Semaphore semaphore = new Semaphore(PERMITS);
    private final ExecutorService virtualThreads = virtualThreads();

    /** For JMH. */
    public RunBenchmark() {}

    private static CapacityLimiter virtual() {
        try {
            return CapacityLimiter.builder("weir-virtual")
                    .capacity(PERMITS)
                    .maxWaiting(TASKS)
                    .virtualThreads()
                    .build();
        } catch (UnsupportedOperationException e) { // before Java 21
            return CapacityLimiter.of("weir-virtual", 0);
        }
    }

    private static ExecutorService virtualThreads() {
        try {
            return (ExecutorService)
                    Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
        } catch (ReflectiveOperationException e) { // before Java 21
            return Executors.newFixedThreadPool(1);
        }
    }

    private static void requireVirtualThreads() {
        if (Runtime.version().feature() < 21) {
            throw new UnsupportedOperationException("virtual threads need Java 21 or later");
        }
    }

    @TearDown(Level.Trial)
    public void shutDown() throws Exception {
        pool.shutdown();
        threadPoolBulkhead.close();
        virtualThreads.shutdown();
        weir.close();
    }

    private static void all(Consumer<Runnable> submit) throws InterruptedException {
        CountDownLatch done = new CountDownLatch(TASKS);
        Runnable task = () -> {
            Blackhole.consumeCPU(TOKENS);
            done.countDown();
        };
        for (int i = 0; i < TASKS; i++) {
            submit.accept(task);
        }
        done.await();
    }

    @Benchmark
    @OperationsPerInvocation(TASKS)
    @SuppressWarnings("FutureReturnValueIgnored") // a latch tells when all have ended
    public void weir() throws InterruptedException {
        all(task -> Limiters.run(weir, task));
    }

    @Benchmark
    @OperationsPerInvocation(TASKS)
    public void weirExecutor() throws InterruptedException {
        all(Limiters.executor(weir)::execute);
    }

    @Benchmark
    @OperationsPerInvocation(TASKS)
    @SuppressWarnings("FutureReturnValueIgnored") // a latch tells when all have ended
    public void weirVirtual() throws InterruptedException {
        requireVirtualThreads();
        all(task -> Limiters.run(weirVirtual, task));
    }

    @Benchmark
    @OperationsPerInvocation(TASKS)
    @SuppressWarnings("FutureReturnValueIgnored") // a latch tells when all have ended
    public void fixedThreadPool() throws InterruptedException {
        all(pool::submit);
    }

    @Benchmark
    @OperationsPerInvocation(TASKS)
    public void resilience4jThreadPoolBulkhead() throws InterruptedException {
        all(threadPoolBulkhead::executeRunnable);
    }

    @Benchmark
    @OperationsPerInvocation(TASKS)
    public void kotlinLimitedParallelism() throws InterruptedException {
        all(kotlin::execute);
    }

    @Benchmark
    @OperationsPerInvocation(TASKS)
    public void virtualThreadsWithSemaphore() throws InterruptedException {
        requireVirtualThreads();
        all(task -> virtualThreads.execute(() -> {
            semaphore.acquireUninterruptibly();
            try {
                task.run();
            } finally {
                semaphore.release();
            }
        }));
    }

    @Benchmark
    public Object roundTripWeir() {
        return Limiters.run(weir, () -> "done").join();
    }

    @Benchmark
    public Object roundTripFixedThreadPool() throws Exception {
        Future<String> done = pool.submit(() -> "done");
        return done.get();
    }
}
