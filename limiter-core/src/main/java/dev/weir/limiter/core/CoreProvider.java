package dev.weir.limiter.core;

import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.spi.LimiterProvider;

/** What {@link java.util.ServiceLoader} finds. Applications use {@link dev.weir.limiter.CapacityLimiter#builder}. */
public final class CoreProvider implements LimiterProvider {

    /** For {@link java.util.ServiceLoader}. */
    public CoreProvider() {}

    @Override
    public CapacityLimiterBuilder newLimiterBuilder(String name) {
        return new LimiterSettings(name);
    }

    @Override
    public LimiterScope.Builder newScopeBuilder() {
        return new ScopeBuilder();
    }
}
