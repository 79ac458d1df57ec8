package dev.weir.limiter.core;

import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Platform threads of one limiter: lazy, named, daemon, and gone after an idle time.
 *
 * <p>A task is queued for an idle thread if there is one that no queued task will need, else it gets a new thread if there
 * may be more, else it is queued for whoever is free first. Under load a thread is passed its next task by the end of its last
 * one. Waking a thread costs far more than a small task, so few are woken: the queue signals one idle thread when it is no
 * longer empty, and that one the next if more is there.
 *
 * <p>An idle thread waits without a time limit: with one it would set a timer of the processor each time, which on virtual machines
 * takes microseconds. Once per idle time the JDK's timer thread lets as many threads go as
 * were idle throughout. It wakes one, and each that goes the next. It goes on until the last thread has ended, so that a wake that
 * was lost for want of memory is made up for.
 *
 * <p><b>Races.</b> All come down to one rule: while there may be more threads, no more tasks are queued than threads are idle.
 * T1 and T2 find the same thread idle, and both queue their task for it: whoever counts last after queueing finds two for one,
 * and starts a thread. T1 counts a thread as idle that has taken T2's task already: T1 counts the idle after queueing, the
 * thread counts the queued after it has taken itself off the idle; one of them sees the other and starts a thread. T1 queues
 * its task while the last thread is about to end, having seen an empty queue: the thread looks into the queue again after it
 * has taken itself off the count, and if need be goes on. A thread becomes idle while all may go: it counts itself as idle
 * before it asks whether it may, and whoever lets threads go says so before counting the idle. What wakes an idle thread is taken
 * by a busy one: that one goes instead, or when nobody is to stay goes too, and wakes the next.
 */
final class PlatformCrew implements Crew {

    private static final long MIN_IDLE_NANOS = TimeUnit.MILLISECONDS.toNanos(1);

    private final String name;
    private final IntSupplier maxThreads;
    private final long idleNanos;
    private final Timer timer;
    private final LinkedBlockingQueue<Runnable> queue = new LinkedBlockingQueue<>();
    private final AtomicInteger threads = new AtomicInteger();
    private final AtomicInteger idle = new AtomicInteger(); // about to look into the queue, or waiting there
    private final AtomicLong started = new AtomicLong();
    private final AtomicBoolean armed = new AtomicBoolean();
    private final AtomicInteger mayGo = new AtomicInteger(); // of the idle threads, while they stay
    private volatile int leastIdle; // since the last look; a lost update ends a thread too many
    private volatile boolean stay;

    /**
     * A crew without threads as yet.
     *
     * @param maxThreads how many tasks may be under way at the moment
     * @param idleTime if less than a millisecond, threads end at once
     */
    PlatformCrew(String limiterName, IntSupplier maxThreads, Duration idleTime, Timer timer) {
        this.name = "weir-" + limiterName + "-";
        this.maxThreads = maxThreads;
        this.idleNanos = Nanos.of(idleTime);
        this.timer = timer;
        this.stay = idleNanos >= MIN_IDLE_NANOS;
    }

    @Override
    public void execute(Runnable task, boolean passOn) {
        if (passOn && Thread.currentThread() instanceof Worker worker && worker.takeOver(this, task)) {
            return;
        }
        if (queue.size() >= idle.get() && reserveThread()) {
            start(task);
            return;
        }
        queue.add(task);
        try {
            startMissing();
        } catch (Throwable e) { // another thread may have taken the task meanwhile, and then all is well
            if (queue.remove(task)) {
                throw e;
            }
        }
    }

    private boolean reserveThread() {
        int count;
        do {
            count = threads.get();
            if (count >= maxThreads.getAsInt()) {
                return false;
            }
        } while (!threads.compareAndSet(count, count + 1));
        return true;
    }

    /** Starts a thread for every queued task that no idle thread is there for, as far as there may be more. */
    private void startMissing() {
        while (queue.size() > idle.get() && reserveThread()) {
            idle.incrementAndGet();
            try {
                start(null);
            } catch (Throwable e) {
                idle.decrementAndGet();
                throw e;
            }
        }
    }

