package dev.weir.limiter.metrics;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Registration;
import dev.weir.limiter.core.watch.LedgerKeeper;
import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadRegistry;
import io.github.resilience4j.micrometer.tagged.TaggedBulkheadMetrics;
import io.micrometer.core.instrument.MeterRegistry;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Resilience4j's own meters of the bulkhead that counts a limiter's permits. A registry that has meters of a bulkhead of that
 * name keeps those: of one that the limiter was published as, say. Loaded only where resilience4j-micrometer is present.
 */
final class LedgerMeters implements Registration {

    private static final String GAUGE = "resilience4j.bulkhead.max.allowed.concurrent.calls";

    private final String name;
    private final BulkheadRegistry bulkheads = BulkheadRegistry.ofDefaults(); // a gauge does not keep its bulkhead

    private LedgerMeters(String name, Supplier<Bulkhead.Metrics> ledger) {
        this.name = name;
        bulkheads.bulkhead(name);
        bulkheads.replace(name, view(name, ledger));
    }

    static Registration of(CapacityLimiter limiter, String name, MeterRegistry registry) {
        if (!(limiter instanceof LedgerKeeper keeper)
                || keeper.ledger().isEmpty()
                || registry.find(GAUGE).tag("name", name).meter() != null) {
            return () -> {};
        }
        LedgerMeters meters = new LedgerMeters(name, () -> keeper.ledger().orElseThrow());
        TaggedBulkheadMetrics.ofBulkheadRegistry(meters.bulkheads).bindTo(registry);
        return meters;
    }

    /**
     * A bulkhead that can be looked at. The ledger's own handle is given to nobody; and its interface gets more abstract methods
     * over time, which a proxy does not mind.
     */
    @SuppressWarnings("ReferenceEquality") // a proxy is equal to itself
    private static Bulkhead view(String name, Supplier<Bulkhead.Metrics> ledger) {
        InvocationHandler answers = (proxy, method, arguments) -> switch (method.getName()) {
            case "getName" -> name;
            case "getTags" -> Map.of();
            case "getMetrics" -> ledger.get();
            case "toString" -> "Bulkhead '" + name + "'";
            case "hashCode" -> System.identityHashCode(proxy);
            case "equals" -> proxy == arguments[0];
            default -> throw new UnsupportedOperationException("the bulkhead '" + name + "' can only be looked at");
        };
        return (Bulkhead)
                Proxy.newProxyInstance(LedgerMeters.class.getClassLoader(), new Class<?>[] {Bulkhead.class}, answers);
    }

    /** Resilience4j removes the meters of a bulkhead that leaves its registry. */
    @Override
    public void close() {
        bulkheads.remove(name);
    }
}
