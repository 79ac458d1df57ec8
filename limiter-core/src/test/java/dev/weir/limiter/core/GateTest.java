package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.tck.IdleLimiters;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The gate at its limits. */
class GateTest {

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    @Test
    void rule_2_5_a_reserve_without_end_admits_finishing_work() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("reserve")
                .capacity(1)
                .reserve(Integer.MAX_VALUE)
                .build());
        try (Permit held = limiter.acquire()) {
            assertThat(held.limiter()).isSameAs(limiter);
            CompletableFuture<String> work = Limiters.finish(limiter, () -> "finished");
            assertThat(work.get(5, TimeUnit.SECONDS)).isEqualTo("finished");
        }
    }
}
