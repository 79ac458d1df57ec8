package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterHealth;
import dev.weir.limiter.LimiterHealth.Status;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Permit;
import dev.weir.limiter.tck.IdleLimiters;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

@Timeout(30)
class LimiterHealthTest {

    private static final Duration HOUR = Duration.ofHours(1);

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private final CapacityLimiter limiter = idle.watchAndClose(CapacityLimiter.of("partner", 1));

    private LimiterHealth health(Duration threshold) {
        return LimiterHealth.of(List.of(limiter), threshold);
    }

    @Test
    void a_limiter_with_permits_free_is_up() {
        assertThat(health(Duration.ZERO).status()).isEqualTo(Status.UP);
        assertThat(health(Duration.ZERO).toString()).isEqualTo("UP");
    }

    @Test
    void a_full_limiter_that_nobody_waits_for_is_up() throws Exception {
        try (Permit held = limiter.acquire()) {
            assertThat(held.limiter().statistics().available()).isZero();
            assertThat(health(Duration.ZERO).status()).isEqualTo(Status.UP);
        }
    }

    @Test
    void it_is_saturated_once_somebody_has_waited_longer_than_the_threshold_and_up_when_the_queue_is_gone()
            throws Exception {
        Permit held = limiter.acquire();
        CompletableFuture<Permit> waiter = limiter.acquireAsync();

        assertThat(health(HOUR).status()).isEqualTo(Status.UP);
        await().until(() -> health(Duration.ofMillis(20)).status() == Status.SATURATED);
        LimiterHealth health = health(Duration.ofMillis(20));
        assertThat(health.saturated())
                .singleElement()
                .extracting(LimiterStatistics::limiterName, LimiterStatistics::waiting)
                .containsExactly("partner", 1);
        assertThat(health.toString())
                .startsWith(
                        "SATURATED\nLimiter 'partner': capacity 1, in use 1, waiting 1 of at most 1024, oldest wait ");

        held.close();
        assertThat(health(Duration.ZERO).status()).isEqualTo(Status.UP);
        waiter.get(5, TimeUnit.SECONDS).close();
    }

    @Test
    void a_paused_limiter_is_saturated_when_somebody_waits_for_it() {
        limiter.resize(0);
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        await().until(() -> health(Duration.ZERO).status() == Status.SATURATED);
        waiter.cancel(false);
        assertThat(health(Duration.ZERO).status()).isEqualTo(Status.UP);
    }

    @Test
    void of_a_scope_it_names_the_saturated_limiter_among_all() throws Exception {
        try (LimiterScope scope = LimiterScope.builder().capacity(1).open()) {
            Permit held = scope.background().acquire();
            CompletableFuture<Permit> waiter = scope.background().acquireAsync();
            await().until(() -> LimiterHealth.of(scope, Duration.ZERO).status() == Status.SATURATED);
            LimiterHealth health = LimiterHealth.of(scope, Duration.ZERO);
            assertThat(health.limiters()).hasSize(4);
            assertThat(health.saturated())
                    .extracting(LimiterStatistics::limiterName)
                    .containsExactly("background");
            waiter.cancel(false);
            held.close();
        }
    }

    @Test
    void looking_takes_no_permit_and_leaves_no_trace() {
        LimiterStatistics before = limiter.statistics();
        health(Duration.ZERO);
        LimiterStatistics after = limiter.statistics();
        assertThat(after.acquired()).isEqualTo(before.acquired());
        assertThat(after.refused()).isEqualTo(before.refused());
    }

    @Test
    void a_negative_threshold_is_refused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> health(Duration.ofMillis(-1)))
                .withMessage("threshold: expected zero or more, was PT-0.001S");
    }
}
