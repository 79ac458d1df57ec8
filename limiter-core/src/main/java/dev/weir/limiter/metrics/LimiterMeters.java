package dev.weir.limiter.metrics;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.Registration;
import dev.weir.limiter.core.watch.PermitListener;
import dev.weir.limiter.core.watch.Roles;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.Timer;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;

/** The meters of one limiter in one registry, which keeps this object, and so all that its gauges look at, reachable. */
final class LimiterMeters {

    private static final boolean LEDGER_METERS =
            present("io.github.resilience4j.micrometer.tagged.TaggedBulkheadMetrics");

    private static final String WAIT = "How long those who were granted a permit had waited for it";
    private static final String HOLD = "How long permits were held";

    private final CapacityLimiter limiter;
    private final Totals totals = new Totals();
    private final Tags tags;
    private final OwnMeters own;
    private Registration ledger = () -> {};
    private Registration listening = () -> {};

    LimiterMeters(CapacityLimiter limiter, String scope, String role, MeterRegistry registry, boolean totalsOnly) {
        this.limiter = limiter;
        this.tags = Tags.of("scope", scope, "limiter", limiter.name(), "role", role);
        this.own = new OwnMeters(registry, tags);
        try {
            gauges(registry);
            counters(registry);
            if (LEDGER_METERS) {
                ledger = LedgerMeters.of(
                        limiter, scope.equals(Roles.NONE) ? limiter.name() : scope + "." + limiter.name(), registry);
            }
            if (totalsOnly) {
                totals(registry);
            } else {
                timers(registry);
            }
        } catch (Throwable e) {
            close();
            throw e;
        } finally {
            own.complete();
        }
    }

    private static boolean present(String type) {
        try {
            Class.forName(type, false, LimiterMeters.class.getClassLoader());
            return true;
        } catch (ClassNotFoundException | LinkageError e) {
            return false;
        }
    }

    private void gauges(MeterRegistry registry) {
        gauge(registry, "capacity", "Permits that may be in use", LimiterMeters::capacity);
        gauge(registry, "in.use", "Permits in use", LimiterStatistics::inUse);
        gauge(registry, "available", "Capacity less what is in use", now -> capacity(now) - now.inUse());
        gauge(registry, "waiting", "How many wait for a permit", LimiterStatistics::waiting);
        own.add(TimeGauge.builder(
                        "weir.limiter.oldest.wait",
                        this,
                        TimeUnit.NANOSECONDS,
                        meters -> meters.limiter.statistics().oldestWait().toNanos())
                .description("How long the head of the queue has waited")
                .tags(tags)
                .strongReference(true)
                .register(registry));
    }

    private static double capacity(LimiterStatistics now) {
        return now.capacity() == CapacityLimiter.UNLIMITED ? Double.POSITIVE_INFINITY : now.capacity();
    }

    private void gauge(
            MeterRegistry registry, String name, String description, ToDoubleFunction<LimiterStatistics> number) {
        own.add(Gauge.builder("weir.limiter." + name, this, meters -> number.applyAsDouble(meters.limiter.statistics()))
                .description(description)
                .tags(tags)
                .strongReference(true)
                .register(registry));
    }

    private void counters(MeterRegistry registry) {
        counter(registry, "acquired", "Permits granted", tags, LimiterStatistics::acquired);
        for (RefusalReason reason : RefusalReason.values()) {
            counter(
                    registry,
                    "refused",
                    "Refusals",
                    tags.and("reason", reason.name().toLowerCase(Locale.ROOT)),
                    now -> now.refused(reason));
        }
        counter(registry, "withdrawn", "Waiters that left of their own accord", tags, LimiterStatistics::withdrawn);
        counter(registry, "abandoned", "Work whose caller left while it ran", tags, LimiterStatistics::abandoned);
        counter(registry, "leaked", "Permits that were dropped without being closed", tags, LimiterStatistics::leaked);
    }

    private void counter(
            MeterRegistry registry,
            String name,
            String description,
            Tags counterTags,
            ToDoubleFunction<LimiterStatistics> total) {
        own.add(FunctionCounter.builder(
                        "weir.limiter." + name, this, meters -> total.applyAsDouble(meters.limiter.statistics()))
                .description(description)
                .tags(counterTags)
                .register(registry));
    }

    private void timers(MeterRegistry registry) {
        Timer wait = timer(registry, "wait", WAIT);
        Timer hold = timer(registry, "hold", HOLD);
        PermitListener record = new PermitListener() {
            @Override
            public void granted(long waitedNanos) {
                wait.record(waitedNanos, TimeUnit.NANOSECONDS);
            }

            @Override
            public void released(long heldNanos) {
                hold.record(heldNanos, TimeUnit.NANOSECONDS);
            }
        };
        feed(record, wait, hold);
    }

    private Timer timer(MeterRegistry registry, String name, String description) {
        return own.add(Timer.builder("weir.limiter." + name)
                .description(description)
                .tags(tags)
                .register(registry));
    }

    private void totals(MeterRegistry registry) {
        feed(
                totals,
                total(registry, "wait", WAIT, Totals::grants, Totals::waitedNanos),
                total(registry, "hold", HOLD, Totals::releases, Totals::heldNanos));
    }

    private FunctionTimer total(
            MeterRegistry registry,
            String name,
            String description,
            ToLongFunction<Totals> count,
            ToDoubleFunction<Totals> sum) {
        return own.add(FunctionTimer.builder(
                        "weir.limiter." + name,
                        this, // is reachable
                        meters -> count.applyAsLong(meters.totals),
                        meters -> sum.applyAsDouble(meters.totals),
                        TimeUnit.NANOSECONDS)
                .description(description)
                .tags(tags)
                .register(registry));
    }

    private void feed(PermitListener listener, Meter wait, Meter hold) {
        try {
            listening = PermitListener.listen(limiter, listener);
        } catch (UnsupportedOperationException e) { // better no timers than two that never move
            own.remove(wait);
            own.remove(hold);
        }
    }

    void close() {
        listening.close();
        OwnMeters.removing("resilience4j.bulkhead", ledger::close);
        own.close();
    }
}
