package dev.weir.limiter.metrics;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;

/**
 * The meters we have registered, and no others. A registry returns the meter it has already when it is asked for another one
 * of the same identity; what it has is somebody else's, whatever filters have made of names and tags.
 */
final class OwnMeters {

    private final MeterRegistry registry;
    private final Set<Meter> others = Collections.newSetFromMap(new IdentityHashMap<>());
    private final List<Meter> own = new ArrayList<>();

    OwnMeters(MeterRegistry registry) {
        this.registry = registry;
        others.addAll(registry.getMeters());
    }

    /**
     * Notes a meter that was just registered.
     *
     * @throws IllegalStateException when it was there before
     */
    <M extends Meter> M add(M meter) {
        if (others.contains(meter)) {
            throw new IllegalStateException(
                    "the registry has a meter " + meter.getId().getName() + " with the tags "
                            + meter.getId().getTags()
                            + " already: bind each scope or limiter once, and give scopes that share a registry names of their"
                            + " own (LimiterScope.builder().name(...))");
        }
        own.add(meter);
        return meter;
    }

    void remove(Meter meter) {
        own.remove(meter);
        registry.remove(meter);
    }

    void close() {
        own.forEach(registry::remove);
        own.clear();
    }
}
