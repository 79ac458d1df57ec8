package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.PermitHolder;
import dev.weir.limiter.resilience4j.Bulkheads;
import dev.weir.limiter.tck.IdleLimiters;
import io.github.resilience4j.bulkhead.Bulkhead;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

@Timeout(60)
class HoldersTest {

    private static final Duration SHORT = Duration.ofMillis(20);

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    @RegisterExtension
    final Warnings warnings = new Warnings();

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

    private final Logged failure = new Logged("where nobody looks");
    private final List<Duration> periods = new ArrayList<>();
    private final Queue<Runnable> timer = new ArrayDeque<>();
    private boolean timerFails;

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
        assertThat(limiter.holders()).singleElement().matches(PermitHolder::overdue);
        try (Permit other = limiter.acquire()) { // another look has been by when this one is overdue
            assertThat(other).isNotNull();
            await().until(() -> overdue.size() == 2);
        }
        permit.close();
        assertThat(overdue).hasSize(2);
        assertThat(returned).hasSize(2).allMatch(PermitHolder::overdue);
        assertThat(warnings.messages())
                .filteredOn(message -> message.startsWith(
                        "WARNING: A permit was held for longer than 20 ms: permit of" + " limiter 'tracked' held for"))
                .hasSize(2);
        assertThat(warnings.messages())
                .filteredOn(message ->
                        message.startsWith("WARNING: A permit was given back after all: permit of limiter 'tracked'"))
                .hasSize(2);
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
        assertThat(dropped)
                .noneMatch(PermitHolder::overdue)
                .allSatisfy(holder -> assertNamesThisTest(holder.askedAt()));
        assertThat(warnings.messages())
                .hasSize(2)
                .allMatch(message -> message.startsWith("WARNING: A permit was dropped without being closed, and was"
                        + " given back now: permit of limiter 'tracked' held for"));
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
        assertThat(followed).isBetween(400, 2_500);
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

    /** With a timer that the test lets ring. */
    private Holders holders(GateLimiter limiter, Duration threshold) {
        return new Holders(limiter, threshold.toNanos(), (nanos, task) -> {
            periods.add(Duration.ofNanos(nanos));
            if (timerFails) {
                throw failure;
            }
            timer.add(task);
        });
    }

    private GateLimiter untracked() {
        return (GateLimiter) idle.watchAndClose(CapacityLimiter.builder("untracked")
                .capacity(2)
                .listener(listener)
                .build());
    }

    private static GatePermit hold(GateLimiter limiter, Holders holders) {
        assertThat(limiter.gate().tryTake()).isTrue();
        Following following = new Following(0, null);
        GatePermit permit = new GatePermit(limiter, following);
        holders.hold(permit, following, Objects.requireNonNull(holders.sample()));
        return permit;
    }

    @Test
    void a_quarter_of_the_time_that_is_suspicious_passes_between_looks_within_bounds() {
        GateLimiter limiter = untracked();
        for (Duration threshold : List.of(SHORT, Duration.ofMillis(400), Duration.ofHours(1))) {
            hold(limiter, holders(limiter, threshold)).close();
        }
        assertThat(periods).containsExactly(Duration.ofMillis(10), Duration.ofMillis(100), Duration.ofSeconds(1));
    }

    @Test
    void one_timer_looks_while_somebody_holds_a_permit_and_none_after() {
        GateLimiter limiter = untracked();
        Holders holders = holders(limiter, Duration.ofHours(1));
        GatePermit one = hold(limiter, holders);
        GatePermit two = hold(limiter, holders);
        assertThat(timer).hasSize(1);
        timer.remove().run();
        assertThat(timer).hasSize(1);
        one.close();
        two.close();
        timer.remove().run();
        assertThat(timer).isEmpty();
        hold(limiter, holders).close();
        assertThat(timer).hasSize(1);
    }

    /** The look finds nobody and is about to stop, while somebody begins to hold and finds it looking. */
    @Test
    void whoever_begins_to_hold_as_the_look_finds_nobody_is_looked_at() {
        GateLimiter limiter = untracked();
        Duel duel = new Duel(200_000);
        try (duel) {
            while (duel.goesOn()) {
                Queue<Runnable> timers = new ConcurrentLinkedQueue<>();
                Holders holders = new Holders(limiter, SHORT.toNanos(), (nanos, task) -> timers.add(task));
                hold(limiter, holders).close();
                AtomicReference<GatePermit> held = new AtomicReference<>();
                duel.round(timers.remove(), () -> held.set(hold(limiter, holders)));
                assertThat(timers).as("timers that are set").hasSize(1);
                held.get().close();
            }
        }
    }

