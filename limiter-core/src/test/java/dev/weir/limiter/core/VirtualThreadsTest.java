package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.Limiters;
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

    @Test
    @EnabledForJreRange(max = JRE.JAVA_20)
    void rule_2_6_where_there_are_none_the_message_says_what_is_needed() {
        assertThatExceptionOfType(UnsupportedOperationException.class)
                .isThrownBy(builder::virtualThreads)
                .withMessageContaining("Java 21");
    }
}
