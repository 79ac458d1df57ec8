package dev.weir.limiter.core;

import java.time.Duration;
import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Platform threads of one limiter: lazy, named, daemon, and gone after an idle time.
 *
 * <p>A task goes to an idle thread if there is one, else to a new thread if there may be more, else into the queue. A thread
 * that has ended a task looks into the queue before it idles; while all are busy, handing over a task wakes nobody.
 *
 * <p><b>Race.</b> T1 finds all threads there may be, and queues its task, while the last of them is about to end, having seen
 * an empty queue: T1 counts the threads after queueing, the thread looks into the queue after it has taken itself off the
 * count; one of them sees the other and starts a thread.
 */
final class PlatformCrew implements Crew {

    private final String name;
    private final LinkedTransferQueue<Runnable> queue = new LinkedTransferQueue<>();
    private final AtomicInteger threads = new AtomicInteger();
    private final AtomicLong started = new AtomicLong();
    private volatile int maxThreads;
    private volatile long idleNanos;

    PlatformCrew(String limiterName, int maxThreads, Duration idleTime) {
        this.name = "weir-" + limiterName + "-";
        this.maxThreads = maxThreads;
        this.idleNanos = Nanos.of(idleTime);
    }

    @Override
    public void execute(Runnable task) {
        if (queue.tryTransfer(task)) {
            return;
        }
        if (reserveThread()) {
            start(task);
            return;
        }
        queue.add(task);
        startIfLeftAlone();
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

    private void start(@Nullable Runnable first) {
        try {
            Thread thread = new Thread(null, new Worker(first), name + started.incrementAndGet(), 0, false);
            thread.setDaemon(true);
            thread.start();
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
        while (queue.tryTransfer(() -> {})) {
            Thread.onSpinWait(); // each wakes one idle thread, which then finds that there is nothing to wait for
        }
    }

    private final class Worker implements Runnable {
        private @Nullable Runnable first;

        Worker(@Nullable Runnable first) {
            this.first = first;
        }

        @Override
        public void run() {
            Runnable task = first;
            first = null;
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
                    task = next();
                }
            } finally {
                threads.decrementAndGet();
                startIfLeftAlone();
            }
        }

        private @Nullable Runnable next() {
            while (threads.get() <= maxThreads) {
                try {
                    long idle = idleNanos;
                    return idle == 0 ? queue.poll() : queue.poll(idle, TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    // Nobody has a reason to interrupt an idle worker: wait again.
                }
            }
            return null; // one too many after a shrink
        }
    }
}
