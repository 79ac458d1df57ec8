package dev.weir.limiter.metrics;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * The numbers of limiters as Micrometer meters: {@code LimiterMetrics.of(scope).bindTo(registry)}.
 *
 * <table>
 * <caption>Meters</caption>
 * <tr><th>name<th>kind<th>what
 * <tr><td>{@code weir.limiter.capacity}<td>gauge<td>permits that may be in use; infinite when unlimited
 * <tr><td>{@code weir.limiter.in.use}<td>gauge<td>permits in use
 * <tr><td>{@code weir.limiter.available}<td>gauge<td>capacity − in use; negative while a shrink drains
 * <tr><td>{@code weir.limiter.waiting}<td>gauge<td>how many wait
 * <tr><td>{@code weir.limiter.oldest.wait}<td>gauge, seconds<td>how long the head of the queue has waited
 * <tr><td>{@code weir.limiter.acquired}<td>counter<td>permits granted
 * <tr><td>{@code weir.limiter.refused}<td>counter, tag {@code reason}<td>refusals
 * <tr><td>{@code weir.limiter.withdrawn}<td>counter<td>waiters that left of their own accord
 * <tr><td>{@code weir.limiter.abandoned}<td>counter<td>work whose caller left while it ran
 * <tr><td>{@code weir.limiter.leaked}<td>counter<td>permits dropped without being closed, where holders are tracked
 * <tr><td>{@code weir.limiter.wait}<td>timer<td>how long those who were granted a permit had waited for it
 * <tr><td>{@code weir.limiter.hold}<td>timer<td>how long permits were held
 * </table>
 *
 * <p>All have the tags {@code scope} (the scope's name), {@code limiter} and {@code role}: the keys of the limiter's roles,
 * joined by {@code +} when it has several, {@code group} for a named group. A limiter bound on its own has {@code none} for
 * scope and role. Counters count from the limiter's creation, timers from the binding. The timers have no percentiles of their
 * own: ask for a histogram with a {@link io.micrometer.core.instrument.config.MeterFilter}. See {@link #totalsOnly} for what is
 * cheaper.
 *
 * <p>Where resilience4j-micrometer is present, its two gauges of the bulkhead that counts the permits are bound too, with the
 * tag {@code name} set to {@code scope.limiter}, or the limiter's name for one without a scope.
 *
 * <p>Meters hold their limiters strongly, and stay when a scope is closed, so that the last numbers can still be read:
 * {@link #close} removes them. Thread-safe.
 */
public final class LimiterMetrics implements MeterBinder, AutoCloseable {

    private final Binder binder;
    private final boolean totalsOnly;
    private final List<Binding> bindings = new ArrayList<>(); // guarded by itself

    private interface Binder {
        Binding bind(MeterRegistry registry, boolean totalsOnly);
    }

    private LimiterMetrics(Binder binder, boolean totalsOnly) {
        this.binder = binder;
        this.totalsOnly = totalsOnly;
    }

    /**
     * The meters of all limiters of a scope, of groups declared later too.
     *
     * @param scope the scope
     * @return not bound yet
     */
    public static LimiterMetrics of(LimiterScope scope) {
        Objects.requireNonNull(scope, "scope");
        return new LimiterMetrics((registry, totalsOnly) -> Binding.of(scope, registry, totalsOnly), false);
    }

    /**
     * The meters of one limiter. One that takes listeners from its builder only has no timers.
     *
     * @param limiter the limiter
     * @return not bound yet
     */
    public static LimiterMetrics of(CapacityLimiter limiter) {
        Objects.requireNonNull(limiter, "limiter");
        return new LimiterMetrics((registry, totalsOnly) -> Binding.of(limiter, registry, totalsOnly), false);
    }

    /**
     * The same meters, but of waits and holds only their number and their sum, as function timers: no maximum, and nothing
     * that a registry makes of single values, such as histograms and percentiles. Costs about half as much for each permit.
     *
     * @return not bound yet, and apart from these
     */
    public LimiterMetrics totalsOnly() {
        return new LimiterMetrics(binder, true);
    }

    /**
     * Registers the meters. May be called for several registries.
     *
     * @param registry where the meters go
     * @throws IllegalStateException when the registry has such a meter already: another scope or limiter of the same name. The
     *     message names it, and nothing is left registered
     */
    @Override
    public void bindTo(MeterRegistry registry) {
        Binding binding = binder.bind(Objects.requireNonNull(registry, "registry"), totalsOnly);
        synchronized (bindings) {
            bindings.add(binding);
        }
    }

    /** Removes every meter from every registry, and the listeners from the limiters. Can be bound again after. */
    @Override
    public void close() {
        List<Binding> all;
        synchronized (bindings) {
            all = List.copyOf(bindings);
            bindings.clear();
        }
        all.forEach(Binding::close);
    }
}
