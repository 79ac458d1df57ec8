package dev.weir.limiter.metrics;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Registration;
import dev.weir.limiter.ScopeListener;
import dev.weir.limiter.core.watch.Roles;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.IdentityHashMap;

/** The limiters of a scope, or a single one, in one registry. */
final class Binding {

    /** Whether a meter is somebody else's is decided by comparing with those there were before: one binding at a time. */
    private static final Object ONE_AT_A_TIME = new Object();

    private final MeterRegistry registry;
    private final boolean totalsOnly;
    private final IdentityHashMap<CapacityLimiter, LimiterMeters> bound = new IdentityHashMap<>(); // guarded by this
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

    private synchronized void add(CapacityLimiter limiter, String scope, String role) {
        if (!closed && !bound.containsKey(limiter)) {
            synchronized (ONE_AT_A_TIME) {
                bound.put(limiter, new LimiterMeters(limiter, scope, role, registry, totalsOnly));
            }
        }
    }

    synchronized void close() {
        closed = true;
        listening.close();
        bound.values().forEach(LimiterMeters::close);
        bound.clear();
    }
}
