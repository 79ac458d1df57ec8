package dev.weir.limiter.core;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Finds work under permits that waits for one another, and refuses one of them. A wait is registered while it lasts, if the
 * thread holds a permit at all; as long as there is one, a timer looks at them once a second.
 *
 * <p>No lock: a look is two looks, see {@link DeadlockSearch}. The timer's thread is the JDK's and not one of a pool, which may
 * be what is stuck; so what is found is told, and refused, on a thread of its own.
 */
final class Deadlocks {

    static final long PERIOD_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** One for the whole JVM: deadlocks do not keep to one scope. */
    private static volatile Deadlocks current = new Deadlocks(Timer::onTimerThread, Deadlocks::onNewThread);

    private final Set<BlockedWait> waits = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean looking = new AtomicBoolean();
    private final Timer timer;
    private final Executor breaker;

    Deadlocks(Timer timer, Executor breaker) {
        this.timer = timer;
        this.breaker = breaker;
    }

    /**
     * For tests that want to be the timer. Waits that are under way stay where they are.
     *
     * @return what was in use before
     */
    static Deadlocks use(Deadlocks other) {
        Deadlocks before = current;
        current = other;
        return before;
    }

    private static void onNewThread(Runnable task) {
        Thread thread = new Thread(null, task, "weir-deadlock", 0, false);
        thread.setDaemon(true);
        thread.start();
    }

    /**
     * The calling thread is about to block until the waiter is done. What fails here costs the thread nothing but that it is not
     * seen.
     *
     * @return for {@link #leave}; null when its thread holds no permit, or cannot be part of a deadlock for other reasons
     */
    static @Nullable BlockedWait enter(Waiter<?> waiter) {
        Held held = Held.current();
        GateLimiter limiter = waiter.limiter();
        if (held == null || limiter == null || waiter.endsOtherwise()) {
            return null;
        }
        try {
            return current.register(waiter, limiter, held);
        } catch (Throwable e) { // out of memory, out of stack
            Log.unexpected("noting a wait for limiter '" + limiter.name() + "'", e);
            return null;
        }
    }

    /** It is not blocked any more. */
    static void leave(@Nullable BlockedWait wait) {
        if (wait != null) {
            wait.registry.waits.remove(wait);
        }
    }

    private BlockedWait register(Waiter<?> waiter, GateLimiter limiter, Held held) {
        BlockedWait wait = new BlockedWait(this, waiter, limiter, held);
        waits.add(wait);
        if (!looking.get() && looking.compareAndSet(false, true)) {
            schedule();
        }
        return wait;
    }

    boolean isRegistered(BlockedWait wait) {
        return waits.contains(wait);
    }

    private void schedule() {
        try {
            timer.schedule(PERIOD_NANOS, this::look);
        } catch (Throwable e) { // no thread to be had for the JDK's timer: whoever waits next tries again
            looking.set(false);
            Log.unexpected("starting the timer that looks for deadlocks", e);
        }
    }

    /** T1 is about to stop looking, T2 registers and finds T1 looking: T1 asks whether anybody waits after having stopped. */
    private void look() {
        try {
            if (!rings().isEmpty()) {
                breaker.execute(this::breakAll);
            }
        } catch (Throwable e) { // out of memory or threads, say: the next look may do better
            Log.unexpected("looking for deadlocks", e);
        }
        looking.set(false);
        if (!waits.isEmpty() && looking.compareAndSet(false, true)) {
            schedule();
        }
    }

    List<Ring> rings() {
        return DeadlockSearch.rings(listed(), this::isRegistered);
    }

    List<BlockedWait> listed() {
        return new ArrayList<>(waits);
    }

    /** Looks, and breaks what it finds. */
    void breakAll() {
        for (Ring ring : rings()) {
            try {
                ring.resolve(this::isRegistered);
            } catch (Throwable e) { // out of memory, say, for the stacks: the next look may do better
                Log.unexpected("reporting a deadlock", e);
            }
        }
    }
}
