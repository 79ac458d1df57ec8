package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;

class VirtualThreadsTest {

    private final CapacityLimiterBuilder builder =
            CapacityLimiter.builder("virtual").capacity(2);

    @Test
    @EnabledForJreRange(min = JRE.JAVA_21)
    void rule_2_6_virtual_threads_are_one_call_away_and_named_after_the_limiter() throws Exception {
        try (CapacityLimiter limiter = builder.virtualThreads().build()) {
            String thread = Limiters.run(limiter, () -> Thread.currentThread().toString())
                    .get(5, TimeUnit.SECONDS);
            assertThat(thread).startsWith("VirtualThread").contains("weir-virtual-");
        }
    }

    /** A virtual thread is made by whoever frees the permit, who has a context of its own. */
    @Test
    @EnabledForJreRange(min = JRE.JAVA_21)
    void rule_2_7_work_inherits_nothing_of_whoever_frees_its_permit() throws Exception {
        InheritableThreadLocal<String> inherited = new InheritableThreadLocal<>();
        try (CapacityLimiter limiter = builder.capacity(1).virtualThreads().build()) {
            Permit held = limiter.acquire();
            CompletableFuture<String> seen = Limiters.run(limiter, inherited::get);
            inherited.set("somebody else's");
            held.close();
            assertThat(seen.get(5, TimeUnit.SECONDS)).isNull();
        } finally {
            inherited.remove();
        }
    }

    @Test
    @EnabledForJreRange(max = JRE.JAVA_20)
    void rule_2_6_where_there_are_none_the_message_says_what_is_needed() {
        assertThatExceptionOfType(UnsupportedOperationException.class)
                .isThrownBy(builder::virtualThreads)
                .withMessageContaining("Java 21");
    }
}
