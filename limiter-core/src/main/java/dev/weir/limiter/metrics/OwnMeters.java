package dev.weir.limiter.metrics;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The meters we have registered, and no others. A registry returns the meter it has already when it is asked for another one
 * of the same identity; what it has is somebody else's, whatever filters have made of names and tags. It is known by having been
 * there before. So the same meters are registered by one at a time; who comes meanwhile is refused, and nobody waits: the
 * registry runs code of the user.
 */
final class OwnMeters {

    private static final String ADVICE =
            "bind each scope or limiter once, and give scopes that share a registry names of their own (LimiterScope.builder().name(...))";

    private static final Set<Claim> CLAIMS = ConcurrentHashMap.newKeySet();

    private final MeterRegistry registry;
    private final Claim claim;
    private final Set<Meter> others = Collections.newSetFromMap(new IdentityHashMap<>());
    private final List<Meter> own = new ArrayList<>();

    /** Whoever registers the meters of certain tags. */
    private record Claim(MeterRegistry registry, Tags tags) {}

    /**
     * Until {@link #complete} nobody else can register meters of these tags.
     *
     * @throws IllegalStateException when somebody else is about to
     */
    OwnMeters(MeterRegistry registry, Tags tags) {
        this.registry = registry;
        claim = new Claim(registry, tags);
        if (!CLAIMS.add(claim)) {
            throw new IllegalStateException("meters with the tags "
                    + tags.stream().toList() + " are being bound to the registry already: " + ADVICE);
        }
        try {
            others.addAll(registry.getMeters());
        } catch (Throwable e) {
            complete();
            throw e;
        }
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
                            + " already: " + ADVICE);
        }
        own.add(meter);
        return meter;
    }

    void remove(Meter meter) {
        own.remove(meter);
        removing(meter.getId().getName(), () -> registry.remove(meter));
    }

    /** What listeners of the registry throw keeps no other meter from being removed. */
    static void removing(String name, Runnable removal) {
        try {
            removal.run();
        } catch (RuntimeException e) {
            System.getLogger("dev.weir.limiter")
                    .log(Level.WARNING, "A listener failed as meter " + name + " was removed", e);
        }
    }

    /** All are registered, or removed again. To be called once. */
    void complete() {
        CLAIMS.remove(claim);
    }

    void close() {
        List.copyOf(own).forEach(this::remove);
    }
}
