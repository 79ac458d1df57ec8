package dev.weir.limiter.core;

import java.time.Duration;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Platform threads of one limiter: lazy, named, daemon, and gone after an idle time.
 *
 * <p>A task is queued for an idle thread if there is one that no queued task will need, else it gets a new thread if there
 * may be more, else it is queued for whoever is free first. Under load a thread is passed its next task by the end of its last
 * one. Waking a thread costs far more than a small task, so few are woken: the queue signals one idle thread when it is no
 * longer empty, and that one the next if more is there.
 *
 * <p><b>Race.</b> T1 finds all threads there may be, and queues its task, while the last of them is about to end, having seen
 * an empty queue: T1 counts the idle after queueing, the thread looks into the queue after it has taken itself off the
 * count; one of them sees the other and starts a thread.
 */
final class PlatformCrew implements Crew {

    private final String name;
    private final LinkedBlockingQueue<Runnable> queue = new LinkedBlockingQueue<>();
    private final AtomicInteger threads = new AtomicInteger();
    private final AtomicInteger idle = new AtomicInteger();
    private final AtomicLong started = new AtomicLong();
    private volatile int maxThreads;
    private volatile long idleNanos;

    PlatformCrew(String limiterName, int maxThreads, Duration idleTime) {
        this.name = "weir-" + limiterName + "-";
        this.maxThreads = maxThreads;
        this.idleNanos = Nanos.of(idleTime);
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
        if (idle.get() == 0) {
            startIfLeftAlone();
        }
    }

    private boolean reserveThread() {
        int count;
        do {
            count = threads.get();
            if (count >= maxThreads) {
                return false;
            }
        } while (!threads.compareAndSet(count, count + 1));
        return true;
    }

    private void start(Runnable first) {
        try {
            new Worker(name + started.incrementAndGet(), first).start();
        } catch (Throwable e) { // out of threads or memory
            threads.decrementAndGet();
            throw e;
        }
    }

    private void startIfLeftAlone() {
        while (!queue.isEmpty() && reserveThread()) {
            Runnable task = queue.poll();
            if (task == null) {
                threads.decrementAndGet();
            } else {
                try {
                    start(task);
                } catch (Throwable e) {
                    queue.add(task); // not in its turn, but not lost: the next thread that is free takes it
                    throw e;
                }
            }
        }
    }

    @Override
    public boolean foreign() {
        return false;
    }

    @Override
    public void resize(int tasks) {
        maxThreads = tasks;
        startIfLeftAlone();
    }

    @Override
    public void retire() {
        idleNanos = 0;
        for (int i = idle.get(); i > 0; i--) {
            queue.add(() -> {}); // each wakes one idle thread, which then finds that there is nothing to wait for
        }
    }

    private final class Worker extends Thread {
        private @Nullable Runnable following; // at first the task it was started for; touched by this thread only

        Worker(String name, Runnable first) {
            super(null, null, name, 0, false); // inherits no thread-locals of whoever happened to need it
            setDaemon(true);
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
            Runnable task = takeFollowing();
            try {
                while (task != null) {
                    try {
                        task.run();
                    } catch (Throwable e) { // tasks contain their failures; what arrives here is our own, or the JVM's
                        Log.unexpected(
                                "running a task on " + Thread.currentThread().getName(), e);
                    }
                    task = null; // nothing keeps an ended task reachable
                    Thread.interrupted(); // an interrupt was meant for the task that has ended
                    task = takeFollowing();
                    if (task == null) {
                        task = next();
                    }
                }
            } finally {
                threads.decrementAndGet();
                startIfLeftAlone();
            }
        }

        private @Nullable Runnable takeFollowing() {
            Runnable task = following;
            following = null;
            return task;
        }

        private @Nullable Runnable next() {
            while (threads.get() <= maxThreads) {
                Runnable ready = queue.poll();
                if (ready != null || idleNanos == 0) {
                    return ready;
                }
                idle.incrementAndGet();
                try {
                    return queue.poll(idleNanos, TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    // Nobody has a reason to interrupt an idle worker: wait again.
                } finally {
                    idle.decrementAndGet();
                }
            }
            return null; // one too many after a shrink
        }
    }
}
