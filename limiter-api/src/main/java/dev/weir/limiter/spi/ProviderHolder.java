package dev.weir.limiter.spi;

import java.util.Optional;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/** Finds the provider once. A failed search is not remembered: the next caller may have a class loader that knows one. */
final class ProviderHolder {

    private static volatile @Nullable LimiterProvider found;

    private ProviderHolder() {}

    static LimiterProvider get() {
        LimiterProvider provider = found;
        if (provider == null) {
            provider = search(ServiceLoader.load(LimiterProvider.class))
                    .or(() -> search(ServiceLoader.load(LimiterProvider.class, LimiterProvider.class.getClassLoader())))
                    .orElseThrow(
                            () -> new IllegalStateException("No implementation of Weir's limiters was found: add the"
                                    + " artifact dev.weir:limiter-core to the class path or module path"));
            found = provider;
        }
        return provider;
    }

    private static Optional<LimiterProvider> search(ServiceLoader<LimiterProvider> loader) {
        return loader.findFirst();
    }
}
