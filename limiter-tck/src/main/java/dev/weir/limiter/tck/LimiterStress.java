package dev.weir.limiter.tck;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Permit;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Eight threads that use a limiter at random, one that resizes it, one that interrupts.
 *
 * <p>How "nobody too many" is seen: {@link #held} is raised after a grant and lowered before the close, so it is never more
 * than what is in use. The resizer announces a {@link Bound} only once the limiter has drained to its new capacity. Whoever
 * raises {@code held} and finds the same bound before and after was admitted under that bound.
 */
final class LimiterStress {

    private static final int THREADS = 8;

    /** Compared by identity: the same number announced twice is two bounds. */
    private static final class Bound {
        private final int limit;

        Bound(int limit) {
            this.limit = limit;
        }
    }

    private final CapacityLimiter limiter;
    private final Duration patience;
    private final long seed = Long.getLong("weir.stress.seed", System.nanoTime());
    private final long end;
    private final AtomicInteger held = new AtomicInteger();
    private final AtomicLong grants = new AtomicLong();
    private final AtomicLong resizes = new AtomicLong();
    private final AtomicLong interrupts = new AtomicLong();
    private final ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
    private volatile Bound bound = new Bound(Integer.MAX_VALUE);
    private volatile boolean stopped;

    LimiterStress(CapacityLimiter limiter, Duration patience) {
        this.limiter = limiter;
        this.patience = patience;
        this.end = System.nanoTime() + TimeUnit.SECONDS.toNanos(Integer.getInteger("weir.stress.seconds", 2));
    }

    void run() {
        System.out.println("weir.stress.seed=" + seed);
        List<ContractSupport.Caller<Boolean>> users = new ArrayList<>();
        Random seeds = new Random(seed);
        for (int i = 0; i < THREADS; i++) {
            Random random = new Random(seeds.nextLong());
            users.add(ContractSupport.startStep(() -> use(random)));
        }
        Random resizing = new Random(seeds.nextLong());
        Random interrupting = new Random(seeds.nextLong());
        List<ContractSupport.Caller<Boolean>> others = List.of(
                ContractSupport.startStep(() -> resize(resizing)),
                ContractSupport.startStep(() -> interrupt(users, interrupting)));
        users.forEach(this::join);
        stopped = true;
        others.forEach(this::join);
        String summary =
                "seed " + seed + ", " + grants + " grants, " + resizes + " resizes, " + interrupts + " interrupts";
        System.out.println("weir.stress: " + summary);
        if (!failures.isEmpty()) {
            throw new AssertionError(
                    "Random use failed (" + summary + "), first of " + failures.size() + " failures", failures.peek());
        }
        if (grants.get() == 0 || resizes.get() == 0) {
            throw new AssertionError("Random use came to nothing: " + summary);
        }
    }

    private void join(ContractSupport.Caller<Boolean> caller) {
        try {
            Future<Boolean> outcome = caller.outcome();
            outcome.get(Math.max(0, end - System.nanoTime()) + patience.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            AssertionError stuck = new AssertionError("A thread did not come back from " + limiter);
            stuck.setStackTrace(caller.thread().getStackTrace());
            failures.add(stuck);
        } catch (ExecutionException e) {
            failures.add(e.getCause());
        } catch (InterruptedException e) {
            throw new AssertionError("Interrupted during random use", e);
        }
    }

    private void use(Random random) throws Exception {
        while (System.nanoTime() < end && failures.isEmpty()) {
            try {
                switch (random.nextInt(6)) {
                    case 0 -> limiter.tryAcquire().ifPresent(permit -> hold(permit, random));
                    case 1 ->
                        limiter.tryAcquire(Duration.ofNanos(random.nextInt(300_000)))
                                .ifPresent(permit -> hold(permit, random));
                    case 2 -> hold(limiter.tryAcquire(patience).orElseThrow(this::starved), random);
                    case 3 -> waitFor(limiter.acquireAsync(), random);
                    case 4 -> cancelSoon(random);
                    default -> {
                        CompletableFuture<Permit> future = limiter.acquireAsync();
                        CompletableFuture<Void> done = future.orTimeout(random.nextInt(300_000), TimeUnit.NANOSECONDS)
                                .thenAccept(permit -> hold(permit, random));
                        LockSupport.parkNanos(random.nextInt(100_000));
                        await(done);
                    }
                }
            } catch (InterruptedException e) {
                interrupts.incrementAndGet();
            } catch (ExecutionException e) {
                if (!(e.getCause() instanceof LimitExceededException)) {
                    throw e;
                }
            } catch (LimitExceededException e) {
                LockSupport.parkNanos(10_000);
            }
        }
    }

    private AssertionError starved() {
        return new AssertionError("No permit within " + patience + " of " + limiter);
    }

    /** Settled either way before the next step, so that {@code random} is used by one thread at a time. */
    private void await(CompletableFuture<Void> done) {
        long start = System.nanoTime();
        while (!done.isDone()) {
            if (System.nanoTime() - start > patience.toNanos()) {
                throw starved();
            }
            LockSupport.parkNanos(50_000);
            Thread.interrupted();
        }
    }

    private void waitFor(CompletableFuture<Permit> future, Random random) throws Exception {
        try {
            hold(future.get(patience.toMillis(), TimeUnit.MILLISECONDS), random);
        } catch (TimeoutException e) {
            throw starved();
        } catch (InterruptedException e) {
            leave(future, random);
        }
    }

    private void cancelSoon(Random random) {
        CompletableFuture<Permit> future = limiter.acquireAsync();
        LockSupport.parkNanos(random.nextInt(100_000));
        leave(future, random);
    }

    private void leave(CompletableFuture<Permit> future, Random random) {
        if (!future.cancel(true) && ContractSupport.isGranted(future)) {
            hold(future.join(), random);
        }
    }

    private void hold(Permit permit, Random random) {
        Bound before = bound;
        int now = held.incrementAndGet();
        if (before == bound && now > before.limit) {
            failures.add(new AssertionError(now + " permits are held under a capacity of " + before.limit));
        }
        grants.incrementAndGet();
        if (random.nextInt(4) == 0) {
            LockSupport.parkNanos(random.nextInt(200_000));
        }
        held.decrementAndGet();
        permit.close();
        if (random.nextInt(4) == 0) {
            permit.close();
        }
    }

    private void resize(Random random) {
        while (!stopped) {
            int capacity = 1 + random.nextInt(THREADS);
            bound = new Bound(Integer.MAX_VALUE);
            limiter.resize(random.nextInt(THREADS));
            limiter.resize(capacity);
            resizes.incrementAndGet();
            long start = System.nanoTime();
            LimiterStatistics now = limiter.statistics();
            while (now.inUse() > capacity) {
                if (System.nanoTime() - start > patience.toNanos()) {
                    throw new AssertionError("A shrink never drained: " + limiter);
                }
                LockSupport.parkNanos(20_000);
                now = limiter.statistics();
            }
            bound = new Bound(capacity);
            LockSupport.parkNanos(500_000);
        }
    }

    private void interrupt(List<ContractSupport.Caller<Boolean>> users, Random random) {
        while (!stopped) {
            users.get(random.nextInt(THREADS)).thread().interrupt();
            LockSupport.parkNanos(200_000);
        }
    }
}
