package dev.weir.limiter.tck;

import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.RefusalReason;
import java.time.Duration;
import java.util.Map;

record Numbers(
        String limiterName,
        int capacity,
        int inUse,
        int waiting,
        int maxWaiting,
        Duration oldestWait,
        long acquired,
        long released,
        Map<RefusalReason, Long> refusals,
        long withdrawn,
        long abandoned)
        implements LimiterStatistics {

    @Override
    public long refused(RefusalReason reason) {
        return refusals.getOrDefault(reason, 0L);
    }
}
