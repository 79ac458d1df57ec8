package dev.weir.limiter.core;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import io.github.resilience4j.bulkhead.Bulkhead;
import java.util.function.UnaryOperator;

/** Makes limiters over bulkheads. Applications use {@link dev.weir.limiter.resilience4j.Bulkheads#adopt}. */
public final class Adoption {

    private Adoption() {}

    /**
     * A limiter over a bulkhead.
     *
     * @param bulkhead the bulkhead
     * @param settings changes the default settings
     * @return a limiter over its permits
     * @throws IllegalArgumentException when the bulkhead's {@code maxWaitDuration} is not zero
     */
    public static CapacityLimiter adopt(Bulkhead bulkhead, UnaryOperator<CapacityLimiterBuilder> settings) {
        return AdoptedLimiter.of(bulkhead, settings);
    }
}
