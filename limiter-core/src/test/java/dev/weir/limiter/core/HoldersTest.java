package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.PermitHolder;
import dev.weir.limiter.tck.IdleLimiters;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

@Timeout(60)
class HoldersTest {

    private static final Duration SHORT = Duration.ofMillis(20);

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private final List<PermitHolder> overdue = new CopyOnWriteArrayList<>();
    private final List<PermitHolder> returned = new CopyOnWriteArrayList<>();
    private final List<PermitHolder> dropped = new CopyOnWriteArrayList<>();
    private final List<Integer> inUseWhenTold = new CopyOnWriteArrayList<>();
    private final LimiterListener listener = new LimiterListener() {
        @Override
        public void overdue(CapacityLimiter limiter, PermitHolder holder) {
            overdue.add(holder);
        }

        @Override
        public void overdueReturned(CapacityLimiter limiter, PermitHolder holder) {
            inUseWhenTold.add(limiter.statistics().inUse());
            returned.add(holder);
        }

        @Override
        public void dropped(CapacityLimiter limiter, PermitHolder holder) {
            inUseWhenTold.add(limiter.statistics().inUse());
            dropped.add(holder);
        }
    };

    private CapacityLimiter tracking(Duration suspicious) {
        return idle.watchAndClose(CapacityLimiter.builder("tracked")
                .capacity(2)
                .trackHolders(suspicious)
                .listener(listener)
                .build());
    }

    /** Named by file and line: where the test asked. */
    private static void assertNamesThisTest(List<StackTraceElement> stack) {
        assertThat(stack.get(0).getFileName()).isEqualTo("HoldersTest.java");
        assertThat(stack.get(0).getLineNumber()).isPositive();
    }

    @Test
    void a_permit_says_whose_it_is_and_whether_it_is_held() throws Exception {
        Permit permit = tracking(SHORT).acquire();
        assertThat(permit).hasToString("Permit[tracked, held]");
        permit.close();
        assertThat(permit).hasToString("Permit[tracked, closed]");
    }

    @Test
    void holders_are_listed_with_age_thread_and_stack_the_oldest_first() throws Exception {
        CapacityLimiter limiter = tracking(Duration.ofHours(1));
        CountDownLatch end = new CountDownLatch(1);
        CountDownLatch running = new CountDownLatch(1);
        Permit permit = limiter.acquire();
        CompletableFuture<Void> work = Limiters.run(limiter, () -> {
            running.countDown();
            awaitUninterruptibly(end);
        });
        assertThat(running.await(10, TimeUnit.SECONDS)).isTrue();
        await().until(() -> limiter.holders().get(1).nowAt().stream()
                .anyMatch(frame -> frame.getMethodName().equals("awaitUninterruptibly")));

        List<PermitHolder> holders = limiter.holders();

        assertThat(holders).hasSize(2).noneMatch(PermitHolder::overdue);
        PermitHolder mine = holders.get(0);
        assertThat(mine.threadName()).isEqualTo(Thread.currentThread().getName());
        assertNamesThisTest(mine.askedAt());
        assertThat(mine.nowAt()).isEmpty();
        PermitHolder workers = holders.get(1);
        assertThat(workers.threadName()).isEqualTo("weir-tracked-1");
        assertNamesThisTest(workers.askedAt());

        end.countDown();
        work.get(10, TimeUnit.SECONDS);
        permit.close();
        assertThat(limiter.holders()).isEmpty();
        assertThat(overdue).isEmpty();
        assertThat(returned).isEmpty();
    }

