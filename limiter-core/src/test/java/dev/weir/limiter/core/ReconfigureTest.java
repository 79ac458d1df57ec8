package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.LimiterRole;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.LiveConfiguration;
import dev.weir.limiter.Permit;
import dev.weir.limiter.SettingChange;
import dev.weir.limiter.tck.IdleLimiters;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
class ReconfigureTest {

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private static List<Integer> capacities(LimiterScope scope) {
        return scope.limiters().stream().map(CapacityLimiter::capacity).toList();
    }

    @Test
    void capacities_change_together_and_the_changes_are_told() {
        try (LimiterScope scope = idle.watch(LimiterScope.open())) {
            scope.limiter("partner", 5);
            assertThat(scope.reconfigure(Map.of(
                            "weir.all.capacity", "30",
                            "weir.background.capacity", "unlimited",
                            "weir.partner.capacity", "7",
                            "other.key", "is left alone")))
                    .extracting(SettingChange::toString)
                    .containsExactly(
                            "endpoints capacity 40 → 30",
                            "background capacity 40 → unlimited",
                            "streaming capacity 40 → 30",
                            "shared capacity 40 → 30",
                            "partner capacity 5 → 7");
            assertThat(capacities(scope)).containsExactly(30, CapacityLimiter.UNLIMITED, 30, 30, 7);
        }
    }

    @Test
    void what_is_said_no_more_goes_back_to_what_code_says() {
        try (LimiterScope scope = idle.watch(LimiterScope.builder()
                .capacity(LimiterRole.ENDPOINTS, 12)
                .properties(Map.of("weir.endpoints.capacity", "20"))
                .open())) {
            assertThat(scope.endpoints().capacity()).isEqualTo(20);
            scope.reconfigure(Map.of());
            assertThat(capacities(scope)).containsExactly(12, 40, 40, 40);
        }
    }

    @Test
    void the_environment_beats_new_properties_too() {
        try (LimiterScope scope = idle.watch(LimiterScope.builder()
                .environment(Map.of("WEIR_ENDPOINTS_CAPACITY", "9"))
                .open())) {
            assertThat(scope.reconfigure(Map.of("weir.endpoints.capacity", "20")))
                    .isEmpty();
            assertThat(scope.endpoints().capacity()).isEqualTo(9);
        }
    }

    @Test
    void a_limiter_resized_by_hand_stays_so_until_its_own_configuration_changes() {
        try (LimiterScope scope = idle.watch(LimiterScope.open())) {
            scope.endpoints().resize(100);
            scope.reconfigure(Map.of("weir.background.capacity", "10"));
            assertThat(scope.endpoints().capacity()).isEqualTo(100);
            assertThat(scope.reconfigure(Map.of("weir.endpoints.capacity", "50", "weir.background.capacity", "10")))
                    .containsExactly(new SettingChange("endpoints", "capacity", "100", "50"));
            assertThat(capacities(scope)).containsExactly(50, 10, 40, 40);
        }
    }

