package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.tck.IdleLimiters;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class RecentTimeTest {

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    private final Queue<Runnable> timer = new ArrayDeque<>();
    private long clock = 100;
    private boolean timerFails;
    private final RecentTime time = new RecentTime(
            (nanos, task) -> {
                if (timerFails) {
                    throw new OutOfMemoryError("unable to create native thread");
                }
                assertThat(nanos).as("some milliseconds at most").isBetween(1L, 10_000_000L);
                timer.add(task);
            },
            () -> clock);

    private void tick() {
        timer.remove().run();
    }

    @Test
    void until_the_timer_has_looked_the_clock_is_read() {
        assertThat(time.nanoTime()).isEqualTo(100);
        clock = 200;
        assertThat(time.nanoTime()).isEqualTo(200);
        assertThat(timer).as("one timer").hasSize(1);
    }

    @Test
    void while_somebody_asks_the_timer_reads_the_clock() {
        time.nanoTime();
        clock = 201;
        tick();
        clock = 301;
        assertThat(time.nanoTime()).isEqualTo(201);
        tick();
        assertThat(time.nanoTime()).isEqualTo(301);
        assertThat(timer).hasSize(1);
    }

    @Test
    void when_nobody_has_asked_the_timer_stops_and_the_clock_is_read_again() {
        time.nanoTime();
        tick();
        tick();
        assertThat(timer).isEmpty();
        clock = 999;
        assertThat(time.nanoTime()).isEqualTo(999);
        assertThat(timer).as("started again").hasSize(1);
    }

    @Test
    void a_timer_that_cannot_be_set_costs_nothing_but_its_use() {
        timerFails = true;
        assertThat(time.nanoTime()).isEqualTo(100);
        timerFails = false;
        clock = 200;
        assertThat(time.nanoTime()).isEqualTo(200);
        assertThat(timer).hasSize(1);
        timerFails = true;
        tick();
        clock = 300;
        assertThat(time.nanoTime()).isEqualTo(300);
    }

    @Test
    void a_clock_that_says_nought_is_kept_as_well() {
        time.nanoTime();
        clock = 0;
        tick();
        clock = 300;
        assertThat(time.nanoTime()).isEqualTo(1);
    }

    @Test
    void rule_1_6_work_that_may_not_wait_for_ever_or_is_listened_to_is_timed_exactly() throws Exception {
        List<CapacityLimiter> exact = List.of(
                CapacityLimiter.builder("waits")
                        .capacity(0)
                        .maxWait(Duration.ofHours(1))
                        .build(),
                CapacityLimiter.builder("waits")
                        .capacity(0)
                        .listener(new LimiterListener() {})
                        .build());
        await("the timer to keep the time").pollInterval(Duration.ofMillis(1)).until(RecentTimeTest::isKept);
        for (CapacityLimiter limiter : exact) {
            limiters.watchAndClose(limiter);
            for (int i = 0; i < 100; i++) {
                long before = System.nanoTime();
                Waiter<String> work = (Waiter<String>) Limiters.run(limiter, () -> "ran");
                assertThat(work.waitingSince - before).isNotNegative();
                work.cancel(false);
            }
        }
    }

    @Test
    void rule_1_10_the_oldest_wait_of_work_is_true_to_some_milliseconds() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(
                CapacityLimiter.builder("waits").capacity(1).build());
        CompletableFuture<Void> last;
        try (Permit held = limiter.acquire()) {
            assertThat(held.limiter()).isSameAs(limiter);
            CompletableFuture<Void> first = Limiters.run(limiter, () -> {});
            await("the timer to keep the time")
                    .pollInterval(Duration.ofMillis(1)) // it stops when nobody asks
                    .until(RecentTimeTest::isKept);
            long before = System.nanoTime();
            last = Limiters.run(limiter, () -> {});
            first.cancel(false);
            Duration oldest = limiter.statistics().oldestWait();
            long sinceBefore = System.nanoTime() - before;
            assertThat(oldest).isLessThan(Duration.ofNanos(sinceBefore).plusSeconds(5));
        }
        assertThat(last).succeedsWithin(Duration.ofSeconds(5));
    }

    /** A clock that is read twice has moved on. */
    private static boolean isKept() {
        long time = RecentTime.SHARED.nanoTime();
        return RecentTime.SHARED.nanoTime() == time;
    }

    /** Of a ring of waits the youngest is refused. */
    @Test
    void rule_2_4_work_that_was_started_by_work_is_timed_exactly() throws Exception {
        CapacityLimiter outer = limiters.watchAndClose(CapacityLimiter.of("outer", 1));
        CapacityLimiter limiter = limiters.watchAndClose(
                CapacityLimiter.builder("waits").capacity(1).build());
        try (Permit held = limiter.acquire()) {
            assertThat(held.limiter()).isSameAs(limiter);
            CompletableFuture<Void> work = Limiters.run(outer, () -> {
                await("the timer to keep the time")
                        .pollInterval(Duration.ofMillis(1))
                        .until(RecentTimeTest::isKept);
                for (int i = 0; i < 100; i++) {
                    long before = System.nanoTime();
                    Waiter<String> nested = (Waiter<String>) Limiters.run(limiter, () -> "nested");
                    assertThat(nested.waitingSince - before).isNotNegative();
                    nested.cancel(false);
                }
            });
            assertThat(work).succeedsWithin(Duration.ofSeconds(10));
        }
    }
}