    @Test
    void a_timer_that_cannot_be_set_is_logged_and_costs_nobody_a_permit() {
        GateLimiter limiter = untracked();
        Holders holders = holders(limiter, Duration.ofHours(1));
        timerFails = true;
        GatePermit one = hold(limiter, holders);
        assertThat(failure.times()).isEqualTo(1);
        timerFails = false;
        GatePermit two = hold(limiter, holders);
        assertThat(timer).as("set for the next").hasSize(1);
        one.close();
        two.close();
    }

    /** Else a failure in between would have it given back twice. */
    @Test
    void rule_1_4_a_permit_knows_that_it_is_followed_before_it_is() {
        GateLimiter limiter = untracked();
        assertThat(limiter.gate().tryTake()).isTrue();
        Following following = new Following(0, null);
        GatePermit permit = new GatePermit(limiter, following);
        AtomicReference<@Nullable Holding> known = new AtomicReference<>();
        Holders holders = new Holders(limiter, 1, (nanos, task) -> known.set(permit.holding()));
        holders.hold(permit, following, Objects.requireNonNull(holders.sample()));
        assertThat(known.get()).isNotNull();
        permit.close();
    }

    /** As the collector would have it; each of them is overdue, too. */
    @Test
    void rule_1_4_one_look_finds_all_that_were_dropped_and_none_that_was_closed() {
        GateLimiter limiter = untracked();
        Holders holders = holders(limiter, Duration.ofNanos(1));
        for (int i = 0; i < 2; i++) {
            assertThat(Objects.requireNonNull(hold(limiter, holders).holding()).enqueue())
                    .isTrue();
        }
        timer.remove().run();
        assertThat(holders.leaked()).isEqualTo(2);
        assertThat(overdue).isEmpty();
        assertThat(dropped).hasSize(2);
        assertThat(inUseWhenTold).as("told after the fact").containsExactly(1, 0);

        GatePermit closed = hold(limiter, holders);
        Holding holding = Objects.requireNonNull(closed.holding());
        closed.close();
        assertThat(holding.enqueue()).isTrue();
        holders.look();
        assertThat(holders.leaked()).isEqualTo(2);
        assertThat(limiter.statistics().inUse()).isZero();
    }

    @Test
    void a_permit_that_is_dropped_when_it_is_overdue_is_reported_as_both() {
        GateLimiter limiter = untracked();
        Holders holders = holders(limiter, Duration.ofNanos(1));
        GatePermit permit = hold(limiter, holders);
        timer.remove().run();
        assertThat(overdue).hasSize(1);
        Objects.requireNonNull(permit.holding()).enqueue();
        timer.remove().run();
        assertThat(dropped).singleElement().matches(PermitHolder::overdue);
        assertThat(returned).isEmpty();
    }

    private static int followed(Holders holders, int asked) {
        int followed = 0;
        for (int i = 0; i < asked; i++) {
            followed += holders.sample() == null ? 0 : 1;
        }
        return followed;
    }

    @Test
    void a_rate_that_is_low_in_each_period_has_everybody_followed() {
        Holders holders = holders(untracked(), Duration.ofHours(1));
        for (int period = 0; period < 5; period++) {
            assertThat(followed(holders, 200)).isEqualTo(200);
            holders.look();
        }
    }

    @Test
    void the_sample_is_halved_where_it_is_large_and_doubled_where_it_is_small() {
        Holders holders = holders(untracked(), Duration.ofHours(1));
        assertThat(followed(holders, 256)).isEqualTo(256);
        assertThat(followed(holders, 400)).as("of 400 one in two").isBetween(100, 300);
        followed(holders, 300); // as much again makes one in four of it
        assertThat(followed(holders, 400)).as("of 400 one in four").isBetween(30, 170);
        holders.look();
        assertThat(followed(holders, 100)).as("of 100 one in four").isLessThan(60);
        holders.look();
        assertThat(timer).as("goes on looking").isNotEmpty();
        assertThat(followed(holders, 300)).as("of 300 one in two").isBetween(80, 220);
        holders.look();
        assertThat(followed(holders, 60)).as("that was neither few nor many").isBetween(5, 55);
        holders.look();
        assertThat(followed(holders, 100)).isEqualTo(100);
        timer.clear();
        holders.look();
        assertThat(timer).isEmpty();
    }

