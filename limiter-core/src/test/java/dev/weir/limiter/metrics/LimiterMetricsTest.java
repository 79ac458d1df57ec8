package dev.weir.limiter.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.LimiterRole;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.ScopeListener;
import dev.weir.limiter.core.DeclaringScope;
import dev.weir.limiter.tck.IdleLimiters;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.core.instrument.distribution.DistributionStatisticConfig;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.lang.ref.WeakReference;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The meters against what was done to the limiters, through the eyes of a real Prometheus registry. */
@Timeout(60)
class LimiterMetricsTest {

    private static final String ONE = "limiter=\"one\",role=\"none\",scope=\"none\"";

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);

    @Test
    void every_number_of_a_limiter_is_in_the_scrape() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(
                CapacityLimiter.builder("one").capacity(2).maxWaiting(3).build());
        LimiterMetrics.of(limiter).bindTo(registry);
        CountDownLatch mayEnd = new CountDownLatch(1);
        CountDownLatch started = new CountDownLatch(2);
        List<CompletableFuture<Void>> work = new ArrayList<>();
        for (int i = 0; i < 2 + 3 + 4; i++) { // two run, three wait, four are refused
            work.add(Limiters.run(limiter, () -> {
                started.countDown();
                mayEnd.await();
                return null;
            }));
        }
        started.await();
        work.get(0).cancel(false); // runs: abandoned
        work.get(4).cancel(false); // waits: withdrawn
        limiter.resize(1);

        Scrape busy = Scrape.of(registry);
        assertThat(busy.value("weir_limiter_capacity", ONE)).isEqualTo(1);
        assertThat(busy.value("weir_limiter_in_use", ONE)).isEqualTo(2);
        assertThat(busy.value("weir_limiter_available", ONE)).isEqualTo(-1);
        assertThat(busy.value("weir_limiter_waiting", ONE)).isEqualTo(2);
        assertThat(busy.value("weir_limiter_oldest_wait_seconds", ONE)).isBetween(1e-9, 60.0);
        assertThat(busy.value("weir_limiter_acquired_total", ONE)).isEqualTo(2);
        assertThat(busy.value("weir_limiter_refused_total", ONE + ",reason=\"queue_full\""))
                .isEqualTo(4);
        assertThat(busy.value("weir_limiter_refused_total", ONE + ",reason=\"wait_timeout\""))
                .isZero();
        assertThat(busy.value("weir_limiter_withdrawn_total", ONE)).isEqualTo(1);
        assertThat(busy.value("weir_limiter_abandoned_total", ONE)).isEqualTo(1);
        assertThat(busy.value("weir_limiter_leaked_total", ONE)).isZero();
        assertThat(busy.value("weir_limiter_wait_seconds_count", ONE)).isEqualTo(2);
        assertThat(busy.value("weir_limiter_hold_seconds_count", ONE)).isZero();

        mayEnd.countDown();
        await().until(() -> limiter.statistics().inUse() == 0
                && limiter.statistics().waiting() == 0
                && work.get(3).isDone());
        awaitTold(limiter);
        Scrape idle = Scrape.of(registry);
        assertThat(idle.value("weir_limiter_acquired_total", ONE)).isEqualTo(4);
        assertThat(idle.value("weir_limiter_waiting", ONE)).isZero();
        assertThat(idle.value("weir_limiter_oldest_wait_seconds", ONE)).isZero();
        assertThat(idle.value("weir_limiter_wait_seconds_count", ONE)).isEqualTo(4);
        assertThat(idle.value("weir_limiter_wait_seconds_sum", ONE)).isPositive();
        assertThat(idle.value("weir_limiter_hold_seconds_count", ONE)).isEqualTo(4);
        assertThat(idle.value("weir_limiter_hold_seconds_sum", ONE)).isPositive();
    }

    /** Listeners hear of a permit after it is back: the timers' counts come a moment later than the limiter's. */
    private void awaitTold(CapacityLimiter limiter) {
        await().until(() -> registry.get("weir.limiter.hold")
                        .tag("limiter", limiter.name())
                        .timer()
                        .count()
                == limiter.statistics().released());
    }

    @Test
    void scrape_equals_what_the_callers_counted() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(
                CapacityLimiter.builder("one").capacity(2).maxWaiting(3).build());
        LimiterMetrics.of(limiter).bindTo(registry);
        AtomicInteger granted = new AtomicInteger();
        AtomicInteger refused = new AtomicInteger();
        AtomicInteger left = new AtomicInteger();
        ExecutorService callers = Executors.newFixedThreadPool(8);
        try {
            List<Future<?>> ends = new ArrayList<>();
            for (int caller = 0; caller < 8; caller++) {
                Random random = new Random(caller);
                ends.add(callers.submit(() -> {
                    for (int i = 0; i < 2000; i++) {
                        attempt(limiter, random, granted, refused, left);
                    }
                }));
            }
            for (Future<?> end : ends) {
                end.get(30, TimeUnit.SECONDS);
            }
        } finally {
            callers.shutdownNow();
        }

        Scrape scrape = Scrape.of(registry);
        assertThat(granted.get() + refused.get() + left.get()).isEqualTo(8 * 2000);
        assertThat(refused).as("refusals, without which this says little").hasPositiveValue();
        assertThat(left).as("withdrawals, without which this says little").hasPositiveValue();
        double acquired = scrape.value("weir_limiter_acquired_total", ONE);
        double passedOn = acquired - granted.get(); // granted in the moment its caller left, and given back
        assertThat(passedOn).isNotNegative();
        assertThat(scrape.value("weir_limiter_refused_total", ONE + ",reason=\"queue_full\""))
                .isEqualTo(refused.get());
        assertThat(scrape.value("weir_limiter_withdrawn_total", ONE)).isEqualTo(left.get() - passedOn);
        assertThat(scrape.value("weir_limiter_in_use", ONE)).isZero();
        assertThat(scrape.value("weir_limiter_wait_seconds_count", ONE)).isEqualTo(acquired);
        assertThat(scrape.value("weir_limiter_hold_seconds_count", ONE)).isEqualTo(acquired);
    }

    /** Asks, perhaps leaves again, and counts what came of it. A permit that was granted is closed on this thread. */
    private static void attempt(
            CapacityLimiter limiter, Random random, AtomicInteger granted, AtomicInteger refused, AtomicInteger left) {
        boolean leaves = random.nextInt(3) == 0;
        CompletableFuture<Permit> place = limiter.acquireAsync();
        if (leaves && place.cancel(false)) {
            left.incrementAndGet();
            return;
        }
        try {
            Permit permit = place.get(30, TimeUnit.SECONDS);
            if (random.nextInt(4) == 0) {
                for (int i = 0; i < 1_000; i++) { // busy, so that others queue
                    Thread.onSpinWait();
                }
            }
            permit.close();
            granted.incrementAndGet();
        } catch (ExecutionException e) {
            assertThat(e).hasCauseInstanceOf(LimitExceededException.class);
            refused.incrementAndGet();
        } catch (InterruptedException | TimeoutException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void roles_and_groups_are_told_apart_and_groups_declared_later_are_bound() {
        CapacityLimiter files = limiters.watchAndClose(CapacityLimiter.of("files", 3));
        try (LimiterScope scope = LimiterScope.builder()
                .name("orders")
                .limiter(LimiterRole.STREAMING, files)
                .limiter(LimiterRole.SHARED, files)
                .open()) {
            CapacityLimiter before = scope.limiter("before", 1);
            LimiterMetrics.of(scope).bindTo(registry);
            CapacityLimiter after = scope.limiter("after", 2);
            assertThat(scope.limiter("after", 2)).isSameAs(after);
            try (Permit permit = after.tryAcquire().orElseThrow()) {
                assertThat(permit.limiter()).isSameAs(after);
            }

            Scrape scrape = Scrape.of(registry);
            assertThat(capacity(scrape, "endpoints", "endpoints")).isEqualTo(40);
            assertThat(capacity(scrape, "files", "streaming+shared")).isEqualTo(3);
            assertThat(capacity(scrape, before.name(), "group")).isEqualTo(1);
            assertThat(capacity(scrape, "after", "group")).isEqualTo(2);
            assertThat(scrape.value(
                            "weir_limiter_hold_seconds_count", "limiter=\"after\",role=\"group\",scope=\"orders\""))
                    .isEqualTo(1);
        }
    }

    private static double capacity(Scrape scrape, String limiter, String role) {
        return scrape.value(
                "weir_limiter_capacity", "limiter=\"" + limiter + "\",role=\"" + role + "\",scope=\"orders\"");
    }

    @Test
    void scopes_of_one_name_clash_with_an_error_that_says_what_to_do() {
        try (LimiterScope first = LimiterScope.open();
                LimiterScope second = LimiterScope.open();
                LimiterScope named = LimiterScope.builder().name("second").open()) {
            LimiterMetrics.of(first).bindTo(registry);
            int meters = registry.getMeters().size();

            LimiterMetrics clashing = LimiterMetrics.of(second);
            assertThatIllegalStateException()
                    .isThrownBy(() -> clashing.bindTo(registry))
                    .withMessageContaining("weir.limiter.capacity")
                    .withMessageContaining("tag(limiter=endpoints), tag(role=endpoints), tag(scope=default)] already")
                    .withMessageContaining("LimiterScope.builder().name");

            assertThat(registry.getMeters())
                    .as("of the first, nothing lost, nothing added")
                    .hasSize(meters);
            clashing.close();
            assertThat(registry.getMeters()).hasSize(meters);
            LimiterMetrics.of(named).bindTo(registry);
            assertThat(registry.getMeters()).hasSize(2 * meters);
        }
    }

    @Test
    void binding_a_limiter_twice_is_an_error_and_once_more_after_closing_is_not() {
        try (CapacityLimiter limiter = CapacityLimiter.of("one", 1)) {
            LimiterMetrics metrics = LimiterMetrics.of(limiter);
            metrics.bindTo(registry);
            assertThatIllegalStateException().isThrownBy(() -> metrics.bindTo(registry));
            metrics.close();
            metrics.bindTo(registry);
            assertThat(Scrape.of(registry).value("weir_limiter_capacity", ONE)).isEqualTo(1);
        }
    }

    /** What a registry calls may wait for another thread that binds or closes. */
    @Test
    void no_lock_is_held_while_the_registry_runs_code_of_the_user() throws Exception {
        try (CapacityLimiter one = CapacityLimiter.of("one", 1);
                CapacityLimiter two = CapacityLimiter.of("two", 1)) {
            LimiterMetrics metrics = LimiterMetrics.of(one);
            List<String> refused = new CopyOnWriteArrayList<>();
            AtomicBoolean first = new AtomicBoolean(true);
            registry.config().meterFilter(new MeterFilter() {
                @Override
                public Meter.Id map(Meter.Id id) {
                    if (first.compareAndSet(true, false)) {
                        onAnotherThread(() -> {
                            metrics.close();
                            LimiterMetrics.of(two).bindTo(new SimpleMeterRegistry());
                            try {
                                LimiterMetrics.of(one).bindTo(registry); // just being bound
                            } catch (IllegalStateException e) {
                                refused.add(String.valueOf(e.getMessage()));
                            }
                        });
                    }
                    return id;
                }
            });

            metrics.bindTo(registry);

            assertThat(Scrape.of(registry).value("weir_limiter_capacity", ONE)).isEqualTo(1);
            assertThat(refused)
                    .singleElement()
                    .asString()
                    .contains("tag(limiter=one)", "being bound to the registry", "LimiterScope.builder().name");
            metrics.close();
            assertThat(registry.getMeters()).isEmpty();
            LimiterMetrics.of(one).bindTo(registry);
            assertThat(Scrape.of(registry).value("weir_limiter_capacity", ONE)).isEqualTo(1);
        }
    }

    @Test
    void a_listener_of_the_registry_that_throws_leaves_no_meter_behind_and_nothing_reserved() {
        try (CapacityLimiter one = CapacityLimiter.of("one", 1)) {
            Timer others = registry.timer("weir.limiter.hold", "scope", "none", "limiter", "one", "role", "none");
            registry.config().onMeterRemoved(meter -> {
                throw new IllegalStateException("whatever listeners throw is theirs");
            });
            LimiterMetrics metrics = LimiterMetrics.of(one);

            for (int attempt = 0; attempt < 2; attempt++) {
                assertThatIllegalStateException()
                        .isThrownBy(() -> metrics.bindTo(registry))
                        .withMessageContaining("has a meter weir.limiter.hold");
                assertThat(registry.getMeters())
                        .filteredOn(meter -> meter.getId().getName().startsWith("weir."))
                        .containsExactly(others);
            }
        }
    }

    private static void onAnotherThread(Runnable work) {
        FutureTask<Void> task = new FutureTask<>(work, null);
        new Thread(task).start();
        try {
            task.get(10, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void closing_removes_every_meter_and_every_listener() {
        registry.counter("somebody.elses").increment();
        CapacityLimiter given = limiters.watchAndClose(CapacityLimiter.of("given", 1));
        try (LimiterScope scope =
                LimiterScope.builder().limiter(LimiterRole.SHARED, given).open()) {
            LimiterMetrics metrics = LimiterMetrics.of(scope);
            MeterRegistry other = new SimpleMeterRegistry();
            metrics.bindTo(registry);
            metrics.bindTo(other);
            Timer wait =
                    registry.get("weir.limiter.wait").tag("limiter", "given").timer();
            given.tryAcquire().orElseThrow().close();
            assertThat(wait.count()).isEqualTo(1);
            assertThat(registry.find("resilience4j.bulkhead.max.allowed.concurrent.calls")
                            .meters())
                    .hasSize(4);

            metrics.close();
            metrics.close();

            assertThat(registry.getMeters()).hasSize(1);
            assertThat(Scrape.of(registry).names()).containsExactly("somebody_elses_total");
            assertThat(other.getMeters()).isEmpty();
            given.tryAcquire().orElseThrow().close();
            scope.limiter("later", 1);
            assertThat(wait.count()).as("what the listener heard after that").isEqualTo(1);
            assertThat(registry.getMeters()).hasSize(1);
        }
    }

    @Test
    void nothing_goes_away_or_becomes_nan_when_only_the_registry_is_left() {
        WeakReference<Object> canary = bindAndForget();
        await().until(() -> {
            System.gc();
            return canary.get() == null;
        });

        Scrape scrape = Scrape.of(registry);
        assertThat(scrape.samples())
                .isNotEmpty()
                .allSatisfy((name, value) -> assertThat(value).as(name).isNotNaN());
        assertThat(scrape.value(
                        "weir_limiter_acquired_total", "limiter=\"endpoints\",role=\"endpoints\",scope=\"gone\""))
                .isEqualTo(1);
        assertThat(scrape.value("resilience4j_bulkhead_max_allowed_concurrent_calls", "name=\"gone.endpoints\""))
                .isEqualTo(7);
    }

    private WeakReference<Object> bindAndForget() {
        LimiterScope scope = LimiterScope.builder().name("gone").capacity(7).open();
        LimiterMetrics metrics = LimiterMetrics.of(scope);
        metrics.bindTo(registry);
        scope.endpoints().tryAcquire().orElseThrow().close();
        return new WeakReference<>(metrics);
    }

    @Test
    void ledger_has_the_meters_of_resilience4j() {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.of("one", 5));
        LimiterMetrics.of(limiter).bindTo(registry);
        try (Permit permit = limiter.tryAcquire().orElseThrow()) {
            assertThat(permit.limiter()).isSameAs(limiter);
            Scrape scrape = Scrape.of(registry);
            assertThat(scrape.value("resilience4j_bulkhead_available_concurrent_calls", "name=\"one\""))
                    .isEqualTo(4);
            assertThat(scrape.value("resilience4j_bulkhead_max_allowed_concurrent_calls", "name=\"one\""))
                    .isEqualTo(5);
        }
    }

    @Test
    void meter_of_a_bulkhead_of_the_users_own_is_not_taken_for_ours() {
        registry.gauge("resilience4j.bulkhead.max.allowed.concurrent.calls", List.of(Tag.of("name", "one")), 5);
        try (CapacityLimiter limiter = CapacityLimiter.of("one", 1);
                LimiterMetrics metrics = LimiterMetrics.of(limiter)) {
            metrics.bindTo(registry);
            Scrape scrape = Scrape.of(registry);
            assertThat(scrape.value("weir_limiter_capacity", ONE)).isEqualTo(1);
            assertThat(scrape.value("resilience4j_bulkhead_max_allowed_concurrent_calls", "name=\"one\""))
                    .isEqualTo(5);
        }
        assertThat(registry.getMeters()).hasSize(1);
    }

    @Test
    void totals_only_has_number_and_sum_of_waits_and_holds_and_all_the_rest() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.of("one", 1));
        LimiterMetrics metrics = LimiterMetrics.of(limiter).totalsOnly();
        metrics.bindTo(registry);
        int threads = 4;
        int each = 500;
        List<CompletableFuture<Void>> work = new ArrayList<>();
        for (int i = 0; i < threads; i++) {
            work.add(CompletableFuture.runAsync(() -> {
                for (int call = 0; call < each; call++) {
                    Limiters.run(limiter, () -> {}).join();
                }
            }));
        }
        for (CompletableFuture<Void> end : work) {
            end.get(30, TimeUnit.SECONDS);
        }
        await().until(() -> Scrape.of(registry).value("weir_limiter_hold_seconds_count", ONE) == threads * each);

        Scrape scrape = Scrape.of(registry);
        assertThat(scrape.value("weir_limiter_wait_seconds_count", ONE)).isEqualTo(threads * each);
        assertThat(scrape.value("weir_limiter_acquired_total", ONE)).isEqualTo(threads * each);
        assertThat(scrape.value("weir_limiter_wait_seconds_sum", ONE)).isBetween(1e-9, 60.0 * threads);
        assertThat(scrape.value("weir_limiter_hold_seconds_sum", ONE)).isBetween(1e-9, 60.0);
        assertThat(scrape.names()).doesNotContain("weir_limiter_wait_seconds_max");
        metrics.close();
        assertThat(registry.getMeters()).isEmpty();
    }

    @Test
    void unlimited_is_infinite() {
        try (CapacityLimiter limiter = CapacityLimiter.of("one", CapacityLimiter.UNLIMITED)) {
            LimiterMetrics.of(limiter).bindTo(registry);
            Scrape scrape = Scrape.of(registry);
            assertThat(scrape.value("weir_limiter_capacity", ONE)).isInfinite();
            assertThat(scrape.value("weir_limiter_available", ONE)).isInfinite();
        }
    }

    @Test
    void filter_turns_the_timers_into_histograms() {
        registry.config().meterFilter(new MeterFilter() {
            @Override
            public DistributionStatisticConfig configure(Meter.Id id, DistributionStatisticConfig config) {
                return id.getName().startsWith("weir.limiter.")
                        ? DistributionStatisticConfig.builder()
                                .percentilesHistogram(true)
                                .build()
                                .merge(config)
                        : config;
            }
        });
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.of("one", 1));
        LimiterMetrics.of(limiter).bindTo(registry);
        limiter.tryAcquire().orElseThrow().close();
        assertThat(Scrape.of(registry).value("weir_limiter_hold_seconds_bucket", ONE + ",le=\"+Inf\""))
                .isEqualTo(1);
    }

    @Test
    void limiter_of_somebody_elses_has_all_but_the_timers() {
        CapacityLimiter real = limiters.watchAndClose(CapacityLimiter.of("one", 3));
        LimiterMetrics.of(numbersOnly(real)).bindTo(registry);
        Scrape scrape = Scrape.of(registry);
        assertThat(scrape.value("weir_limiter_capacity", ONE)).isEqualTo(3);
        assertThat(scrape.names())
                .contains("weir_limiter_oldest_wait_seconds")
                .doesNotContain("weir_limiter_wait_seconds_count", "weir_limiter_hold_seconds_count")
                .noneMatch(name -> name.startsWith("resilience4j"));
    }

    /** Each number another, in a country where the small letter of I is not i. */
    @Test
    void no_number_is_taken_for_another() {
        Locale before = Locale.getDefault();
        Locale.setDefault(Locale.forLanguageTag("tr"));
        try {
            LimiterMetrics.of(numbersOnly("one", Distinct.NUMBERS)).bindTo(registry);
        } finally {
            Locale.setDefault(before);
        }
        Scrape scrape = Scrape.of(registry);
        for (RefusalReason reason : RefusalReason.values()) {
            String labels = ONE + ",reason=\"" + reason.name().toLowerCase(Locale.ROOT) + "\"";
            assertThat(scrape.value("weir_limiter_refused_total", labels))
                    .isEqualTo(100 + reason.name().length());
        }
        Map<String, Double> expected = Map.of(
                "capacity", 3.0,
                "in_use", 5.0,
                "available", -2.0,
                "waiting", 7.0,
                "oldest_wait_seconds", 1.5,
                "acquired_total", 20.0,
                "withdrawn_total", 11.0,
                "abandoned_total", 12.0,
                "leaked_total", 13.0);
        expected.forEach((name, value) ->
                assertThat(scrape.value("weir_limiter_" + name, ONE)).as(name).isEqualTo(value));
    }

    private enum Distinct implements LimiterStatistics {
        NUMBERS;

        @Override
        public String limiterName() {
            return "one";
        }

        @Override
        public int capacity() {
            return 3;
        }

        @Override
        public int inUse() {
            return 5;
        }

        @Override
        public int waiting() {
            return 7;
        }

        @Override
        public int maxWaiting() {
            return 9;
        }

        @Override
        public Duration oldestWait() {
            return Duration.ofMillis(1500);
        }

        @Override
        public long acquired() {
            return 20;
        }

        @Override
        public long released() {
            return 15;
        }

        @Override
        public long refused(RefusalReason reason) {
            return 100L + reason.name().length();
        }

        @Override
        public long withdrawn() {
            return 11;
        }

        @Override
        public long abandoned() {
            return 12;
        }

        @Override
        public long leaked() {
            return 13;
        }
    }

    /** As a listener hears of them, of timers and of totals. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void waits_and_holds_are_as_long_as_they_were(boolean totals) throws Exception {
        AtomicLong waited = new AtomicLong();
        AtomicLong held = new AtomicLong();
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("one")
                .capacity(1)
                .listener(new LimiterListener() {
                    @Override
                    public void granted(CapacityLimiter from, Duration time) {
                        waited.addAndGet(time.toNanos());
                    }

                    @Override
                    public void released(CapacityLimiter from, Duration time) {
                        held.addAndGet(time.toNanos());
                    }
                })
                .build());
        LimiterMetrics metrics = LimiterMetrics.of(limiter);
        (totals ? metrics.totalsOnly() : metrics).bindTo(registry);
        for (int i = 0; i < 5; i++) {
            Permit first = limiter.acquire();
            CompletableFuture<Permit> second = limiter.acquireAsync();
            first.close();
            second.join().close();
        }

        Scrape scrape = Scrape.of(registry);
        assertThat(scrape.value("weir_limiter_wait_seconds_count", ONE)).isEqualTo(10);
        assertThat(scrape.value("weir_limiter_wait_seconds_sum", ONE))
                .isCloseTo(waited.get() / 1e9, Percentage.withPercentage(1));
        assertThat(scrape.value("weir_limiter_hold_seconds_sum", ONE))
                .isCloseTo(held.get() / 1e9, Percentage.withPercentage(1));
        assertThat(scrape.names().contains("weir_limiter_wait_seconds_max")).isNotEqualTo(totals);
    }

    /** What a meter's registration runs may fail with anything. */
    @Test
    void an_error_while_meters_of_a_scope_are_bound_leaves_none_behind_and_nothing_reserved() {
        AtomicBoolean fails = new AtomicBoolean(true);
        registry.config().meterFilter(new MeterFilter() {
            @Override
            public Meter.Id map(Meter.Id id) {
                if ("background".equals(id.getTag("limiter")) && id.getName().endsWith(".waiting") && fails.get()) {
                    throw new AssertionError("a filter's");
                }
                return id;
            }
        });
        try (LimiterScope scope = LimiterScope.open()) {
            LimiterMetrics metrics = LimiterMetrics.of(scope);
            assertThatExceptionOfType(AssertionError.class)
                    .isThrownBy(() -> metrics.bindTo(registry))
                    .withMessage("a filter's");
            assertThat(registry.getMeters()).isEmpty();
            scope.limiter("later", 1);
            assertThat(registry.getMeters()).as("of a binding that failed").isEmpty();

            fails.set(false);
            metrics.bindTo(registry);
            assertThat(Scrape.of(registry)
                            .value("weir_limiter_capacity", "limiter=\"later\",role=\"group\",scope=\"default\""))
                    .isEqualTo(1);
        }
    }

    /** Between its listening and its look. */
    @Test
    void a_group_that_is_declared_while_a_scope_is_bound_is_bound_once() {
        try (LimiterScope scope = LimiterScope.open()) {
            LimiterScope declaring = DeclaringScope.of(scope, "between");
            LimiterMetrics.of(declaring).bindTo(registry);
            assertThat(registry.find("weir.limiter.capacity")
                            .tag("limiter", "between")
                            .gauges())
                    .hasSize(1);
        }
    }

    @Test
    void meters_that_are_closed_while_a_group_is_bound_are_all_gone() {
        try (LimiterScope scope = LimiterScope.open()) {
            LimiterMetrics metrics = LimiterMetrics.of(scope);
            metrics.bindTo(registry);
            registry.config().meterFilter(new MeterFilter() {
                @Override
                public Meter.Id map(Meter.Id id) {
                    if ("later".equals(id.getTag("limiter"))) {
                        metrics.close();
                    }
                    return id;
                }
            });

            scope.limiter("later", 1);

            assertThat(registry.getMeters()).isEmpty();
        }
    }

    /** Those who are to be told of a group are known before the first of them is. */
    @Test
    void a_group_that_is_told_of_after_the_closing_is_not_bound() {
        try (LimiterScope scope = LimiterScope.open()) {
            LimiterMetrics metrics = LimiterMetrics.of(scope);
            scope.listen(new ScopeListener() {
                @Override
                public void added(CapacityLimiter limiter) {
                    metrics.close();
                }
            });
            metrics.bindTo(registry);

            scope.limiter("later", 1);

            assertThat(registry.getMeters()).isEmpty();
        }
    }

    @Test
    void a_listener_of_the_registry_that_throws_keeps_no_meter_from_being_removed() {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.of("one", 1));
        LimiterMetrics metrics = LimiterMetrics.of(limiter);
        metrics.bindTo(registry);
        registry.config().onMeterRemoved(meter -> {
            throw new UnsupportedOperationException("whatever listeners throw is theirs");
        });

        metrics.close();

        assertThat(registry.getMeters())
                .filteredOn(meter -> meter.getId().getName().startsWith("weir."))
                .isEmpty();
    }

    @Test
    void meters_say_what_they_count() {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.of("one", 1));
        LimiterMetrics.of(limiter).bindTo(registry);
        assertThat(registry.getMeters())
                .filteredOn(meter -> meter.getId().getName().startsWith("weir."))
                .extracting(meter -> meter.getId().getName().substring("weir.limiter.".length()) + ": "
                        + meter.getId().getDescription())
                .containsOnly(
                        "capacity: Permits that may be in use",
                        "in.use: Permits in use",
                        "available: Capacity less what is in use",
                        "waiting: How many wait for a permit",
                        "oldest.wait: How long the head of the queue has waited",
                        "acquired: Permits granted",
                        "refused: Refusals",
                        "withdrawn: Waiters that left of their own accord",
                        "abandoned: Work whose caller left while it ran",
                        "leaked: Permits that were dropped without being closed",
                        "wait: How long those who were granted a permit had waited for it",
                        "hold: How long permits were held");
    }

    private static CapacityLimiter numbersOnly(CapacityLimiter real) {
        return numbersOnly(real.name(), real.statistics());
    }

    private static CapacityLimiter numbersOnly(String name, LimiterStatistics numbers) {
        return (CapacityLimiter) Proxy.newProxyInstance(
                LimiterMetricsTest.class.getClassLoader(),
                new Class<?>[] {CapacityLimiter.class},
                (proxy, method, arguments) -> switch (method.getName()) {
                    case "name" -> name;
                    case "statistics" -> numbers;
                    case "hashCode" -> 1;
                    default -> throw new UnsupportedOperationException(method.getName());
                });
    }
}