    @Test
    void groups_declared_later_follow_the_new_properties() {
        try (LimiterScope scope = idle.watch(LimiterScope.open())) {
            scope.reconfigure(Map.of("weir.reports.capacity", "3", "weir.reports.max-waiting", "8"));
            CapacityLimiter reports = scope.limiter("reports", 5);
            assertThat(reports.capacity()).isEqualTo(3);
            assertThat(reports.statistics().maxWaiting()).isEqualTo(8);
            scope.reconfigure(Map.of("weir.reports.max-waiting", "8"));
            assertThat(reports.capacity()).isEqualTo(5);
            assertThat(scope.limiter("reports", 5)).isSameAs(reports);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "weir.background.capacity | many | weir.background.capacity: expected a number from 0, or 'unlimited',"
                        + " was 'many'",
                "weir.background.size | 1 | unknown key 'weir.background.size'",
                "weir.background.max-waiting | 7 | weir.background.max-waiting: expected 1024 as it is",
                "weir.all.max-wait | 5s | weir.all.max-wait: expected none as it is",
                "weir.background.reserve | 4 | weir.background.reserve: expected 3 as it is",
                "weir.background.track-holders | 5s | weir.background.track-holders: expected none as it is",
                "weir.own.max-waiting | 4 | weir.own.max-waiting: expected 10 as it is",
                "weir.shared.capacity | 4 | weir.shared.capacity: the limiter for shared was handed in",
            })
    void a_bad_configuration_changes_nothing_at_all(String key, String value, String message) {
        try (CapacityLimiter given = CapacityLimiter.of("given", 2);
                LimiterScope scope = idle.watch(LimiterScope.builder()
                        .limiter(LimiterRole.SHARED, given)
                        .properties(Map.of("weir.own.max-waiting", "10"))
                        .open())) {
            scope.limiter("own", 1);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> scope.reconfigure(Map.of("weir.endpoints.capacity", "1", key, value)))
                    .withMessageContaining(message);
            assertThat(capacities(scope)).containsExactly(40, 40, 40, 2, 1);
            scope.reconfigure(Map.of("weir.endpoints.capacity", "2", "weir.own.max-waiting", "10"));
            assertThat(capacities(scope)).containsExactly(2, 40, 40, 2, 1);
        }
    }

    @Test
    void a_fixed_setting_may_be_said_again_and_may_not_be_taken_back() {
        try (LimiterScope scope = idle.watch(LimiterScope.builder()
                .properties(Map.of("weir.endpoints.max-wait", "30s"))
                .open())) {
            scope.reconfigure(Map.of("weir.endpoints.max-wait", "PT30S", "weir.endpoints.capacity", "2"));
            assertThat(scope.endpoints().capacity()).isEqualTo(2);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> scope.reconfigure(Map.of()))
                    .withMessage("weir.endpoints.max-wait: expected PT30S as it is, since this can only be set before"
                            + " limiter 'endpoints' is in use, would be none; capacity can change");
        }
    }

    @Test
    void of_a_role_and_all_the_key_that_counts_is_named() {
        try (LimiterScope scope = LimiterScope.open()) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> scope.reconfigure(
                            Map.of("weir.all.max-waiting", "1024", "weir.endpoints.max-waiting", "6")))
                    .withMessageStartingWith("weir.endpoints.max-waiting: expected 1024 as it is");
        }
    }

    @Test
    void those_that_shrink_do_so_before_others_grow() {
        List<String> order = new CopyOnWriteArrayList<>();
        LimiterListener listener = new LimiterListener() {
            @Override
            public void resized(CapacityLimiter limiter, int from, int to) {
                order.add(limiter.name());
            }
        };
        try (LimiterScope scope = idle.watch(LimiterScope.builder()
                .each(settings -> settings.listener(listener))
                .open())) {
            scope.reconfigure(Map.of(
                    "weir.endpoints.capacity",
                    "60",
                    "weir.background.capacity",
                    "10",
                    "weir.streaming.capacity",
                    "50"));
            assertThat(order).containsExactly("background", "endpoints", "streaming");
        }
    }

    @Test
    void a_limiter_that_was_resized_to_what_is_configured_now_is_not_resized_again() {
        List<Integer> resized = new CopyOnWriteArrayList<>();
        LimiterListener listener = new LimiterListener() {
            @Override
            public void resized(CapacityLimiter limiter, int from, int to) {
                resized.add(to);
            }
        };
        try (LimiterScope scope = idle.watch(LimiterScope.builder()
                .each(settings -> settings.listener(listener))
                .open())) {
            scope.endpoints().resize(60);
            List<SettingChange> changes = scope.reconfigure(Map.of("weir.endpoints.capacity", "60"));
            assertThat(changes).hasSize(1).isUnmodifiable();
            assertThat(resized).containsExactly(60);
        }
    }

    @Test
    void rule_1_3_growing_by_configuration_admits_those_who_wait_before_it_returns() throws Exception {
        try (LimiterScope scope = idle.watch(LimiterScope.builder().capacity(0).open())) {
            CompletableFuture<Permit> waiter = scope.endpoints().acquireAsync();
            scope.reconfigure(Map.of("weir.endpoints.capacity", "1"));
            assertThat(waiter).isDone();
            waiter.get().close();
        }
    }

    @Test
    void rule_1_7_a_dependent_that_looks_at_the_scope_from_another_thread_waits_for_no_lock() throws Exception {
        try (LimiterScope scope = idle.watch(LimiterScope.builder().capacity(0).open())) {
            AtomicReference<List<SettingChange>> inner = new AtomicReference<>();
            CompletableFuture<Void> seen = scope.endpoints().acquireAsync().thenAccept(permit -> {
                permit.close();
                inner.set(CompletableFuture.supplyAsync(() -> scope.reconfigure(Map.of("weir.endpoints.capacity", "3")))
                        .orTimeout(10, TimeUnit.SECONDS)
                        .join());
            });
            scope.reconfigure(Map.of("weir.endpoints.capacity", "1"));
            seen.get(10, TimeUnit.SECONDS);
            assertThat(inner.get()).hasSize(1);
            assertThat(scope.endpoints().capacity()).isEqualTo(3);
        }
    }

    /** Two change the same limiter: what is in force in the end is what was configured last. */
    @Test
    void of_two_that_configure_at_once_the_last_one_counts_for_all_limiters() throws Exception {
        try (LimiterScope scope = idle.watch(LimiterScope.open())) {
            CyclicBarrier start = new CyclicBarrier(2);
            for (int round = 0; round < 2_000; round++) {
                CompletableFuture<Void> other = CompletableFuture.runAsync(() -> {
                    meet(start);
                    scope.reconfigure(Map.of("weir.all.capacity", "10"));
                });
                meet(start);
                scope.reconfigure(Map.of("weir.all.capacity", "20"));
                other.get(10, TimeUnit.SECONDS);
                assertThat(capacities(scope)).as("round %d", round).containsAnyOf(10, 20);
                assertThat(capacities(scope))
                        .as("round %d", round)
                        .containsOnly(capacities(scope).get(0));
            }
        }
    }

    private static void meet(CyclicBarrier barrier) {
        try {
            barrier.await(10, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void a_watched_file_is_followed_by_one_daemon_thread_until_closed(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("weir.properties"), "weir.endpoints.capacity=5\n");
        try (LimiterScope scope = idle.watch(LimiterScope.open())) {
            LiveConfiguration live = LiveConfiguration.watch(scope, file, Duration.ofMillis(5));
            assertThat(scope.endpoints().capacity()).isEqualTo(5);
            assertThat(watchers()).singleElement().matches(Thread::isDaemon);

            Files.writeString(file, "weir.endpoints.capacity=6\n");
            await().until(() -> scope.endpoints().capacity() == 6);
            Files.writeString(file, "weir.endpoints.capacity=-6\n");
            await().until(() -> live.problem().isPresent());
            assertThat(scope.endpoints().capacity()).isEqualTo(6);
            Files.writeString(file, "weir.endpoints.capacity=7\n");
            live.reload();
            assertThat(scope.endpoints().capacity()).isEqualTo(7);

            live.close();
            live.close();
            await().until(() -> watchers().isEmpty());
        }
    }

    private static List<Thread> watchers() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().equals("weir-configuration"))
                .toList();
    }
}
