package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class IdleLimitersTest {

    /** Not run by itself: some of it has to fail. */
    static class Leaks {

        @RegisterExtension
        final IdleLimiters limiters = new IdleLimiters().patience(Duration.ofMillis(300));

        private CapacityLimiter limiter() {
            return limiters.watch(
                    new ReferenceLimiter((Settings) new Settings("leaky", ReferenceLimiter::new).capacity(1)));
        }

        @Test
        void leaves_a_permit() {
            assertThat(limiter().tryAcquire()).isPresent();
        }

        @Test
        void leaves_a_waiter() {
            CapacityLimiter limiter = limiter();
            limiter.resize(0);
            CompletableFuture<?> waiter = limiter.acquireAsync();
            assertThat(waiter).isNotDone();
        }

        @Test
        void leaves_nothing() {
            limiter().tryAcquire().orElseThrow().close();
        }

        @Test
        void becomes_idle_within_the_patience() {
            var permit = limiter().tryAcquire().orElseThrow();
            CompletableFuture.delayedExecutor(50, TimeUnit.MILLISECONDS).execute(permit::close);
        }

        @Test
        void fails_by_itself_and_leaks() {
            assertThat(limiter().tryAcquire()).isPresent();
            throw new IllegalStateException("the test's own failure");
        }
    }

    private final KitRun run = KitRun.of(Leaks.class);

    @Test
    void a_leaking_test_fails_and_the_message_names_test_limiter_and_numbers() {
        assertThat(run.failedTests())
                .containsExactly("fails_by_itself_and_leaks", "leaves_a_permit", "leaves_a_waiter");
        assertThat(run.failureOf("leaves_a_permit"))
                .hasMessageContaining("leaves_a_permit()")
                .hasMessageContaining("'leaky'")
                .hasMessageContaining("capacity 1, in use 1, waiting 0");
        assertThat(run.failureOf("leaves_a_waiter")).hasMessageContaining("capacity 0, in use 0, waiting 1");
    }

    @Test
    void a_clean_test_passes_and_one_that_becomes_clean_soon_does_too() {
        assertThat(run.passedTests()).containsExactly("becomes_idle_within_the_patience", "leaves_nothing");
    }

    @Test
    void a_failure_of_the_test_itself_comes_first_and_the_leak_is_added_to_it() {
        Throwable failure = run.failureOf("fails_by_itself_and_leaks");

        assertThat(failure).hasMessage("the test's own failure");
        assertThat(failure.getSuppressed())
                .anyMatch(suppressed -> suppressed.toString().contains("'leaky'"));
    }
}
