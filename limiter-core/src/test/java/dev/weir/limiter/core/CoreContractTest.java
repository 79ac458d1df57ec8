package dev.weir.limiter.core;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.tck.CapacityLimiterContract;

/** The limiters of this module, on threads of their own, as users get them: found through the service loader. */
class CoreContractTest extends CapacityLimiterContract {

    @Override
    protected CapacityLimiterBuilder newBuilder(String name) {
        return CapacityLimiter.builder(name);
    }
}
