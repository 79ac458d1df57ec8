package dev.weir.limiter.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterRole;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.jmx.LimiterJmx;
import dev.weir.limiter.observation.LimiterObservation;
import dev.weir.limiter.resilience4j.Bulkheads;
import dev.weir.limiter.tck.IdleLimiters;
import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadConfig;
import io.github.resilience4j.bulkhead.BulkheadRegistry;
import io.github.resilience4j.micrometer.tagged.TaggedBulkheadMetrics;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.management.Attribute;
import javax.management.MBeanServer;
import javax.management.MBeanServerFactory;
import javax.management.ObjectName;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Limiters that share their permits with Resilience4j, both ways, and are watched in every way there is. */
@Timeout(60)
class WatchedBulkheadsTest {

    private static final int MAX = 3;

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private final BulkheadRegistry bulkheads = BulkheadRegistry.of(BulkheadConfig.custom()
            .maxConcurrentCalls(MAX)
            .maxWaitDuration(Duration.ZERO)
            .build());
    private final Bulkhead theirs = bulkheads.bulkhead("adopted");
    private final CapacityLimiter adopted = idle.watchAndClose(Bulkheads.adopt(theirs));
    private final LimiterScope scope = idle.watch(LimiterScope.builder()
            .name("mixed")
            .limiter(LimiterRole.SHARED, adopted)
            .open());
    private final CapacityLimiter published = scope.limiter("published", MAX);
    private final Bulkhead ours = Bulkheads.publish(published, bulkheads);
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final MBeanServer jmx = MBeanServerFactory.newMBeanServer();
    private final List<String> observed = new CopyOnWriteArrayList<>();

    WatchedBulkheadsTest() {
        ObservationRegistry observations = ObservationRegistry.create();
        observations.observationConfig().observationHandler(new Noting());
        TaggedBulkheadMetrics.ofBulkheadRegistry(bulkheads).bindTo(registry);
        LimiterMetrics.of(scope).bindTo(registry);
        LimiterJmx.register(scope, jmx);
        LimiterObservation.observe(scope, observations);
    }

    @AfterEach
    void close() {
        scope.close();
    }

    private final class Noting implements ObservationHandler<Observation.Context> {
        @Override
        public boolean supportsContext(Observation.Context context) {
            return true;
        }

        @Override
        public void onStop(Observation.Context context) {
            observed.add(context.getName() + " " + value(context, "limiter") + " " + value(context, "outcome"));
        }

        private String value(Observation.Context context, String key) {
            var pair = context.getLowCardinalityKeyValue(key);
            return pair == null ? "–" : pair.getValue();
        }
    }

    private static String labels(CapacityLimiter limiter) {
        return "limiter=\"" + limiter.name() + "\",role=\"" + (limiter.name().equals("adopted") ? "shared" : "group")
                + "\",scope=\"mixed\"";
    }

    /** In the scrape and in JMX. */
    private void assertNumbers(CapacityLimiter limiter, int capacity, int inUse, int waiting, int acquired)
            throws Exception {
        String labels = labels(limiter);
        Scrape scrape = Scrape.of(registry);
        assertThat(List.of(
                        scrape.value("weir_limiter_capacity", labels),
                        scrape.value("weir_limiter_in_use", labels),
                        scrape.value("weir_limiter_available", labels),
                        scrape.value("weir_limiter_waiting", labels),
                        scrape.value("weir_limiter_acquired_total", labels),
                        scrape.value("weir_limiter_wait_seconds_count", labels)))
                .as("capacity, in use, available, waiting, acquired, waits in the scrape")
                .containsExactly(
                        (double) capacity,
                        (double) inUse,
                        (double) capacity - inUse,
                        (double) waiting,
                        (double) acquired,
                        (double) acquired);
        ObjectName name = new ObjectName("dev.weir:type=Limiter,scope=mixed,name=" + limiter.name());
        assertThat(List.of(
                        jmx.getAttribute(name, "Capacity"),
                        jmx.getAttribute(name, "InUse"),
                        jmx.getAttribute(name, "Available"),
                        jmx.getAttribute(name, "Waiting"),
                        jmx.getAttribute(name, "Acquired")))
                .as("capacity, in use, available, waiting, acquired in JMX")
                .containsExactly(capacity, inUse, capacity - inUse, waiting, (long) acquired);
    }

