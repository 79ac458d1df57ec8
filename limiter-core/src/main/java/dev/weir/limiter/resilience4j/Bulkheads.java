package dev.weir.limiter.resilience4j;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.core.Adoption;
import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadConfig;
import io.github.resilience4j.bulkhead.BulkheadRegistry;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * Shares permits between Weir and code written for Resilience4j, in either direction.
 *
 * <ul>
 *   <li>{@link #publish} puts a limiter into a registry as a bulkhead. Best wherever it is possible: there is one queue, first
 *       come first served for everybody, and one resize that never blocks.
 *   <li>{@link #adopt} makes a limiter of a bulkhead that has to stay what it is.
 * </ul>
 */
public final class Bulkheads {

    private static final System.Logger LOGGER = System.getLogger("dev.weir.limiter");

    private Bulkheads() {}

    /**
     * Publishes a limiter under its own name, as {@link #publish(CapacityLimiter, BulkheadRegistry, String)} does.
     *
     * @param limiter the limiter
     * @param registry gets the bulkhead
     * @return the bulkhead
     */
    public static PublishedBulkhead publish(CapacityLimiter limiter, BulkheadRegistry registry) {
        return publish(limiter, registry, limiter.name());
    }

    /**
     * Puts a limiter into a registry as a bulkhead, in the place of one that may be there. From then on {@code @Bulkhead},
     * decorators, operators and meters that get their bulkhead from the registry share the limiter's permits, its queue and its
     * resize. Publish before anything is decorated: what was decorated with the former bulkhead keeps using that.
     *
     * <p>The capacity is the limiter's. Everything else is taken from the configuration of the bulkhead that was there, or from
     * the default of the registry, above all {@code maxWaitDuration}: how long a caller may be blocked in the limiter's queue.
     *
     * @param limiter the limiter
     * @param registry gets the bulkhead
     * @param name the bulkhead's name
     * @return the bulkhead
     * @throws IllegalStateException when the bulkhead that was there has calls in progress, which would not be counted, or when
     *     the registry did not take the new one
     */
    @SuppressWarnings("ReferenceEquality") // this very instance or another
    public static PublishedBulkhead publish(CapacityLimiter limiter, BulkheadRegistry registry, String name) {
        Objects.requireNonNull(limiter, "limiter");
        Optional<Bulkhead> former = registry.find(name);
        former.ifPresent(Bulkheads::requireIdle);
        BulkheadConfig config = former.map(Bulkhead::getBulkheadConfig).orElseGet(registry::getDefaultConfig);
        Map<String, String> tags = former.map(Bulkhead::getTags).orElseGet(registry::getTags);
        PublishedBulkhead published = new PublishedBulkhead(limiter, name, config, tags);
        if (former.isEmpty()) {
            registry.bulkhead(name, config); // replacing does nothing when there is nothing to replace
        }
        try {
            registry.replace(name, published);
        } catch (RuntimeException e) { // of somebody who listens to the registry, after it was done
            LOGGER.log(
                    System.Logger.Level.WARNING,
                    "A consumer of registry events failed when bulkhead '" + name + "' was replaced",
                    e);
        }
        if (registry.find(name).filter(entry -> entry == published).isEmpty()) {
            throw new IllegalStateException("The registry did not take limiter '" + limiter.name() + "' as bulkhead '"
                    + name + "'; it has " + registry.find(name));
        }
        return published;
    }

    private static void requireIdle(Bulkhead former) {
        Bulkhead.Metrics now = former.getMetrics();
        int calls = now.getMaxAllowedConcurrentCalls() - now.getAvailableConcurrentCalls();
        if (calls > 0) {
            throw new IllegalStateException("Bulkhead '" + former.getName() + "' has " + calls
                    + " calls in progress, which a limiter in its place would not count: publish before it is used");
        }
    }

    /**
     * Makes a limiter of a bulkhead that may not be replaced, with the default settings. See the other {@code adopt}.
     *
     * @param bulkhead the bulkhead
     * @return a limiter over its permits
     * @throws IllegalArgumentException when its {@code maxWaitDuration} is not zero
     */
    public static CapacityLimiter adopt(Bulkhead bulkhead) {
        return adopt(bulkhead, UnaryOperator.identity());
    }

    /**
     * Makes a limiter of a bulkhead that may not be replaced: each of the limiter's permits is one of the bulkhead's, taken for
     * as long as it is in use, so that the two together never exceed the bulkhead's limit. Adopt a bulkhead once.
     *
     * <ul>
     *   <li>Among the callers of the limiter it is first come, first served. Between them and others who use the bulkhead
     *       there is no order, since a bulkhead has no queue.
     *   <li>The limiter's statistics show the bulkhead's limit as the capacity, and what everybody uses as in use; below that
     *       limit, what others use counts as far as it takes from what the limiter may have. Totals and times are of the
     *       limiter's callers.
     *   <li>{@link CapacityLimiter#resize} sets how many of the bulkhead's permits the limiter takes at most; the bulkhead's own
     *       limit is changed by whoever owns it. There is no reserve.
     *   <li>Permits that others give back without an event ({@code releasePermission}, a changed configuration) are noticed
     *       within a twentieth of a second.
     *   <li>The bulkhead gets one consumer of events, which makes each call of others a little slower and cannot be removed.
     * </ul>
     *
     * @param bulkhead the bulkhead; must not block, so its {@code maxWaitDuration} has to be and to stay zero
     * @param settings changes the settings of the limiter, which is named after the bulkhead
     * @return a limiter over its permits
     * @throws IllegalArgumentException when the bulkhead's {@code maxWaitDuration} is not zero
     */
    public static CapacityLimiter adopt(Bulkhead bulkhead, UnaryOperator<CapacityLimiterBuilder> settings) {
        return Adoption.adopt(bulkhead, settings);
    }
}
