package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.spi.BlockingGuard;
import dev.weir.limiter.tck.IdleLimiters;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What a limiter does on a thread that must not block; which threads those are is tested with the servers. */
@Timeout(30)
class BlockingGuardTest {

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private final CapacityLimiter limiter = idle.watchAndClose(CapacityLimiter.of("endpoints", 2));

    @Test
    void rule_5_1_every_blocking_form_is_refused_at_once_though_permits_are_free() throws Exception {
        try (BlockingGuard.Ban ban = BlockingGuard.forbid("it tests")) {
            assertThat(ban).isNotNull();
            assertRefused(limiter::acquire);
            assertRefused(() -> limiter.tryAcquire(Duration.ofNanos(1)));
            assertRefused(() -> Limiters.call(limiter, () -> {
                throw new AssertionError("the work ran");
            }));
        }
        assertThat(limiter.statistics().acquired()).isZero();
        limiter.acquire().close();
    }

    private static void assertRefused(ThrowingCallable blocking) {
        assertThatIllegalStateException()
                .isThrownBy(blocking)
                .withMessage(
                        "Thread '" + Thread.currentThread().getName() + "' must not block: it tests. It asked limiter"
                                + " 'endpoints' in a way that may block; use acquireAsync(), tryAcquire() or"
                                + " Limiters.run(limiter, work) here instead");
    }

    @Test
    void rule_5_1_what_does_not_block_is_allowed_everywhere() throws Exception {
        try (BlockingGuard.Ban ban = BlockingGuard.forbid("it tests")) {
            assertThat(ban).isNotNull();
            limiter.tryAcquire().orElseThrow().close();
            limiter.tryAcquire(Duration.ZERO).orElseThrow().close();
            limiter.acquireAsync().get(5, TimeUnit.SECONDS).close();
            assertThat(Limiters.run(limiter, () -> {
                                try (Permit second = limiter.acquire()) { // on a worker, which may block
                                    return second.limiter().name();
                                }
                            })
                            .get(5, TimeUnit.SECONDS))
                    .isEqualTo("endpoints");
        }
    }

    @Test
    void bans_nest_and_end_with_the_innermost_last() throws Exception {
        BlockingGuard.Ban outer = BlockingGuard.forbid("it does one thing");
        BlockingGuard.Ban inner = BlockingGuard.forbid("it does another");
        assertThatIllegalStateException().isThrownBy(limiter::acquire).withMessageContaining("it does another");
        inner.close();
        assertThatIllegalStateException().isThrownBy(limiter::acquire).withMessageContaining("it does one thing");
        outer.close();
        limiter.acquire().close();
    }
}
