package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.resilience4j.Bulkheads;
import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Those of the documented snippets that do something of their own, run; and the documented way to test. */
@Timeout(30)
@SuppressWarnings("try") // a permit is held, not used
class SnippetsTest {

    private static final class FewOrders implements Snippets.Orders {
        final List<Snippets.Order> sent = new ArrayList<>();

        @Override
        public Snippets.Order find(String id) {
            return new Snippets.Order(id);
        }

        @Override
        public Stream<Snippets.Order> all() {
            return Stream.of(find("1"), find("2"));
        }

        @Override
        public synchronized void send(Snippets.Order order) {
            sent.add(order);
        }
    }

    // tag::testing
    @Test
    void workIsRunUnderTheLimiter() {
        CapacityLimiter limiter = CapacityLimiter.builder("orders")
                .capacity(1)
                .workers(Runnable::run)
                .build(); // no threads, no sleeps

        CompletableFuture<String> answer = Limiters.run(limiter, () -> "4711");

        assertThat(answer).isCompletedWithValue("4711");
        assertThat(limiter.statistics().inUse()).isZero();
    }
    // end::testing

    // tag::testing-full
    @Test
    void whoComesWhenTheQueueIsFullIsRefused() {
        CapacityLimiter limiter = CapacityLimiter.builder("orders")
                .capacity(1)
                .maxWaiting(0)
                .workers(Runnable::run)
                .build();

        try (Permit held = limiter.tryAcquire().orElseThrow()) {
            assertThat(Limiters.run(limiter, () -> "4711")).isCompletedExceptionally();
        }

        LimiterStatistics afterwards = limiter.statistics();
        assertThat(afterwards.refused(RefusalReason.QUEUE_FULL)).isEqualTo(1);
    }
    // end::testing-full

    @Test
    void capacitiesAreSetForAllAndForOne() {
        try (LimiterScope limiters = Snippets.capacities()) {
            assertThat(limiters.endpoints().capacity()).isEqualTo(60);
            assertThat(limiters.shared().capacity()).isEqualTo(60);
            assertThat(limiters.background().capacity()).isEqualTo(10);
        }
    }

    @Test
    void oneLimiterHasTwoRoles() {
        try (LimiterScope limiters = Snippets.roles()) {
            assertThat(limiters.shared()).isSameAs(limiters.streaming());
            assertThat(limiters.limiters()).hasSize(3);
            limiters.shared().close();
        }
    }

    @Test
    void configurationIsReadFromAFile(@TempDir Path directory) throws Exception {
        Path file = Files.writeString(directory.resolve("weir.properties"), "weir.endpoints.capacity=100\n");

        try (LimiterScope limiters = Snippets.configuration(file)) {
            assertThat(limiters.endpoints().capacity()).isEqualTo(100);
            assertThat(limiters.background().capacity()).isEqualTo(40);
        }
    }

    @Test
    void verbsDoWhatTheySay() throws Exception {
        FewOrders orders = new FewOrders();
        AtomicInteger closed = new AtomicInteger();
        try (LimiterScope limiters = LimiterScope.open()) {
            Snippets.threeLines(orders);
            assertThat(Snippets.group(limiters, orders).get().id()).isEqualTo("4711");
            assertThat(Snippets.executor(limiters, orders).get().id()).isEqualTo("4711");
            assertThat(Snippets.call(limiters, orders).id()).isEqualTo("4711");
            Snippets.permit(limiters.endpoints(), orders);
            Snippets.resize(limiters);
            Snippets.finish(limiters, new Snippets.Connection() {
                @Override
                public void commit() {}

                @Override
                public void close() {
                    closed.incrementAndGet();
                }
            });

            assertThat(limiters.awaitIdle(Duration.ofSeconds(10))).isTrue();
            assertThat(limiters.background().capacity()).isEqualTo(100);
            assertThat(closed).hasValue(1);
        }
    }

    @Test
    void refusalSaysWhenToComeBack() {
        try (CapacityLimiter limiter =
                CapacityLimiter.builder("orders").capacity(0).maxWaiting(0).build()) {
            assertThat(Snippets.refusal(limiter, new FewOrders()).join()).matches("Busy, try again in \\d+ s");
        }
    }

    @Test
    void aLimiterIsSharedWithCodeForResilience4j() {
        BulkheadRegistry registry = BulkheadRegistry.ofDefaults();
        try (LimiterScope limiters = LimiterScope.open()) {
            // tag::publish-bulkhead
            CapacityLimiter partner = limiters.limiter("partner-api", 5);
            Bulkheads.publish(partner, registry); // before anything is decorated; @Bulkhead("partner-api") shares it
            // end::publish-bulkhead
            assertThat(registry.bulkhead("partner-api")
                            .executeSupplier(() -> partner.statistics().inUse()))
                    .isEqualTo(1);
            // tag::adopt-bulkhead
            Bulkhead theirs = registry.bulkhead("legacy");
            CapacityLimiter limiter = Bulkheads.adopt(theirs); // each permit is one of the bulkhead's
            // end::adopt-bulkhead
            assertThat(Limiters.run(limiter, () -> theirs.getMetrics().getAvailableConcurrentCalls())
                            .join())
                    .isEqualTo(24);
            limiter.close();
        }
    }
}