    private double held(CapacityLimiter limiter) {
        return Scrape.of(registry).value("weir_limiter_hold_seconds_count", labels(limiter));
    }

    @Test
    void numbers_of_an_adopted_bulkhead_are_everybodys_and_its_times_those_of_our_callers() throws Exception {
        assertNumbers(adopted, MAX, 0, 0, 0);
        theirs.acquirePermission();
        theirs.acquirePermission();
        Permit permit = adopted.acquire();
        CompletableFuture<Void> work = Limiters.run(adopted, () -> {});
        assertNumbers(adopted, MAX, 3, 1, 1);
        assertThat(Scrape.of(registry).value("weir_limiter_oldest_wait_seconds", labels(adopted)))
                .isPositive();
        assertThat(bulkheadAvailable("adopted")).isZero();

        theirs.onComplete(); // somebody else's call ends, so that our work can begin
        work.get(20, TimeUnit.SECONDS);
        await().until(() -> held(adopted) == 1);
        assertNumbers(adopted, MAX, 2, 0, 2);
        assertThat(Scrape.of(registry).value("weir_limiter_wait_seconds_sum", labels(adopted)))
                .isPositive();
        await().until(() -> observed.size() == 2);
        assertThat(observed).containsExactlyInAnyOrder("weir.wait adopted granted", "weir.work adopted –");

        permit.close();
        await().until(() -> held(adopted) == 2);
        theirs.onComplete();
        assertNumbers(adopted, MAX, 0, 0, 2);
        assertThat(bulkheadAvailable("adopted")).isEqualTo(MAX);
    }

    /** What others use of the permits that are not for the limiter takes nothing from it. */
    @Test
    void a_share_of_an_adopted_bulkhead_that_is_free_is_said_to_be() throws Exception {
        ObjectName name = new ObjectName("dev.weir:type=Limiter,scope=mixed,name=adopted");
        jmx.setAttribute(name, new Attribute("Capacity", 1));
        theirs.acquirePermission();
        theirs.acquirePermission();
        assertNumbers(adopted, 1, 0, 0, 0);
        Permit permit = adopted.tryAcquire().orElseThrow();
        assertNumbers(adopted, 1, 1, 0, 1);
        permit.close();
        theirs.acquirePermission();
        assertNumbers(adopted, 1, 1, 0, 1);
        assertThat(adopted.tryAcquire()).isEmpty();
        for (int i = 0; i < MAX; i++) {
            theirs.onComplete();
        }
        assertNumbers(adopted, 1, 0, 0, 1);
    }

    @Test
    void calls_by_way_of_a_published_bulkhead_are_in_every_number_of_the_limiter() throws Exception {
        assertThat(ours.executeSupplier(() -> 1)).isEqualTo(1);
        Permit permit = published.acquire();
        assertThat(ours.tryAcquirePermission()).isTrue();
        assertThat(ours.tryAcquirePermission()).isTrue();
        assertNumbers(published, MAX, 3, 0, 4);
        assertThat(bulkheadAvailable("published")).isZero();
        assertThat(ours.tryAcquirePermission())
                .as("rejected by the bulkhead, without having waited")
                .isFalse();

        ours.changeConfig(BulkheadConfig.custom()
                .maxConcurrentCalls(MAX)
                .maxWaitDuration(Duration.ofSeconds(30))
                .build());
        CompletableFuture<Boolean> blocked = CompletableFuture.supplyAsync(ours::tryAcquirePermission);
        await().until(() -> published.statistics().waiting() == 1);
        assertNumbers(published, MAX, 3, 1, 4);
        permit.close();
        assertThat(blocked.get(20, TimeUnit.SECONDS)).isTrue();
        await().until(() -> observed.contains("weir.wait published granted"));
        assertNumbers(published, MAX, 3, 0, 5);
        assertThat(Scrape.of(registry).value("weir_limiter_wait_seconds_sum", labels(published)))
                .isPositive();

        for (int i = 0; i < MAX; i++) {
            ours.onComplete();
        }
        ours.onComplete(); // once too often
        await().until(() -> held(published) == 5);
        assertNumbers(published, MAX, 0, 0, 5);
        assertThat(bulkheadAvailable("published")).isEqualTo(MAX);
        assertThat(Scrape.of(registry)
                        .value("resilience4j_bulkhead_max_allowed_concurrent_calls", "name=\"mixed.published\""))
                .isEqualTo(MAX);
    }

