package dev.weir.limiter.core;

import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.RefusalReason;
import java.time.Duration;

/**
 * The numbers of a limiter over a bulkhead.
 *
 * @param ours of the limiter's own callers
 * @param capacity of the bulkhead, as far as the limiter may use it
 * @param inUse by the limiter's callers, and by others as far as it takes from the capacity
 */
record AdoptedStatistics(LimiterStatistics ours, int capacity, int inUse) implements LimiterStatistics {

    @Override
    public String limiterName() {
        return ours.limiterName();
    }

    @Override
    public int waiting() {
        return ours.waiting();
    }

    @Override
    public int maxWaiting() {
        return ours.maxWaiting();
    }

    @Override
    public Duration oldestWait() {
        return ours.oldestWait();
    }

    @Override
    public long acquired() {
        return ours.acquired();
    }

    @Override
    public long released() {
        return ours.released();
    }

    @Override
    public long refused(RefusalReason reason) {
        return ours.refused(reason);
    }

    @Override
    public long withdrawn() {
        return ours.withdrawn();
    }

    @Override
    public long abandoned() {
        return ours.abandoned();
    }

    @Override
    public long leaked() {
        return ours.leaked();
    }

    @Override
    public String toString() {
        return "Limiter '" + limiterName() + "' (" + summary() + ")";
    }
}