    private void start(@Nullable Runnable first) {
        try {
            new Worker(name + started.incrementAndGet(), first).start();
        } catch (Throwable e) { // out of threads or memory
            threads.decrementAndGet();
            throw e;
        }
        arm();
    }

    private void arm() {
        if (idleNanos >= MIN_IDLE_NANOS && !armed.get() && armed.compareAndSet(false, true)) {
            schedule();
        }
    }

    private void schedule() {
        WeakReference<PlatformCrew> crew = new WeakReference<>(this); // its threads keep it, the timer need not
        try {
            timer.schedule(idleNanos, () -> {
                PlatformCrew there = crew.get();
                if (there != null) {
                    there.letIdleGo();
                }
            });
        } catch (Throwable e) { // no thread to be had for the JDK's timer: the next thread started tries again
            armed.set(false);
            Log.unexpected("starting the timer of " + name, e);
        }
    }

    /** T1 finds no thread, T2 starts one and finds T1 armed: T1 looks again after having disarmed. */
    private void letIdleGo() {
        int throughout = leastIdle;
        leastIdle = idle.get();
        armed.set(false);
        if (threads.get() > 0) {
            arm();
        }
        mayGo.set(throughout);
        wakeToGo();
    }

    private void wakeToGo() {
        if ((!stay || mayGo.get() > 0) && idle.get() > 0) {
            queue.add(() -> {});
        }
    }

    @Override
    public boolean foreign() {
        return false;
    }

    @Override
    public void resized() {
        tryStartMissing();
    }

    /** As {@link #startMissing}; if no thread can be had, those that are there get to the queued tasks in time. */
    private void tryStartMissing() {
        try {
            startMissing();
        } catch (Throwable e) {
            Log.unexpected("starting a thread " + name, e);
        }
    }

    @Override
    public void retire() {
        stay = false;
        wakeToGo();
    }

    private final class Worker extends WorkerThread {
        private @Nullable Runnable following; // at first the task it was started for; touched by this thread only

        Worker(String name, @Nullable Runnable first) {
            super(name);
            this.following = first;
        }

        boolean takeOver(PlatformCrew crew, Runnable task) {
            if (crew != PlatformCrew.this || following != null) {
                return false;
            }
            following = task;
            return true;
        }

        @Override
        public void run() {
            if (following == null) {
                following = queue.poll(); // started as an idle one, for what is queued
                noLongerIdle();
            }
            do {
                work();
                threads.decrementAndGet();
            } while (!queue.isEmpty() && reserveThread());
            wakeToGo();
        }

        private void work() {
            Runnable task = nextTask();
            while (task != null) {
                try {
                    task.run();
                } catch (Throwable e) { // tasks contain their failures; what arrives here is our own, or the JVM's
                    Log.unexpected("running a task on " + getName(), e);
                }
                task = null; // nothing keeps an ended task reachable
                Thread.interrupted(); // an interrupt was meant for the task that has ended
                task = nextTask();
            }
        }

        private @Nullable Runnable nextTask() {
            Runnable task = takeFollowing();
            return task == null ? next() : task;
        }

        private @Nullable Runnable takeFollowing() {
            Runnable task = following;
            following = null;
            return task;
        }

        private @Nullable Runnable next() {
            while (threads.get() <= maxThreads.getAsInt()) {
                Runnable ready = queue.poll();
                if (ready != null || !stay) {
                    return ready;
                }
                idle.incrementAndGet();
                try {
                    return go() ? null : queue.take();
                } catch (InterruptedException e) {
                    // Nobody has a reason to interrupt an idle worker: wait again.
                } finally {
                    noLongerIdle();
                }
            }
            return null; // one too many after a shrink
        }

        private boolean go() {
            return !stay || (mayGo.get() > 0 && mayGo.getAndUpdate(n -> Math.max(0, n - 1)) > 0);
        }

        private void noLongerIdle() {
            int left = idle.decrementAndGet();
            if (left < leastIdle) {
                leastIdle = left;
            }
            tryStartMissing();
        }
    }
}
