package dev.weir.limiter.page;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class WaitHistogramTest {

    private final WaitHistogram waits = new WaitHistogram();

    @Test
    void nobody_gives_no_quantile() {
        assertThat(waits.quantile(0.99)).isEmpty();
    }

    @Test
    void those_who_had_no_need_to_wait_count() {
        for (int i = 0; i < 99; i++) {
            waits.record(0);
        }
        waits.record(Duration.ofSeconds(1).toNanos());

        assertThat(waits.quantile(0.99)).hasValue(0);
        assertThat(waits.quantile(1).getAsLong()).isBetween(1_000_000_000L, 1_125_000_000L);
    }

    /** Never too low, and too high by an eighth at most, whatever the waits. */
    @Test
    void quantiles_are_near_the_exact_ones() {
        Random random = new Random(20261123);
        for (int round = 0; round < 50; round++) {
            WaitHistogram histogram = new WaitHistogram();
            long[] exact = new long[1 + random.nextInt(500)];
            for (int i = 0; i < exact.length; i++) {
                exact[i] = 1024L << random.nextInt(32);
                exact[i] += (long) (random.nextDouble() * exact[i]);
                histogram.record(exact[i]);
            }
            Arrays.sort(exact);
            for (double quantile : new double[] {0.5, 0.9, 0.99, 1}) {
                long expected = exact[(int) Math.ceil(quantile * exact.length) - 1];

                assertThat(histogram.quantile(quantile).getAsLong()).isBetween(expected, expected + expected / 8 + 1);
            }
        }
    }

    @Test
    void the_longest_and_the_impossible_find_a_bucket() {
        waits.record(Long.MAX_VALUE);
        waits.record(-1);

        assertThat(waits.quantile(0.5)).hasValue(0);
        assertThat(waits.quantile(1).getAsLong())
                .isGreaterThan(Duration.ofHours(1).toNanos());
    }

    @Test
    void a_wait_is_forgotten_after_a_minute_and_not_before() {
        waits.record(1_000_000);
        for (int slice = 1; slice < WaitHistogram.SLICES; slice++) {
            waits.advance();
        }
        assertThat(waits.quantile(0.99)).isPresent();

        waits.advance();
        assertThat(waits.quantile(0.99)).isEmpty();
    }
}
