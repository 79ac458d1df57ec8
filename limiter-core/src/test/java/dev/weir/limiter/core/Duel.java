package dev.weir.limiter.core;

import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Two threads that each do one thing at the same moment, a little before or after the other, over and over: for states that two
 * threads may change at once. The calling thread is one of them.
 */
final class Duel implements AutoCloseable {

    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(30);
    private static final int MOST_SPINS = 60;

    private final Random random = new Random();
    private final Thread other = new Thread(this::follow, "duel-test");
    private final long until;
    private final int most;

    private Runnable theirs = () -> {};
    private volatile int begun;
    private volatile int ended;
    private volatile boolean over;
    private volatile @Nullable Throwable failure;

    /**
     * A duel of so many rounds, or of as many as there is time for in a second.
     *
     * @param most how many rounds at most
     */
    Duel(int most) {
        this.most = most;
        this.until = System.nanoTime() + TimeUnit.SECONDS.toNanos(1);
        other.setDaemon(true);
        other.start();
    }

    boolean goesOn() {
        return begun < most && System.nanoTime() - until < 0;
    }

    /** One round; returns when both have done their thing. */
    void round(Runnable mine, Runnable others) {
        theirs = others;
        int round = begun + 1;
        begun = round;
        hesitate();
        mine.run();
        long start = System.nanoTime();
        while (ended != round) {
            if (System.nanoTime() - start > PATIENCE_NANOS) {
                throw new AssertionError("the other thread did not come to an end in round " + round);
            }
            Thread.onSpinWait();
        }
        Throwable failed = failure;
        if (failed != null) {
            throw new AssertionError("the other thread failed in round " + round, failed);
        }
    }

    /** For the calling thread, once more within its thing. */
    void hesitate() {
        spin(random.nextInt(MOST_SPINS));
    }

    /** Whether the other thread's interrupt flag is set, between rounds. */
    boolean isOtherInterrupted() {
        return other.isInterrupted();
    }

    private void follow() {
        Random own = new Random();
        while (!over) {
            int round = begun;
            if (ended == round) {
                Thread.onSpinWait();
                continue;
            }
            spin(own.nextInt(MOST_SPINS));
            try {
                theirs.run();
            } catch (Throwable e) {
                failure = e;
            }
            ended = round;
        }
    }

    private static void spin(int spins) {
        for (int i = spins; i > 0; i--) {
            Thread.onSpinWait();
        }
    }

    @Override
    public void close() {
        over = true;
    }
}
