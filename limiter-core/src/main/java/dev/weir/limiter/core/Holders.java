package dev.weir.limiter.core;

import dev.weir.limiter.PermitHolder;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Who holds the permits of a limiter that tracks holders.
 *
 * <p>As long as not more than some hundred permits a second are asked for, every one is followed, with the stack it was asked
 * for at. Above that it is a sample: one in {@code mask + 1}, chosen by chance, so that what is not followed costs a random
 * number. A timer looks at those who hold permits, as long as there are any.
 */
final class Holders {

    private static final int SAMPLES_PER_LOOK = 256;
    private static final int MAX_MASK = (1 << 20) - 1;
    private static final long MIN_PERIOD_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
    private static final long MAX_PERIOD_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final GateLimiter limiter;
    private final long thresholdNanos;
    private final long periodNanos;
    private final Timer timer;
    private final Set<Holding> held = ConcurrentHashMap.newKeySet();
    private final ReferenceQueue<GatePermit> dropped = new ReferenceQueue<>();
    private final LongAdder leaked = new LongAdder();
    private final AtomicInteger samples = new AtomicInteger(); // since the last look
    private final AtomicBoolean looking = new AtomicBoolean();
    private volatile int mask;

    Holders(GateLimiter limiter, long thresholdNanos, Timer timer) {
        this.limiter = limiter;
        this.thresholdNanos = thresholdNanos;
        this.periodNanos = Math.min(MAX_PERIOD_NANOS, Math.max(MIN_PERIOD_NANOS, thresholdNanos / 4));
        this.timer = timer;
    }

    /** Called on the thread that asks for a permit. Null when this one is not followed. */
    Holding.@Nullable Origin sample() {
        int every = mask;
        if (every != 0 && (ThreadLocalRandom.current().nextInt() & every) != 0) {
            return null;
        }
        if (samples.incrementAndGet() % SAMPLES_PER_LOOK == 0) { // too many in one period
            mask = Math.min(MAX_MASK, (every << 1) | 1);
        }
        return new Holding.Origin(Thread.currentThread().getName(), new Throwable("asked for"));
    }

    /** The permit was granted. It knows of being followed before it is: what fails in between must not give it back twice. */
    void hold(GatePermit permit, Following following, Holding.Origin origin) {
        Holding holding = new Holding(this, origin, permit, dropped);
        following.holding = holding;
        held.add(holding);
        arm();
    }

    void remove(Holding holding) {
        held.remove(holding);
    }

    /** The permit has gone home. Whoever brought it must not hear of what fails here. */
    void ended(Holding holding, boolean wasOverdue, boolean wasDropped) {
        try {
            tellEnded(holding, wasOverdue, wasDropped);
        } catch (Throwable e) { // out of memory, say, for the stack
            Log.unexpected("reporting a permit of limiter '" + limiter.name() + "'", e);
        }
    }

    private void tellEnded(Holding holding, boolean wasOverdue, boolean wasDropped) {
        if (wasDropped) {
            PermitHolder holder = holding.describe(limiter.name(), wasOverdue);
            report("dropped without being closed, and was given back now", holder);
            limiter.suspected(holder, true);
        } else if (wasOverdue) {
            PermitHolder holder = holding.describe(limiter.name(), true);
            report("given back after all", holder);
            limiter.tell(listener -> listener.overdueReturned(limiter, holder));
        }
    }

    long leaked() {
        return leaked.sum();
    }

    /** The oldest first. */
    List<PermitHolder> describe() {
        long now = System.nanoTime();
        return held.stream()
                .sorted(Holding.OLDEST_FIRST)
                .map(holding -> holding.describe(limiter.name(), now))
                .toList();
    }

    private void arm() {
        if (!looking.get() && looking.compareAndSet(false, true)) {
            schedule();
        }
    }

    private void schedule() {
        try {
            timer.schedule(periodNanos, this::look);
        } catch (Throwable e) { // no thread to be had for the JDK's timer: the next holder tries again
            looking.set(false);
            Log.unexpected("starting the timer of limiter '" + limiter.name() + "'", e);
        }
    }

    /** T1 finds nobody and stops looking, T2 begins to hold and finds T1 looking: T1 looks once more after having stopped. */
    void look() {
        try {
            findDropped();
            findOverdue();
        } catch (Throwable e) { // out of memory, say: the next look may do better
            Log.unexpected("looking at the holders of limiter '" + limiter.name() + "'", e);
        }
        adaptSampling();
        if (!held.isEmpty() || mask != 0) {
            schedule();
        } else {
            looking.set(false);
            if (!held.isEmpty()) {
                arm();
            }
        }
    }

    private void findDropped() {
        for (Reference<? extends GatePermit> found = dropped.poll(); found != null; found = dropped.poll()) {
            if (found instanceof Holding holding && holding.end()) {
                leaked.increment();
                limiter.release(0, false);
                holding.tell(true);
            }
        }
    }

    private void findOverdue() {
        for (Holding holding : held) {
            if (holding.ageNanos() > thresholdNanos && holding.becomesOverdue()) {
                PermitHolder holder = holding.describe(limiter.name(), true);
                report("held for longer than " + TimeUnit.NANOSECONDS.toMillis(thresholdNanos) + " ms", holder);
                limiter.suspected(holder, false);
            }
        }
    }

    private void adaptSampling() {
        int every = mask;
        if (samples.getAndSet(0) < SAMPLES_PER_LOOK / 2) {
            mask = every >> 1;
        }
    }

    private static void report(String what, PermitHolder holder) {
        Log.warning("A permit was " + what + ": " + holder);
    }
}
