package dev.weir.limiter.metrics;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Registration;
import dev.weir.limiter.ScopeListener;
import dev.weir.limiter.core.watch.Roles;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;

/** The limiters of a scope, or a single one, in one registry. */
final class Binding {

    private final MeterRegistry registry;
    private final boolean totalsOnly;
    private final IdentityHashMap<CapacityLimiter, Optional<LimiterMeters>> bound =
            new IdentityHashMap<>(); // guarded by this; empty while they are being made
    private boolean closed; // guarded by this
    private Registration listening = () -> {};

    private Binding(MeterRegistry registry, boolean totalsOnly) {
        this.registry = registry;
        this.totalsOnly = totalsOnly;
    }

    static Binding of(CapacityLimiter limiter, MeterRegistry registry, boolean totalsOnly) {
        Binding binding = new Binding(registry, totalsOnly);
        binding.add(limiter, Roles.NONE, Roles.NONE);
        return binding;
    }

    static Binding of(LimiterScope scope, MeterRegistry registry, boolean totalsOnly) {
        Binding binding = new Binding(registry, totalsOnly);
        binding.listening = scope.listen(new ScopeListener() {
            @Override
            public void added(CapacityLimiter limiter) {
                binding.add(limiter, scope.name(), Roles.of(scope, limiter));
            }
        });
        try {
            scope.limiters().forEach(limiter -> binding.add(limiter, scope.name(), Roles.of(scope, limiter)));
        } catch (Throwable e) {
            binding.close();
            throw e;
        }
        return binding;
    }

    /** Without our lock while the registry runs filters and listeners of the user's. */
    private void add(CapacityLimiter limiter, String scope, String role) {
        if (!begin(limiter)) {
            return;
        }
        Optional<LimiterMeters> made = Optional.empty();
        try {
            made = Optional.of(new LimiterMeters(limiter, scope, role, registry, totalsOnly));
        } finally {
            if (!end(limiter, made)) {
                made.ifPresent(LimiterMeters::close);
            }
        }
    }

    private synchronized boolean begin(CapacityLimiter limiter) {
        return !closed && bound.putIfAbsent(limiter, Optional.empty()) == null;
    }

    /** False when it was closed meanwhile. */
    private synchronized boolean end(CapacityLimiter limiter, Optional<LimiterMeters> made) {
        if (!closed && made.isPresent()) {
            bound.put(limiter, made);
        } else {
            bound.remove(limiter);
        }
        return !closed;
    }

    void close() {
        listening.close();
        takeAll().forEach(LimiterMeters::close);
    }

    private synchronized List<LimiterMeters> takeAll() {
        closed = true;
        List<LimiterMeters> all =
                bound.values().stream().flatMap(Optional::stream).toList();
        bound.clear();
        return all;
    }
}
