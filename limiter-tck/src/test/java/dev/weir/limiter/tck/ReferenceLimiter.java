package dev.weir.limiter.tck;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/**
 * The simplest limiter that keeps section 1 of the rules: one lock around plain numbers, and a trampoline that runs user code
 * after the lock was released. It shows that the kit passes something other than the real implementation.
 */
final class ReferenceLimiter implements CapacityLimiter {

    private final Settings settings;
    private final Object lock = new Object();
    private final Set<Waiter> queue = new LinkedHashSet<>();
    private final Map<RefusalReason, Long> refusals = new EnumMap<>(RefusalReason.class);
    private int capacity;
    private int inUse;
    private long acquired;
    private long released;
    private long withdrawn;
    private boolean closed;

    /** User code that is due on a thread, in order: what comes while it runs is added, and runs after it, never inside it. */
    private static final ThreadLocal<Deque<Runnable>> DUE = new ThreadLocal<>();

    ReferenceLimiter(Settings settings) {
        this.settings = settings;
        this.capacity = settings.capacity;
    }

    private static final class Waiter extends CompletableFuture<Permit> {
        final long since = System.nanoTime();
    }

    private final class Held implements Permit {
        private final AtomicBoolean closed = new AtomicBoolean();
        private final long since = System.nanoTime();

        @Override
        public CapacityLimiter limiter() {
            return ReferenceLimiter.this;
        }

        @Override
        public void close() {
            if (closed.compareAndSet(false, true)) {
                List<Runnable> after = new ArrayList<>();
                synchronized (lock) {
                    inUse--;
                    released++;
                    after.add(tell(l -> l.released(ReferenceLimiter.this, since(since))));
                    grant(after);
                }
                runAll(after);
            }
        }
    }

    private static Duration since(long nanos) {
        return Duration.ofNanos(System.nanoTime() - nanos);
    }

    private Runnable tell(Consumer<LimiterListener> event) {
        List<LimiterListener> listeners = List.copyOf(settings.listeners);
        return () -> {
            for (LimiterListener listener : listeners) {
                try {
                    event.accept(listener);
                } catch (Throwable ignored) {
                    // a listener's trouble is its own
                }
            }
        };
    }

    private void grant(List<Runnable> after) {
        while (inUse < capacity && !queue.isEmpty()) {
            Waiter head = queue.iterator().next();
            queue.remove(head);
            Permit permit = count();
            after.add(() -> {
                if (head.complete(permit)) {
                    tell(l -> l.granted(this, since(head.since))).run();
                } else {
                    countWithdrawn(head);
                    permit.close();
                }
            });
        }
    }

    private void countWithdrawn(Waiter waiter) {
        synchronized (lock) {
            withdrawn++;
        }
        tell(l -> l.withdrawn(this, since(waiter.since))).run();
    }

    private Permit count() {
        inUse++;
        acquired++;
        return new Held();
    }

    private void runAll(List<Runnable> after) {
        Deque<Runnable> running = DUE.get();
        if (running != null) {
            running.addAll(after);
            return;
        }
        running = new ArrayDeque<>(after);
        DUE.set(running);
        try {
            for (Runnable next = running.poll(); next != null; next = running.poll()) {
                next.run();
            }
        } finally {
            DUE.remove();
        }
    }

    @Override
    public CompletableFuture<Permit> acquireAsync() {
        return acquire(true);
    }

    @SuppressWarnings("FutureReturnValueIgnored") // only looks on
    private CompletableFuture<Permit> acquire(boolean ownThread) {
        Waiter waiter = new Waiter();
        synchronized (lock) {
            if (!closed && inUse < capacity) {
                waiter.complete(count());
            } else if (closed || queue.size() >= settings.maxWaiting) {
                waiter.completeExceptionally(
                        refusal(closed ? RefusalReason.CLOSED : RefusalReason.QUEUE_FULL, ownThread));
            } else {
                queue.add(waiter);
            }
        }
        if (isGranted(waiter)) {
            runAll(List.of(tell(l -> l.granted(this, Duration.ZERO))));
        } else if (waiter.isDone()) {
            runAll(List.of(tell(l -> l.refused(this, closed ? RefusalReason.CLOSED : RefusalReason.QUEUE_FULL))));
        } else {
            waiter.whenComplete((permit, failure) -> left(waiter));
            settings.maxWait.ifPresent(limit -> CompletableFuture.delayedExecutor(limit.toNanos(), TimeUnit.NANOSECONDS)
                    .execute(() -> expire(waiter)));
        }
        return waiter;
    }

