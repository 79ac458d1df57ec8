package dev.weir.limiter.core;

import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.RefusalReason;
import java.time.Duration;
import java.util.Map;

/** A snapshot with the gate's numbers and the limiter's totals. */
record Statistics(
        String limiterName,
        Gate.Snapshot gate,
        Map<RefusalReason, Long> refusals,
        long withdrawn,
        long abandoned,
        long leaked)
        implements LimiterStatistics {

    @Override
    public int capacity() {
        return gate.capacity();
    }

    @Override
    public int inUse() {
        return gate.inUse();
    }

    @Override
    public int waiting() {
        return gate.waiting();
    }

    @Override
    public int maxWaiting() {
        return gate.maxWaiting();
    }

    @Override
    public Duration oldestWait() {
        return Duration.ofNanos(gate.oldestWaitNanos());
    }

    @Override
    public long acquired() {
        return gate.acquired();
    }

    @Override
    public long released() {
        return gate.acquired() - gate.inUse();
    }

    @Override
    public long refused(RefusalReason reason) {
        return refusals.getOrDefault(reason, 0L);
    }

    @Override
    public String toString() {
        return "Limiter '" + limiterName + "' (" + summary() + ")";
    }
}
