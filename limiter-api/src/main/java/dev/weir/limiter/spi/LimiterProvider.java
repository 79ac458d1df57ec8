package dev.weir.limiter.spi;

import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.LimiterScope;

/**
 * An implementation of limiters, found through {@link java.util.ServiceLoader}. Must be thread-safe.
 *
 * <p>It is looked up in the context class loader of the first caller, then in the class loader of this API; with several, the
 * first found is taken. Once found it is kept.
 */
public interface LimiterProvider {

    /**
     * A builder for one limiter.
     *
     * @param name the limiter's name
     * @return a builder with the defaults set
     * @throws IllegalArgumentException when the name is blank
     */
    CapacityLimiterBuilder newLimiterBuilder(String name);

    /**
     * A builder for the limiters of an application.
     *
     * @return a builder with the defaults set
     */
    LimiterScope.Builder newScopeBuilder();

    /**
     * The implementation in use.
     *
     * @return the provider
     * @throws IllegalStateException when there is none; the message names the artifact to add
     */
    static LimiterProvider provider() {
        return ProviderHolder.get();
    }
}
