package dev.weir.limiter.core;

import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Permit;
import dev.weir.limiter.spi.ItemSource;
import dev.weir.limiter.spi.WorkLimiter;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;

/** A limiter that does what another one does, for subclasses that do one thing worse. */
class DelegatingLimiter implements WorkLimiter {

    final WorkLimiter limiter;

    DelegatingLimiter(WorkLimiter limiter) {
        this.limiter = limiter;
    }

    @Override
    public String name() {
        return limiter.name();
    }

    @Override
    public int capacity() {
        return limiter.capacity();
    }

    @Override
    public void resize(int capacity) {
        limiter.resize(capacity);
    }

    @Override
    public Permit acquire() throws InterruptedException {
        return limiter.acquire();
    }

    @Override
    public Optional<Permit> tryAcquire() {
        return limiter.tryAcquire();
    }

    @Override
    public Optional<Permit> tryAcquire(Duration maxWait) throws InterruptedException {
        return limiter.tryAcquire(maxWait);
    }

    @Override
    public CompletableFuture<Permit> acquireAsync() {
        return limiter.acquireAsync();
    }

    @Override
    public CompletableFuture<Permit> acquireContinuation() {
        return limiter.acquireContinuation();
    }

    @Override
    public LimiterStatistics statistics() {
        return limiter.statistics();
    }

    @Override
    public boolean isClosed() {
        return limiter.isClosed();
    }

    @Override
    public void close() {
        limiter.close();
    }

    @Override
    public <T> CompletableFuture<T> run(Callable<? extends T> work, boolean interruptOnCancel) {
        return limiter.run(work, interruptOnCancel);
    }

    @Override
    public <T> T call(Callable<? extends T> work) throws Exception {
        return limiter.call(work);
    }

    @Override
    public <T> CompletableFuture<T> finish(Callable<? extends T> work) {
        return limiter.finish(work);
    }

    @Override
    public CompletableFuture<Void> background(Runnable work) {
        return limiter.background(work);
    }

    @Override
    public Executor executor() {
        return limiter.executor();
    }

    @Override
    public <T> Flow.Publisher<T> iterate(ItemSource<? extends T> source) {
        return limiter.iterate(source);
    }

    @Override
    public void execute(Permit permit, Runnable command) {
        limiter.execute(permit, command);
    }

    @Override
    public Runnable withContext(Runnable work) {
        return limiter.withContext(work);
    }

    @Override
    public String toString() {
        return limiter.toString();
    }
}
