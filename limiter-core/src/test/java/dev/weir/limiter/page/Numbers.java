package dev.weir.limiter.page;

import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.RefusalReason;
import java.time.Duration;

/** Numbers that a test makes up. */
record Numbers(int capacity, int inUse, int waiting, Duration oldestWait, long refused) implements LimiterStatistics {

    static Numbers of(int capacity, int inUse, int waiting, Duration oldestWait) {
        return new Numbers(capacity, inUse, waiting, oldestWait, 0);
    }

    static Sample sample(double second, int inUse, long refused) {
        return new Sample(new Numbers(40, inUse, 0, Duration.ZERO, refused), (long) (second * 1e9));
    }

    @Override
    public String limiterName() {
        return "made-up";
    }

    @Override
    public int maxWaiting() {
        return 1024;
    }

    @Override
    public long acquired() {
        return inUse;
    }

    @Override
    public long released() {
        return 0;
    }

    @Override
    public long refused(RefusalReason reason) {
        return reason == RefusalReason.QUEUE_FULL ? refused : 0;
    }

    @Override
    public long withdrawn() {
        return 0;
    }

    @Override
    public long abandoned() {
        return 0;
    }
}
