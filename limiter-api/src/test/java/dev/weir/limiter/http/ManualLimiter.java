package dev.weir.limiter.http;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.spi.ItemSource;
import dev.weir.limiter.spi.WorkLimiter;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;

/** A limiter whose grants and workers the test moves by hand. For one thread. */
final class ManualLimiter implements WorkLimiter {

    final Queue<CompletableFuture<Permit>> waiting = new ArrayDeque<>();
    final Queue<Runnable> workers = new ArrayDeque<>();
    int inUse;
    boolean rejecting;

    /** Gives the head waiter a permit; one that has left makes it go back, as a real limiter does. */
    void grant() {
        Permit permit = newPermit();
        if (!waiting.remove().complete(permit)) {
            permit.close();
        }
    }

    void refuse() {
        waiting.remove()
                .completeExceptionally(new LimitExceededException(
                        RefusalReason.QUEUE_FULL, statistics(), Duration.ofMillis(2500), false));
    }

    void work() {
        workers.remove().run();
    }

    private Permit newPermit() {
        inUse++;
        AtomicBoolean open = new AtomicBoolean(true);
        return new Permit() {
            @Override
            public CapacityLimiter limiter() {
                return ManualLimiter.this;
            }

            @Override
            public void close() {
                if (open.getAndSet(false)) {
                    inUse--;
                }
            }
        };
    }

    @Override
    public CompletableFuture<Permit> acquireAsync() {
        CompletableFuture<Permit> place = new CompletableFuture<>();
        waiting.add(place);
        return place;
    }

    @Override
    public CompletableFuture<Permit> acquireContinuation() {
        return acquireAsync();
    }

    @Override
    public void execute(Permit permit, Runnable command) {
        if (rejecting) {
            throw new RejectedExecutionException("no worker");
        }
        workers.add(command);
    }

    @Override
    public Optional<Permit> tryAcquire() {
        return waiting.isEmpty() && inUse == 0 ? Optional.of(newPermit()) : Optional.empty();
    }

    @Override
    public CompletableFuture<Void> background(Runnable work) {
        workers.add(work);
        return CompletableFuture.allOf();
    }

    @Override
    public <T> CompletableFuture<T> finish(Callable<? extends T> work) {
        CompletableFuture<T> result = new CompletableFuture<>();
        workers.add(() -> {
            try {
                result.complete(work.call());
            } catch (Exception e) {
                result.completeExceptionally(e);
            }
        });
        return result;
    }

    @Override
    public LimiterStatistics statistics() {
        return new LimiterStatistics() {
            @Override
            public String limiterName() {
                return name();
            }

            @Override
            public int capacity() {
                return 1;
            }

            @Override
            public int inUse() {
                return inUse;
            }

            @Override
            public int waiting() {
                return waiting.size();
            }

            @Override
            public int maxWaiting() {
                return 1;
            }

            @Override
            public Duration oldestWait() {
                return Duration.ZERO;
            }

            @Override
            public long acquired() {
                return 0;
            }

            @Override
            public long released() {
                return 0;
            }

            @Override
            public long refused(RefusalReason reason) {
                return 0;
            }

            @Override
            public long withdrawn() {
                return 0;
            }

            @Override
            public long abandoned() {
                return 0;
            }
        };
    }

    @Override
    public String name() {
        return "manual";
    }

    @Override
    public int capacity() {
        return 1;
    }

    @Override
    public void close() {}

    @Override
    public boolean isClosed() {
        return false;
    }

    private static UnsupportedOperationException unused() {
        return new UnsupportedOperationException("not needed here");
    }

    @Override
    public void resize(int capacity) {
        throw unused();
    }

    @Override
    public Permit acquire() {
        throw unused();
    }

    @Override
    public Optional<Permit> tryAcquire(Duration maxWait) {
        throw unused();
    }

    @Override
    public <T> CompletableFuture<T> run(Callable<? extends T> work, boolean interruptOnCancel) {
        throw unused();
    }

    @Override
    public <T> T call(Callable<? extends T> work) {
        throw unused();
    }

    @Override
    public Executor executor() {
        throw unused();
    }

    @Override
    public <T> Flow.Publisher<T> iterate(ItemSource<? extends T> source) {
        throw unused();
    }
}
