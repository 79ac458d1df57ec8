package dev.weir.limiter.page;

import dev.weir.limiter.RefusalReason;
import java.util.List;

/** What has happened each second, over the last seconds. */
record Rates(Sample from, Sample to) {

    private static final double SECONDS = 10;

    /** One refusal in the first moment of a page is no rate. */
    private static final double LEAST_SECONDS = 1;

    /** Over the last ten seconds, or as long as there are samples. */
    static Rates of(List<Sample> samples, Sample now) {
        Sample from = now;
        for (int i = samples.size() - 1; i >= 0 && now.secondsSince(samples.get(i)) <= SECONDS; i--) {
            from = samples.get(i);
        }
        return new Rates(from, now);
    }

    double acquired() {
        return perSecond(to.acquired() - from.acquired());
    }

    double refused() {
        return perSecond(to.refused() - from.refused());
    }

    double refused(RefusalReason reason) {
        return perSecond(to.refused(reason) - from.refused(reason));
    }

    private double perSecond(long number) {
        return number / Math.max(LEAST_SECONDS, to.secondsSince(from));
    }
}
