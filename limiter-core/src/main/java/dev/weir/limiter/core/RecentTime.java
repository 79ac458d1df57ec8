package dev.weir.limiter.core;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;

/**
 * {@link System#nanoTime} of some milliseconds ago at most, for the price of reading a field. Reading the clock takes longer than
 * all else that is done to queue a small task.
 *
 * <p>While somebody asks, the JDK's timer thread reads the clock every few milliseconds. As long as it does not yet, or not any
 * more, whoever asks reads the clock.
 *
 * <p><b>Races.</b> T1 reads a time, the timer finds that nobody has asked and stops: T1's time is as recent as promised. T1's
 * note that it has asked then stays until the timer is started again, and is taken for one of then.
 */
final class RecentTime {

    static final RecentTime SHARED = new RecentTime(Timer::onTimerThread, System::nanoTime);

    private static final long PERIOD_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

    private final Timer timer;
    private final LongSupplier clock;
    private final AtomicBoolean kept = new AtomicBoolean();
    private volatile boolean asked;
    private volatile long recent; // 0 while it is not kept

    RecentTime(Timer timer, LongSupplier clock) {
        this.timer = timer;
        this.clock = clock;
    }

    long nanoTime() {
        long time = recent;
        if (!asked) {
            asked = true;
        }
        if (time != 0) {
            return time;
        }
        if (!kept.get() && kept.compareAndSet(false, true)) {
            schedule();
        }
        return clock.getAsLong();
    }

    private void schedule() {
        try {
            timer.schedule(PERIOD_NANOS, this::tick);
        } catch (Throwable e) { // no thread to be had for the JDK's timer: whoever asks next tries again
            stop();
            Log.unexpected("starting the timer of the time", e);
        }
    }

    private void tick() {
        if (asked) {
            asked = false;
            recent = clock.getAsLong() | 1; // never 0
            schedule();
        } else {
            stop();
        }
    }

    private void stop() {
        recent = 0;
        kept.set(false);
    }
}
