package dev.weir.limiter.page;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Registration;
import dev.weir.limiter.core.watch.HolderKeeper;
import dev.weir.limiter.core.watch.PermitListener;
import java.util.List;

/** One limiter, with what the page remembers of it. */
final class Watched implements AutoCloseable {

    private final int number;
    private final CapacityLimiter limiter;
    private final String role;
    private final History history;
    private final WaitHistogram waits = new WaitHistogram();
    private final boolean hearsOfWaits;
    private final Registration listening;

    /**
     * Begins to watch.
     *
     * @param number tells it from all other limiters of the page, also from one of the same name
     * @param limiter the limiter
     * @param role what it is in its scope
     * @param samples how many to keep
     */
    Watched(int number, CapacityLimiter limiter, String role, int samples) {
        this.number = number;
        this.limiter = limiter;
        this.role = role;
        this.history = new History(samples);
        Registration registration = null;
        try {
            registration = PermitListener.listen(limiter, new PermitListener() {
                @Override
                public void granted(long waitedNanos) {
                    waits.record(waitedNanos);
                }

                @Override
                public void released(long heldNanos) {}
            });
        } catch (UnsupportedOperationException e) {
            // It takes listeners from its builder only: its waits stay unknown, and the page says so.
        }
        this.hearsOfWaits = registration != null;
        this.listening = registration == null ? () -> {} : registration;
    }

    int number() {
        return number;
    }

    CapacityLimiter limiter() {
        return limiter;
    }

    /** Takes a sample for the history. */
    void sample() {
        history.add(new Sample(limiter.statistics(), System.nanoTime()));
    }

    /** Another part of the last minute begins. */
    void advance() {
        waits.advance();
    }

    /** Whether nobody will ever hear of it again. */
    boolean isOver() {
        if (!limiter.isClosed()) {
            return false;
        }
        LimiterStatistics now = limiter.statistics();
        return now.inUse() == 0 && now.waiting() == 0;
    }

    Look look() {
        LimiterStatistics now = limiter.statistics();
        Sample latest = new Sample(now, System.nanoTime());
        List<Sample> samples = history.samples();
        Rates rates = Rates.of(samples, latest);
        return new Look(
                number,
                now,
                role,
                State.of(now, limiter.isClosed(), rates.refused() > 0),
                rates,
                hearsOfWaits,
                waits.quantile(0.99),
                samples,
                latest,
                limiter instanceof HolderKeeper keeper && !keeper.tracksHolders(),
                limiter.holders());
    }

    /** Forgets the past: it would not be the last minutes any more. */
    @Override
    public void close() {
        listening.close();
        history.clear();
        waits.clear();
    }
}
