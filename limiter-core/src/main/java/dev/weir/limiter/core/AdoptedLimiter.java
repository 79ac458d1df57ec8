package dev.weir.limiter.core;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Permit;
import io.github.resilience4j.bulkhead.Bulkhead;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A limiter over a bulkhead that belongs to somebody else; its contract is at {@link
 * dev.weir.limiter.resilience4j.Bulkheads#adopt}.
 *
 * <p>The gate decides among our callers, as ever; its capacity is the number of permits that have been borrowed of the bulkhead,
 * see {@link Leases}.
 */
final class AdoptedLimiter extends GateLimiter {

    private final Bulkhead bulkhead;
    private final Leases leases;

    private AdoptedLimiter(LimiterSettings settings, int share, Bulkhead bulkhead) {
        super(settings);
        this.bulkhead = bulkhead;
        this.leases = new Leases(this, bulkhead, share, Timer::onCommonPool);
    }

    static CapacityLimiter of(Bulkhead bulkhead, UnaryOperator<CapacityLimiterBuilder> changes) {
        Duration maxWait = bulkhead.getBulkheadConfig().getMaxWaitDuration();
        if (!maxWait.isZero()) {
            throw new IllegalArgumentException("bulkhead '" + bulkhead.getName()
                    + "': expected a maxWaitDuration of zero, was " + maxWait
                    + ": asking it for a permit would block threads that must not be blocked");
        }
        LimiterSettings settings = new LimiterSettings(bulkhead.getName());
        settings.capacity(UNLIMITED);
        if (changes.apply(settings) != settings) {
            throw new IllegalArgumentException("settings: expected the builder it was given to be returned");
        }
        int share = settings.capacity();
        settings.capacity(0).reserve(0); // nothing is borrowed as yet, and nobody may exceed what is
        AdoptedLimiter limiter = new AdoptedLimiter(settings, share, bulkhead);
        limiter.leases.listen();
        return limiter;
    }

    @Override
    public int capacity() {
        return Math.min(leases.share(), bulkhead.getMetrics().getMaxAllowedConcurrentCalls());
    }

    @Override
    int changeCapacity(int capacity, List<Waiter<?>> granted) {
        return leases.changeShare(capacity, granted);
    }

    @Override
    public void resize(int capacity) {
        super.resize(capacity);
        leases.serveWaiters();
        leases.giveBackUnused();
    }

    @Override
    public Optional<Permit> tryAcquire() {
        Optional<Permit> permit = super.tryAcquire();
        while (permit.isEmpty() && !isClosed() && !gate().hasWaiters() && leases.borrow()) {
            permit = super.tryAcquire(); // another may have been quicker: once more
        }
        if (permit.isEmpty()) {
            leases.giveBackUnused();
        }
        return permit;
    }

    @Override
    @Nullable GatePermit acquire(long nanos, boolean throwing) throws InterruptedException {
        leases.borrowIfNeeded();
        try {
            return super.acquire(nanos, throwing);
        } finally {
            leases.giveBackUnused();
        }
    }

    @Override
    void admit(Waiter<?> waiter) {
        leases.borrowIfNeeded();
        try {
            super.admit(waiter);
        } finally {
            leases.giveBackUnused();
        }
    }

    @Override
    void queued() {
        leases.serveWaiters();
        leases.poll();
    }

    @Override
    void released() {
        leases.giveBackUnused();
    }

    @Override
    public LimiterStatistics statistics() {
        Bulkhead.Metrics all = bulkhead.getMetrics();
        int max = all.getMaxAllowedConcurrentCalls();
        int everybody = max - all.getAvailableConcurrentCalls();
        LimiterStatistics ours = super.statistics();
        int capacity = Math.min(leases.share(), max);
        // What others use of permits that the limiter may not have takes nothing from it.
        return new AdoptedStatistics(ours, capacity, Math.max(ours.inUse(), everybody - (max - capacity)));
    }

    /** The gate's own counts what has been borrowed, which is nobody's business. */
    @Override
    public Optional<Bulkhead.Metrics> ledger() {
        return Optional.empty();
    }
}
