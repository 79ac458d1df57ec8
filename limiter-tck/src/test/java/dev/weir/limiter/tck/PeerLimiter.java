package dev.weir.limiter.tck;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A bulkhead of another library as a limiter, as thin as can be: what the library does is what the contract sees. What it
 * cannot do at all (wait without a thread, know how many wait) is done here in the plainest way.
 */
abstract class PeerLimiter implements CapacityLimiter {

    private final Settings settings;
    private final AtomicInteger waiting = new AtomicInteger();
    private final AtomicInteger acquired = new AtomicInteger();
    private final AtomicInteger released = new AtomicInteger();
    private final ThreadPoolExecutor waitingThreads =
            new ThreadPoolExecutor(64, 64, 1, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), task -> {
                Thread thread = new Thread(task, "peer-waiter");
                thread.setDaemon(true);
                return thread;
            });
    private volatile boolean closed;

    PeerLimiter(Settings settings) {
        this.settings = settings;
        waitingThreads.allowCoreThreadTimeOut(true);
    }

    abstract void peerAcquire() throws InterruptedException;

    abstract boolean peerTryAcquire();

    abstract boolean peerTryAcquire(Duration maxWait) throws InterruptedException;

    abstract void peerRelease();

    private Permit permit() {
        acquired.incrementAndGet();
        return new Permit() {
            @Override
            public CapacityLimiter limiter() {
                return PeerLimiter.this;
            }

            @Override
            public void close() {
                released.incrementAndGet();
                peerRelease();
            }
        };
    }

    @Override
    public Permit acquire() throws InterruptedException {
        waiting.incrementAndGet();
        try {
            peerAcquire();
        } finally {
            waiting.decrementAndGet();
        }
        return permit();
    }

    @Override
    public Optional<Permit> tryAcquire() {
        return !closed && peerTryAcquire() ? Optional.of(permit()) : Optional.empty();
    }

    @Override
    public Optional<Permit> tryAcquire(Duration maxWait) throws InterruptedException {
        waiting.incrementAndGet();
        try {
            return peerTryAcquire(maxWait) ? Optional.of(permit()) : Optional.empty();
        } finally {
            waiting.decrementAndGet();
        }
    }

    @Override
    @SuppressWarnings("FutureReturnValueIgnored") // only looks on
    public CompletableFuture<Permit> acquireAsync() {
        CompletableFuture<Permit> future = new CompletableFuture<>();
        AtomicReference<@Nullable Thread> waiter = new AtomicReference<>();
        waiting.incrementAndGet();
        waitingThreads.execute(() -> {
            waiter.set(Thread.currentThread());
            try {
                if (!future.isDone()) {
                    peerAcquire();
                    waiting.decrementAndGet();
                    waiter.set(null);
                    Permit permit = permit();
                    if (!future.complete(permit)) {
                        permit.close();
                    }
                    return;
                }
            } catch (Throwable e) {
                future.completeExceptionally(e);
            } finally {
                waiter.set(null);
            }
            waiting.decrementAndGet();
        });
        future.whenComplete(
                (permit, failure) -> Optional.ofNullable(waiter.get()).ifPresent(Thread::interrupt));
        return future;
    }

    LimitExceededException refusal() {
        return new LimitExceededException(RefusalReason.WAIT_TIMEOUT, statistics(), Duration.ofSeconds(1), true);
    }

    @Override
    public LimiterStatistics statistics() {
        int out = released.get();
        int in = acquired.get();
        return new Numbers(
                settings.name,
                capacity(),
                Math.max(0, in - out),
                waiting.get(),
                settings.maxWaiting,
                Duration.ZERO,
                in,
                out,
                Map.of(),
                0,
                0);
    }

    @Override
    public String name() {
        return settings.name;
    }

    @Override
    public boolean isClosed() {
        return closed;
    }

    @Override
    public void close() {
        closed = true;
    }
}
