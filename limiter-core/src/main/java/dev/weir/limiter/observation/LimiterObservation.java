package dev.weir.limiter.observation;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Registration;
import dev.weir.limiter.ScopeListener;
import dev.weir.limiter.core.watch.Roles;
import dev.weir.limiter.core.watch.Watchable;
import io.micrometer.observation.ObservationRegistry;
import java.util.IdentityHashMap;
import java.util.Objects;

/**
 * Has waits and work of limiters observed, so that queue time shows as a span of its own: {@code
 * LimiterObservation.observe(scope, registry)}.
 *
 * <ul>
 *   <li>{@code weir.wait}: from asking to the permit, the refusal or the withdrawal, only where there was none free at once.
 *       Its parent is what was current where the permit was asked for. Its key {@code outcome} is {@code granted}, {@code
 *       withdrawn}, or the reason of the refusal.
 *   <li>{@code weir.work}: one piece of work under a permit, run by one of the verbs or by a server adapter; of an iteration or
 *       an upload each slice. It is current while the work runs. Its parent is what was current where the work was handed
 *       in, provided context-propagation is present to carry it over.
 * </ul>
 *
 * <p>Both have the low-cardinality keys {@code scope}, {@code limiter} and {@code role}, as the meters of {@code
 * LimiterMetrics} have. Work that runs inline under the permit of other work is part of that.
 */
public final class LimiterObservation {

    private final ObservationRegistry registry;
    private final IdentityHashMap<Watchable, Registration> watched = new IdentityHashMap<>(); // guarded by this
    private boolean closed; // guarded by this

    private LimiterObservation(ObservationRegistry registry) {
        this.registry = Objects.requireNonNull(registry, "registry");
    }

    /**
     * Has all limiters of a scope observed, groups declared later too. Limiters that are not of Weir's own making are left out.
     *
     * @param scope the scope
     * @param registry is told of waits and work that begin from now on
     * @return closing it ends the observing
     */
    public static Registration observe(LimiterScope scope, ObservationRegistry registry) {
        LimiterObservation observation = new LimiterObservation(registry);
        Registration listening = scope.listen(new ScopeListener() {
            @Override
            public void added(CapacityLimiter limiter) {
                observation.add(scope, limiter);
            }
        });
        scope.limiters().forEach(limiter -> observation.add(scope, limiter));
        return () -> {
            listening.close();
            observation.close();
        };
    }

    /**
     * Has one limiter observed.
     *
     * @param limiter the limiter
     * @param registry is told of waits and work that begin from now on
     * @return closing it ends the observing
     * @throws IllegalArgumentException when the limiter is not of Weir's own making
     */
    public static Registration observe(CapacityLimiter limiter, ObservationRegistry registry) {
        if (limiter instanceof Watchable watchable) {
            return watchable.watch(new ObservationWatcher(registry, Roles.NONE, limiter.name(), Roles.NONE));
        }
        throw new IllegalArgumentException(
                "Limiter '" + limiter.name() + "' of " + limiter.getClass() + " cannot be observed");
    }

    private synchronized void add(LimiterScope scope, CapacityLimiter limiter) {
        if (!closed && limiter instanceof Watchable watchable && !watched.containsKey(watchable)) {
            watched.put(
                    watchable,
                    watchable.watch(
                            new ObservationWatcher(registry, scope.name(), limiter.name(), Roles.of(scope, limiter))));
        }
    }

    private synchronized void close() {
        closed = true;
        watched.values().forEach(Registration::close);
        watched.clear();
    }
}