    private double bulkheadAvailable(String name) {
        return Scrape.of(registry).value("resilience4j_bulkhead_available_concurrent_calls", "name=\"" + name + "\"");
    }

    /** On its own a limiter's bulkhead has the limiter's name, which is that of the bulkhead it shares permits with. */
    @Test
    void limiters_bound_on_their_own_leave_the_users_meters_of_bulkheads_as_they_are() throws Exception {
        LimiterMetrics.of(adopted).bindTo(registry);
        LimiterMetrics single = LimiterMetrics.of(published);
        single.bindTo(registry);
        theirs.acquirePermission();
        try (Permit permit = published.acquire()) {
            assertThat(permit.limiter()).isSameAs(published);
            assertThat(bulkheadAvailable("adopted")).isEqualTo(MAX - 1);
            assertThat(bulkheadAvailable("published")).isEqualTo(MAX - 1);
        }
        single.close();
        assertThat(bulkheadAvailable("published")).isEqualTo(MAX);
        theirs.onComplete();
    }

    /** Everybody at once; afterwards every count is what the callers counted. */
    @Test
    void counts_are_exact_after_a_race_of_callers_of_all_kinds() throws Exception {
        ours.changeConfig(BulkheadConfig.custom()
                .maxConcurrentCalls(MAX)
                .maxWaitDuration(Duration.ofSeconds(30))
                .build());
        int each = 500;
        AtomicInteger ran = new AtomicInteger();
        List<CompletableFuture<?>> callers = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            callers.add(CompletableFuture.runAsync(
                    () -> {
                        for (int call = 0; call < each; call++) {
                            ours.executeRunnable(ran::incrementAndGet);
                        }
                    },
                    WatchedBulkheadsTest::onThread));
            callers.add(CompletableFuture.runAsync(
                    () -> {
                        for (int call = 0; call < each; call++) {
                            Limiters.run(published, ran::incrementAndGet).join();
                        }
                    },
                    WatchedBulkheadsTest::onThread));
            callers.add(CompletableFuture.runAsync(
                    () -> {
                        for (int call = 0; call < each; call++) {
                            Limiters.run(adopted, ran::incrementAndGet).join();
                        }
                    },
                    WatchedBulkheadsTest::onThread));
            callers.add(CompletableFuture.runAsync(
                    () -> {
                        for (int call = 0; call < each; call++) {
                            if (theirs.tryAcquirePermission()) {
                                theirs.onComplete();
                            }
                        }
                    },
                    WatchedBulkheadsTest::onThread));
        }
        CompletableFuture.allOf(callers.toArray(new CompletableFuture<?>[0])).get(50, TimeUnit.SECONDS);

        assertThat(ran).hasValue(6 * each);
        await().until(() -> held(published) == 4 * each && held(adopted) == 2 * each);
        assertNumbers(published, MAX, 0, 0, 4 * each);
        await().until(() -> theirs.getMetrics().getAvailableConcurrentCalls() == MAX);
        assertNumbers(adopted, MAX, 0, 0, 2 * each);
        assertThat(observed.stream().filter("weir.work published –"::equals)).hasSize(2 * each);
        assertThat(observed.stream().filter("weir.work adopted –"::equals)).hasSize(2 * each);
    }

    private static void onThread(Runnable work) {
        Thread thread = new Thread(work, "caller");
        thread.setDaemon(true);
        thread.start();
    }
}