    private static boolean isGranted(CompletableFuture<Permit> future) {
        return future.isDone() && !future.isCompletedExceptionally();
    }

    private LimitExceededException refusal(RefusalReason reason, boolean traced) {
        refusals.merge(reason, 1L, Long::sum);
        return new LimitExceededException(reason, statistics(), Duration.ofSeconds(1), traced);
    }

    private void left(Waiter waiter) {
        boolean wasWaiting;
        synchronized (lock) {
            wasWaiting = queue.remove(waiter);
        }
        if (wasWaiting) {
            countWithdrawn(waiter);
        }
    }

    private void expire(Waiter waiter) {
        refuse(waiter, RefusalReason.WAIT_TIMEOUT);
    }

    private void refuse(Waiter waiter, RefusalReason reason) {
        LimitExceededException refusal;
        synchronized (lock) {
            if (!queue.remove(waiter)) {
                return;
            }
            refusal = refusal(reason, false);
        }
        runAll(List.of(() -> waiter.completeExceptionally(refusal), tell(l -> l.refused(this, reason))));
    }

    @Override
    public Permit acquire() throws InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
        CompletableFuture<Permit> waiter = acquire(true);
        try {
            return waiter.get();
        } catch (ExecutionException e) {
            throw (LimitExceededException) e.getCause();
        } catch (InterruptedException e) {
            leave(waiter);
            throw e;
        }
    }

    @Override
    public Optional<Permit> tryAcquire() {
        Permit permit;
        synchronized (lock) {
            if (closed || inUse >= capacity || !queue.isEmpty()) {
                return Optional.empty();
            }
            permit = count();
        }
        runAll(List.of(tell(l -> l.granted(this, Duration.ZERO))));
        return Optional.of(permit);
    }

    @Override
    public Optional<Permit> tryAcquire(Duration maxWait) throws InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
        if (maxWait.isZero() || maxWait.isNegative()) {
            return tryAcquire();
        }
        CompletableFuture<Permit> waiter = acquire(true);
        try {
            return Optional.of(waiter.get(maxWait.toNanos(), TimeUnit.NANOSECONDS));
        } catch (ExecutionException | TimeoutException e) {
            leave(waiter);
            return Optional.empty();
        } catch (InterruptedException e) {
            leave(waiter);
            throw e;
        }
    }

    private static void leave(CompletableFuture<Permit> waiter) {
        if (!waiter.cancel(false) && isGranted(waiter)) {
            waiter.join().close();
        }
    }

    @Override
    public void resize(int value) {
        Settings.notNegative("capacity", value);
        List<Runnable> after = new ArrayList<>();
        synchronized (lock) {
            int from = capacity;
            capacity = value;
            if (from != value) {
                after.add(tell(l -> l.resized(this, from, value)));
            }
            grant(after);
        }
        runAll(after);
    }

    @Override
    public void close() {
        List<Waiter> waiters;
        synchronized (lock) {
            closed = true;
            waiters = List.copyOf(queue);
        }
        waiters.forEach(waiter -> refuse(waiter, RefusalReason.CLOSED));
    }

    @Override
    public String name() {
        return settings.name;
    }

    @Override
    public int capacity() {
        synchronized (lock) {
            return capacity;
        }
    }

    @Override
    public boolean isClosed() {
        synchronized (lock) {
            return closed;
        }
    }

    @Override
    public LimiterStatistics statistics() {
        synchronized (lock) {
            Duration oldest =
                    queue.isEmpty() ? Duration.ZERO : since(queue.iterator().next().since);
            return new Numbers(
                    settings.name,
                    capacity,
                    inUse,
                    queue.size(),
                    settings.maxWaiting,
                    oldest,
                    acquired,
                    released,
                    Map.copyOf(refusals),
                    withdrawn,
                    0);
        }
    }

    @Override
    public String toString() {
        return "ReferenceLimiter '" + settings.name + "' (" + statistics().summary() + ")";
    }
}
