package dev.weir.limiter.observation;

import dev.weir.limiter.core.watch.Watcher;
import io.micrometer.common.KeyValues;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import java.util.Objects;

/** Turns the waits and the work of one limiter into observations. */
final class ObservationWatcher implements Watcher {

    private final ObservationRegistry registry;
    private final String waiting;
    private final String working;
    private final KeyValues keys;

    ObservationWatcher(ObservationRegistry registry, String scope, String limiter, String role) {
        this.registry = Objects.requireNonNull(registry, "registry");
        this.waiting = "wait for " + limiter;
        this.working = "work under " + limiter;
        this.keys = KeyValues.of("scope", scope, "limiter", limiter, "role", role);
    }

    private Observation started(String name, String words) {
        return Observation.createNotStarted(name, registry)
                .contextualName(words)
                .lowCardinalityKeyValues(keys)
                .start();
    }

    @Override
    public Wait waiting() {
        Observation wait = started("weir.wait", waiting);
        return outcome -> wait.lowCardinalityKeyValue("outcome", outcome).stop();
    }

    @Override
    public Work working() {
        Observation work = started("weir.work", working);
        Observation.Scope current = work.openScope();
        return failure -> {
            current.close();
            if (failure != null) {
                work.error(failure);
            }
            work.stop();
        };
    }
}