    /** A thread of the user's, who does not want it to be looked at. */
    private static final class Secretive extends Thread {
        private final RuntimeException failure;

        Secretive(RuntimeException failure) {
            this.failure = failure;
        }

        @Override
        public StackTraceElement[] getStackTrace() {
            throw failure;
        }
    }

    @Test
    void rule_2_2_what_fails_as_a_holder_is_described_is_logged_and_harms_neither_him_nor_the_others() {
        GateLimiter limiter = untracked();
        Holders holders = holders(limiter, Duration.ofNanos(1));
        GatePermit permit = hold(limiter, holders);
        Objects.requireNonNull(permit.holding()).runBy(new Secretive(failure));
        timer.remove().run();
        assertThat(failure.times()).isEqualTo(1);
        assertThat(overdue).isEmpty();
        GatePermit other = hold(limiter, holders);
        timer.remove().run();
        assertThat(overdue).hasSize(1);
        permit.close();
        assertThat(failure.times()).isEqualTo(2);
        other.close();
        assertThat(limiter.statistics().inUse()).isZero();
    }

    private static PermitHolder askedFrom(GateLimiter limiter, String... classes) {
        Throwable at = new Throwable("asked for");
        at.setStackTrace(Stream.of(classes)
                .map(name -> new StackTraceElement(name, "asks", "Asking.java", 1))
                .toArray(StackTraceElement[]::new));
        Holders holders = new Holders(limiter, 1, (nanos, task) -> {});
        assertThat(limiter.gate().tryTake()).isTrue();
        Following following = new Following(0, null);
        try (GatePermit permit = new GatePermit(limiter, following)) {
            holders.hold(permit, following, new Holding.Origin("asking", at));
            return Objects.requireNonNull(permit.holding()).describe("asked", System.nanoTime() - 3_600_000_000_000L);
        }
    }

    @Test
    void where_a_permit_was_asked_for_begins_below_the_limiters_own_frames() {
        GateLimiter limiter = untracked();
        String ours = "dev.weir.limiter.core.GateLimiter";
        PermitHolder holder = askedFrom(limiter, ours, ours + "$Inner", ours + "Test", ours, "user.Main");
        assertThat(holder.askedAt())
                .extracting(StackTraceElement::getClassName)
                .containsExactly(ours + "Test", ours, "user.Main");
        assertThat(holder.age()).as("seen from a moment before").isZero();
        assertThat(askedFrom(limiter, ours, ours).askedAt())
                .as("where there is nothing else")
                .hasSize(2);
    }

    @Test
    void who_asked_is_the_user_however_he_asked() throws Exception {
        List<PermitHolder> holders = new CopyOnWriteArrayList<>();
        CapacityLimiter limiter = idle.watchAndClose(Bulkheads.adopt(
                Bulkhead.ofDefaults("tracked"),
                settings -> settings.trackHolders(Duration.ofHours(1)).workers(Runnable::run)));
        try (Permit permit = limiter.acquire()) {
            holders.addAll(permit.limiter().holders());
        }
        try (Permit permit = limiter.tryAcquire().orElseThrow()) {
            holders.addAll(permit.limiter().holders());
        }
        Limiters.run(limiter, () -> holders.addAll(limiter.holders())).join();
        Limiters.call(limiter, () -> holders.addAll(limiter.holders()));
        Limiters.executor(limiter).execute(() -> holders.addAll(limiter.holders()));
        Limiters.background(limiter, () -> holders.addAll(limiter.holders())).join();
        Limiters.iterate(limiter, Stream.of(1).peek(item -> holders.addAll(limiter.holders())))
                .subscribe(new Flow.Subscriber<>() {
                    @Override
                    public void onSubscribe(Flow.Subscription subscription) {
                        subscription.request(Long.MAX_VALUE);
                    }

                    @Override
                    public void onNext(Integer item) {}

                    @Override
                    public void onError(Throwable failed) {}

                    @Override
                    public void onComplete() {}
                });
        assertThat(holders).hasSize(7).allSatisfy(holder -> assertNamesThisTest(holder.askedAt()));
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
