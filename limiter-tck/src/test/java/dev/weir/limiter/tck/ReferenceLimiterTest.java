package dev.weir.limiter.tck;

import dev.weir.limiter.CapacityLimiterBuilder;

class ReferenceLimiterTest extends LimiterRules {

    @Override
    protected CapacityLimiterBuilder newBuilder(String name) {
        return new Settings(name, ReferenceLimiter::new);
    }
}
