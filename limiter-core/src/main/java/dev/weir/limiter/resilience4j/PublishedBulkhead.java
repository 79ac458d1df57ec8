package dev.weir.limiter.resilience4j;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Permit;
import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadConfig;
import io.github.resilience4j.bulkhead.BulkheadFullException;
import io.github.resilience4j.bulkhead.event.BulkheadEvent;
import io.github.resilience4j.bulkhead.event.BulkheadOnCallFinishedEvent;
import io.github.resilience4j.bulkhead.event.BulkheadOnCallPermittedEvent;
import io.github.resilience4j.bulkhead.event.BulkheadOnCallRejectedEvent;
import io.github.resilience4j.core.EventConsumer;
import io.github.resilience4j.core.EventProcessor;
import io.github.resilience4j.core.exception.AcquirePermissionCancelledException;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/**
 * A limiter as a bulkhead of Resilience4j, made by {@link Bulkheads#publish}. Its permits, queue and capacity are the limiter's.
 *
 * <p>It differs from Resilience4j's own in this: a change of the configuration never blocks and is effective at once, in both
 * directions; an interrupted thread gets a permit that is free; a permission that is given back without having been taken
 * changes nothing, and is counted; what a consumer of events throws is logged and changes neither a count nor a result.
 *
 * <p>A caller that finds no permit free is blocked in the limiter's queue for at most {@code maxWaitDuration}, on a thread that
 * may block. {@code fairCallHandling} has no effect: it is always fair. Events are those of calls made by way of this bulkhead.
 * Since a permission has no identity, such a call does not cover nested use: a call that waits for work under the same limiter
 * waits for a permit beside its own.
 */
public final class PublishedBulkhead implements Bulkhead {

    private static final System.Logger LOGGER = System.getLogger("dev.weir.limiter");

    private final CapacityLimiter limiter;
    private final String name;
    private final Map<String, String> tags;
    private final ConcurrentLinkedDeque<Permit> permits = new ConcurrentLinkedDeque<>(); // taken by way of this
    private final AtomicLong overReleases = new AtomicLong();
    private final Events events = new Events();
    private final Metrics metrics = new Numbers();
    private volatile BulkheadConfig config;

    PublishedBulkhead(CapacityLimiter limiter, String name, BulkheadConfig config, Map<String, String> tags) {
        this.limiter = limiter;
        this.name = name;
        this.config = config;
        this.tags = Map.copyOf(tags);
    }

    /**
     * The limiter behind it.
     *
     * @return the limiter that was published
     */
    public CapacityLimiter limiter() {
        return limiter;
    }

    /**
     * How often a permission was given back that had not been taken by way of this bulkhead: a mistake of a caller. Nothing else
     * came of it.
     *
     * @return a total
     */
    public long overReleases() {
        return overReleases.get();
    }

    /** Resizes the limiter, at once and without blocking, and takes over everything else for calls to come. */
    @Override
    public void changeConfig(BulkheadConfig newConfig) {
        limiter.resize(newConfig.getMaxConcurrentCalls());
        config = newConfig;
    }

    /**
     * Takes a permit, waiting for it in the limiter's queue for at most {@code maxWaitDuration}.
     *
     * @return false when there was none; then the thread's interrupt flag is set if that is why
     * @throws IllegalStateException when it would have to wait on a thread that must not block
     */
    @Override
    public boolean tryAcquirePermission() {
        Optional<Permit> permit = acquire();
        permit.ifPresent(permits::push);
        boolean permitted = permit.isPresent();
        events.publish(
                () -> permitted ? new BulkheadOnCallPermittedEvent(name) : new BulkheadOnCallRejectedEvent(name));
        return permitted;
    }

    private Optional<Permit> acquire() {
        Optional<Permit> free = limiter.tryAcquire();
        BulkheadConfig now = config;
        if (free.isPresent() || now.getMaxWaitDuration().isZero()) {
            return free;
        }
        try {
            return limiter.tryAcquire(now.getMaxWaitDuration());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }

    @Override
    public void acquirePermission() {
        if (tryAcquirePermission()) {
            return;
        }
        if (Thread.currentThread().isInterrupted()
                && !config.getMaxWaitDuration().isZero()) {
            throw new AcquirePermissionCancelledException();
        }
        throw BulkheadFullException.createBulkheadFullException(this);
    }

    @Override
    public void releasePermission() {
        release();
    }

    @Override
    public void onComplete() {
        if (release()) {
            events.publish(() -> new BulkheadOnCallFinishedEvent(name));
        }
    }

    /** The permit taken last goes home first: short calls beside long ones then mostly give back their own. */
    private boolean release() {
        Permit permit = permits.poll();
        if (permit == null) {
            if (overReleases.getAndIncrement() == 0) { // the first is worth a word, the count tells the rest
                LOGGER.log(
                        System.Logger.Level.WARNING,
                        "A permission of bulkhead ''{0}'' was given back that had not been taken: ignored",
                        name);
            }
            return false;
        }
        permit.close();
        return true;
    }

    @Override
    public String getName() {
        return name;
    }

    /** The configuration, with the limiter's capacity at the moment. */
    @Override
    public BulkheadConfig getBulkheadConfig() {
        BulkheadConfig now = config;
        int capacity = limiter.capacity();
        return now.getMaxConcurrentCalls() == capacity
                ? now
                : BulkheadConfig.from(now).maxConcurrentCalls(capacity).build();
    }

    /** The limiter's numbers: calls made by way of it count too. */
    @Override
    public Metrics getMetrics() {
        return metrics;
    }

    @Override
    public Map<String, String> getTags() {
        return tags;
    }

    @Override
    public EventPublisher getEventPublisher() {
        return events;
    }

    @Override
    public String toString() {
        return "Bulkhead '" + name + "' over " + limiter;
    }

    private final class Numbers implements Metrics {
        @Override
        public int getAvailableConcurrentCalls() {
            return Math.max(0, limiter.statistics().available());
        }

        @Override
        public int getMaxAllowedConcurrentCalls() {
            LimiterStatistics now = limiter.statistics();
            return Math.max(now.capacity(), now.inUse()); // as long as a shrink drains
        }
    }

    private static final class Events extends EventProcessor<BulkheadEvent> implements EventPublisher {

        void publish(Supplier<BulkheadEvent> event) {
            if (hasConsumers()) {
                try {
                    processEvent(event.get());
                } catch (Throwable e) { // no permit and no result depends on it
                    LOGGER.log(System.Logger.Level.WARNING, "A consumer of bulkhead events failed", e);
                }
            }
        }

        @Override
        public EventPublisher onCallRejected(EventConsumer<BulkheadOnCallRejectedEvent> consumer) {
            registerConsumer(BulkheadOnCallRejectedEvent.class.getName(), consumer);
            return this;
        }

        @Override
        public EventPublisher onCallPermitted(EventConsumer<BulkheadOnCallPermittedEvent> consumer) {
            registerConsumer(BulkheadOnCallPermittedEvent.class.getName(), consumer);
            return this;
        }

        @Override
        public EventPublisher onCallFinished(EventConsumer<BulkheadOnCallFinishedEvent> consumer) {
            registerConsumer(BulkheadOnCallFinishedEvent.class.getName(), consumer);
            return this;
        }
    }
}
