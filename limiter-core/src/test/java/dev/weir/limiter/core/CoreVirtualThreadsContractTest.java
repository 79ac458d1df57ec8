package dev.weir.limiter.core;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.tck.CapacityLimiterContract;
import org.junit.jupiter.api.condition.EnabledForJreRange;

/** The limiters of this module on virtual threads, where the JVM no longer pins them on monitors. */
@EnabledForJreRange(minVersion = 24)
class CoreVirtualThreadsContractTest extends CapacityLimiterContract {

    @Override
    protected CapacityLimiterBuilder newBuilder(String name) {
        return CapacityLimiter.builder(name).virtualThreads();
    }

    @Override
    protected boolean ownsThreads() {
        return false;
    }
}