    /** Else a table of them would not keep still. */
    @Test
    void ages_are_of_one_moment_and_agree_with_the_order() throws Exception {
        CapacityLimiter limiter = idle.watchAndClose(CapacityLimiter.builder("together")
                .capacity(50)
                .trackHolders(Duration.ofHours(1))
                .build());
        List<Permit> permits = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            permits.add(limiter.acquire());
        }
        assertThat(limiter.holders())
                .extracting(PermitHolder::age)
                .isSortedAccordingTo(Comparator.<Duration>reverseOrder());
        permits.forEach(Permit::close);
    }

    private static void awaitUninterruptibly(CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void a_permit_held_too_long_is_reported_once_and_again_when_it_comes_back() throws Exception {
        CapacityLimiter limiter = tracking(SHORT);
        Permit permit = limiter.acquire();
        await().until(() -> !overdue.isEmpty());
        try (Permit other = limiter.acquire()) { // another look has been by when this one is overdue
            assertThat(other).isNotNull();
            await().until(() -> overdue.size() == 2);
        }
        permit.close();
        assertThat(overdue).hasSize(2);
        assertThat(returned).hasSize(2);
        assertThat(inUseWhenTold).as("told after the fact").containsExactly(1, 0);
        assertThat(overdue).allSatisfy(holder -> {
            assertThat(holder.limiterName()).isEqualTo("tracked");
            assertThat(holder.age()).isGreaterThanOrEqualTo(SHORT);
            assertThat(holder.overdue()).isTrue();
            assertNamesThisTest(holder.askedAt());
            assertThat(holder.toString())
                    .contains("permit of limiter 'tracked' held for")
                    .contains("HoldersTest.java:");
        });
        assertThat(limiter.statistics().leaked()).isZero();
    }

    @Test
    void who_asked_is_known_of_those_who_had_to_wait_too() throws Exception {
        CapacityLimiter limiter = tracking(Duration.ofHours(1));
        limiter.resize(0);
        CompletableFuture<Permit> asynchronous = limiter.acquireAsync();
        CompletableFuture<String> blocked = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try (Permit permit = limiter.acquire()) {
                        blocked.complete(permit.limiter().holders().toString());
                    } catch (InterruptedException e) {
                        blocked.completeExceptionally(e);
                    }
                },
                "blocked-thread");
        thread.start();
        await().until(() -> limiter.statistics().waiting() == 2);
        CompletableFuture.runAsync(() -> limiter.resize(2)).get(10, TimeUnit.SECONDS);
        assertThat(blocked.get(10, TimeUnit.SECONDS)).contains("'blocked-thread'");
        thread.join(10_000);
        assertNamesThisTest(limiter.holders().get(0).askedAt());
        asynchronous.get(10, TimeUnit.SECONDS).close();
    }

    @Test
    void rule_1_4_a_permit_that_was_dropped_is_reported_counted_and_given_back_once() {
        CapacityLimiter limiter = tracking(Duration.ofMinutes(1));
        for (int i = 0; i < 2; i++) {
            drop(limiter);
        }
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        await().until(() -> {
            System.gc();
            return limiter.statistics().leaked() == 2;
        });
        assertThat(waiter).succeedsWithin(10, TimeUnit.SECONDS);
        waiter.join().close();
        await().until(() -> dropped.size() == 2);
        assertThat(dropped).allSatisfy(holder -> assertNamesThisTest(holder.askedAt()));
        assertThat(limiter.statistics().inUse()).isZero();
        assertThat(limiter.holders()).isEmpty();
    }

    private static void drop(CapacityLimiter limiter) {
        assertThat(limiter.tryAcquire()).isPresent();
    }

    /** A permit may be collected while its close is under way: who ends the holding gives the permit back, nobody else. */
    @Test
    void rule_1_4_a_close_that_comes_after_the_collector_gives_nothing_back() throws Exception {
        GateLimiter limiter = (GateLimiter) tracking(Duration.ofHours(1));
        GatePermit permit = (GatePermit) limiter.acquire();
        try (Permit other = limiter.acquire()) {
            assertThat(other).isNotNull();
            assertThat(Objects.requireNonNull(permit.holding()).end()).isTrue();
            limiter.release(0, false);
            permit.close();
            assertThat(limiter.statistics().inUse()).isEqualTo(1);
        }
        assertThat(limiter.statistics().inUse()).isZero();
    }

    @Test
    void at_a_high_rate_only_a_sample_is_followed_and_at_a_low_one_everybody_again() throws Exception {
        CapacityLimiter limiter = tracking(Duration.ofSeconds(40));
        limiter.resize(5_000);
        List<Permit> permits = new ArrayList<>();
        for (int i = 0; i < 5_000; i++) {
            permits.add(limiter.acquire());
        }
        int followed = limiter.holders().size();
        assertThat(followed).isBetween(256, 2_500);
        permits.forEach(Permit::close);
        assertThat(limiter.holders()).isEmpty();
        await().atMost(Duration.ofSeconds(50))
                .pollInterval(Duration.ofMillis(200))
                .until(() -> {
                    try (Permit one = limiter.acquire();
                            Permit two = limiter.acquire()) {
                        return one.limiter().holders().size() == 2
                                && two.limiter().equals(limiter);
                    }
                });
    }

    @Test
    void nobody_is_followed_unless_asked_for() throws Exception {
        CapacityLimiter limiter = idle.watchAndClose(CapacityLimiter.of("untracked", 1));
        try (Permit permit = limiter.acquire()) {
            assertThat(permit.limiter().holders()).isEmpty();
        }
    }

    @Test
    void tracking_can_be_configured() throws Exception {
        try (LimiterScope scope = LimiterScope.builder()
                .properties(Map.of("weir.all.track-holders", "30s", "weir.shared.track-holders", "none"))
                .open()) {
            try (Permit permit = scope.endpoints().acquire();
                    Permit untracked = scope.shared().acquire()) {
                assertThat(permit.limiter().holders()).hasSize(1);
                assertThat(untracked.limiter().holders()).isEmpty();
            }
        }
    }
}
