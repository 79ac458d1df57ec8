package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.Registration;
import dev.weir.limiter.ScopeListener;
import dev.weir.limiter.core.watch.PermitListener;
import dev.weir.limiter.core.watch.Watchable;
import dev.weir.limiter.core.watch.Watcher;
import dev.weir.limiter.spi.WorkLimiter;
import dev.weir.limiter.tck.IdleLimiters;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Listeners that come and go while limiters and scopes are in use. */
class ListeningTest {

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    @RegisterExtension
    final Warnings warnings = new Warnings();

    private final Logged failure = new Logged("a listener of the test's that fails");
    private final CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.of("one", 2));
    private final List<String> news = new ArrayList<>();

    private final class Recording implements LimiterListener, ScopeListener {
        @Override
        public void granted(CapacityLimiter from, Duration waited) {
            news.add("granted");
        }

        @Override
        public void released(CapacityLimiter from, Duration held) {
            news.add(held.toHours() < 1 ? "released" : "held for " + held);
        }

        @Override
        public void added(CapacityLimiter group) {
            news.add("added " + group.name());
        }

        @Override
        public void closed() {
            news.add("closed");
        }
    }

    @Test
    void listener_hears_of_what_happens_while_it_listens() {
        limiter.tryAcquire().orElseThrow().close();
        Registration listening = limiter.listen(new Recording());
        limiter.tryAcquire().orElseThrow().close();
        listening.close();
        listening.close();
        limiter.tryAcquire().orElseThrow().close();
        assertThat(news).containsExactly("granted", "released");
    }

    @Test
    void nothing_is_told_of_a_permit_that_nobody_had_heard_of() {
        Permit before = limiter.tryAcquire().orElseThrow();
        try (Registration listening = limiter.listen(new Recording())) {
            assertThat(listening).isNotNull();
            before.close();
            assertThat(news).isEmpty();
        }
    }

    @Test
    void listener_that_is_added_twice_hears_twice_and_leaves_once_for_each_close() {
        Recording listener = new Recording();
        Registration first = limiter.listen(listener);
        Registration second = limiter.listen(listener);
        limiter.tryAcquire().orElseThrow().close();
        assertThat(news).hasSize(4);
        first.close();
        first.close();
        limiter.tryAcquire().orElseThrow().close();
        assertThat(news).hasSize(6);
        second.close();
        limiter.tryAcquire().orElseThrow().close();
        assertThat(news).hasSize(6);
    }

    /** Equal to its like, and nevertheless not the same. */
    private record Equal(List<String> heard) implements LimiterListener {
        @Override
        public void granted(CapacityLimiter from, Duration waited) {
            heard.add("granted");
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Equal;
        }

        @Override
        public int hashCode() {
            return 0;
        }
    }

    @Test
    void listener_that_leaves_is_the_one_that_leaves_and_the_others_hear_in_their_order() {
        List<List<String>> heard = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        List<Registration> listening = new ArrayList<>();
        heard.forEach(each -> listening.add(limiter.listen(new Equal(each))));
        limiter.listen(new Recording());
        limiter.listen(new LimiterListener() {
            @Override
            public void granted(CapacityLimiter from, Duration waited) {
                news.add("granted, told last");
            }
        });
        listening.get(1).close();

        limiter.tryAcquire().orElseThrow().close();

        assertThat(heard).extracting(List::size).containsExactly(1, 0, 1);
        assertThat(news).containsExactly("granted", "granted, told last", "released");
    }

    @Test
    void listener_that_was_added_twice_and_left_once_hears_of_all_else_once() {
        LimiterListener listener = new LimiterListener() {
            @Override
            public void resized(CapacityLimiter from, int before, int now) {
                news.add(before + " to " + now);
            }
        };
        Registration first = limiter.listen(listener);
        Registration second = limiter.listen(listener);
        first.close();
        first.close();
        limiter.resize(3);
        assertThat(news).containsExactly("2 to 3");
        second.close();
        limiter.resize(2);
        assertThat(news).hasSize(1);
    }

    @Test
    @SuppressWarnings("NullAway") // what it does with null is the question
    void nobody_is_no_listener() {
        WorkLimiter watchable = (WorkLimiter) limiter;
        assertThatNullPointerException().isThrownBy(() -> limiter.listen(null)).withMessage("listener");
        assertThatNullPointerException()
                .isThrownBy(() -> ((Watchable) watchable).hear(null))
                .withMessage("listener");
        assertThatNullPointerException()
                .isThrownBy(() -> ((Watchable) watchable).watch(null))
                .withMessage("watcher");
        limiter.tryAcquire().orElseThrow().close();
    }

    private final class Hearing implements PermitListener {
        @Override
        public void granted(long waitedNanos) {
            news.add("granted");
        }

        @Override
        public void released(long heldNanos) {
            news.add("released");
        }
    }

    @Test
    void whoever_hears_of_permits_alone_hears_as_often_as_he_was_added() {
        Hearing hearing = new Hearing();
        Registration first = ((Watchable) limiter).hear(hearing);
        Registration second = ((Watchable) limiter).hear(hearing);
        first.close();
        first.close();
        limiter.tryAcquire().orElseThrow().close();
        assertThat(news).containsExactly("granted", "released");
        second.close();
        limiter.tryAcquire().orElseThrow().close();
        assertThat(news).hasSize(2);
    }

    /** T1 and T2 read the same listeners, and each writes them back with its own. */
    @Test
    void of_two_that_come_at_once_both_hear_and_of_two_that_leave_neither() {
        try (Duel duel = new Duel(20_000)) {
            while (duel.goesOn()) {
                AtomicReference<Registration> mine = new AtomicReference<>();
                AtomicReference<Registration> others = new AtomicReference<>();
                duel.round(
                        () -> mine.set(limiter.listen(new Recording())),
                        () -> others.set(((Watchable) limiter).hear(new Hearing())));
                limiter.tryAcquire().orElseThrow().close();
                assertThat(news).hasSize(4);
                duel.round(() -> mine.get().close(), () -> others.get().close());
                limiter.tryAcquire().orElseThrow().close();
                assertThat(news).hasSize(4);
                news.clear();
            }
        }
    }

    @Test
    void times_are_those_that_passed_and_whoever_gets_a_permit_is_told_of_before_it_was_given_back() throws Exception {
        List<Duration> times = new ArrayList<>();
        limiter.resize(1);
        limiter.listen(new LimiterListener() {
            @Override
            public void granted(CapacityLimiter from, Duration waited) {
                news.add("granted");
                times.add(waited);
            }

            @Override
            public void released(CapacityLimiter from, Duration held) {
                news.add("released");
                times.add(held);
            }

            @Override
            public void withdrawn(CapacityLimiter from, Duration waited) {
                news.add("withdrawn");
                times.add(waited);
            }
        });
        long begun = System.nanoTime();
        Permit held = limiter.tryAcquire().orElseThrow();
        CompletableFuture<Permit> left = limiter.acquireAsync();
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        await().until(() -> limiter.statistics().oldestWait().toMillis() >= 20);
        left.cancel(false);
        held.close();
        waiter.join().close();
        Duration all = Duration.ofNanos(System.nanoTime() - begun);

        assertThat(news).containsExactly("granted", "withdrawn", "granted", "released", "released");
        assertThat(times.get(0)).isZero();
        assertThat(times.subList(1, 4)).allSatisfy(time -> assertThat(time).isBetween(Duration.ofMillis(10), all));
        assertThat(times.get(4)).isBetween(Duration.ZERO, all);
    }

    @Test
    void a_waiter_that_gets_a_permit_nobody_had_heard_of_is_told_of() {
        Permit before = limiter.acquireAsync().join();
        limiter.resize(1);
        limiter.listen(new Recording());
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        CompletableFuture<Permit> next = limiter.acquireAsync();
        before.close();
        assertThat(news).containsExactly("granted");
        limiter.resize(2);
        assertThat(news).containsExactly("granted", "granted");
        waiter.join().close();
        next.join().close();
    }

    /** Notes what it follows, and fails where it is told to. */
    private final class Following implements Watcher {
        private final String name;
        private final Runnable reaction;

        Following(String name, Runnable reaction) {
            this.name = name;
            this.reaction = reaction;
        }

        private void note(String what) {
            news.add(name + " " + what);
            reaction.run();
        }

        @Override
        public Wait waiting() {
            note("waits beside " + limiter.statistics().waiting());
            return outcome -> note(outcome);
        }

        @Override
        public Work working() {
            note("works");
            return failure -> note("ended with " + failure);
        }
    }

    @Test
    void watchers_follow_waits_and_work_the_last_begun_ended_first() throws Exception {
        AssertionError error = new AssertionError("the work's");
        limiter.resize(1);
        Following watcher = new Following("one", () -> {});
        Registration one = ((Watchable) limiter).watch(watcher);
        Registration again = ((Watchable) limiter).watch(watcher);
        Registration two = ((Watchable) limiter).watch(new Following("two", () -> {}));
        again.close();
        again.close();
        Permit held = limiter.acquire();
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        assertThat(news).containsExactly("one waits beside 0", "two waits beside 0");
        held.close();
        waiter.join().close();
        assertThat(news.subList(2, 4)).containsExactly("one granted", "two granted");
        news.clear();
        for (ThrowingCallable work : List.<ThrowingCallable>of(
                () -> Limiters.call(limiter, () -> {
                    throw error;
                }),
                ((WorkLimiter) limiter).withContext(() -> {
                    throw error;
                })::run)) {
            assertThatThrownBy(work).isSameAs(error);
            assertThat(news)
                    .containsExactly("one works", "two works", "two ended with " + error, "one ended with " + error);
            news.clear();
        }
        one.close();
        Limiters.call(limiter, () -> "done");
        assertThat(news).containsExactly("two works", "two ended with null");
        two.close();
        Limiters.call(limiter, () -> "done");
        assertThat(news).hasSize(2);
    }

    @Test
    void a_watcher_that_fails_is_logged_each_time_and_disturbs_neither_work_nor_the_others() throws Exception {
        AssertionError error = new AssertionError("the watcher's");
        AtomicBoolean fails = new AtomicBoolean(true);
        limiter.resize(1);
        ((Watchable) limiter).watch(new Following("failing", () -> {
            if (fails.get()) {
                throw error;
            }
        }));
        ((Watchable) limiter).watch(new Following("other", () -> {}));
        Permit held = limiter.acquire();
        CompletableFuture<Permit> first = limiter.acquireAsync();
        fails.set(false);
        CompletableFuture<Permit> second = limiter.acquireAsync();
        fails.set(true);
        held.close();
        first.join().close();
        second.join().close();
        assertThat(Limiters.<String>call(limiter, () -> "done")).isEqualTo("done");
        assertThat(Limiters.<String>call(limiter, () -> {
                    fails.set(false);
                    return "done";
                }))
                .isEqualTo("done");
        String result = Limiters.call(limiter, () -> {
            fails.set(true);
            return "done";
        });
        assertThat(result).isEqualTo("done");

        assertThat(news).filteredOn(each -> each.startsWith("other")).hasSize(2 + 2 + 2 + 2 + 2);
        assertThat(warnings.messages())
                .as("beginning and end of a wait, beginning of work twice, end of it")
                .hasSize(5)
                .allMatch(message -> message.matches("WARNING: Watcher dev\\.weir\\.\\S*ListeningTest\\S* failed"));
    }

    @Test
    void a_listener_that_fails_is_logged_by_its_name_each_time() {
        Logged failure = new Logged("the listener's");
        limiter.listen(new LimiterListener() {
            @Override
            public void granted(CapacityLimiter from, Duration waited) {
                throw failure;
            }

            @Override
            public void released(CapacityLimiter from, Duration held) {
                throw failure;
            }

            @Override
            public void resized(CapacityLimiter from, int before, int now) {
                throw failure;
            }
        });
        limiter.listen(new LimiterListener() {
            @Override
            public void resized(CapacityLimiter from, int before, int now) {
                news.add("resized");
            }
        });
        limiter.tryAcquire().orElseThrow().close();
        limiter.resize(3);
        assertThat(news).as("the other hears of it").containsExactly("resized");
        assertThat(failure.times()).isEqualTo(3);
        assertThat(warnings.messages())
                .hasSize(3)
                .allMatch(message -> message.matches("WARNING: Listener dev\\.weir\\.\\S*ListeningTest\\S* failed"));
    }

    @Test
    void limiter_that_takes_no_listeners_says_so() {
        CapacityLimiter deaf = new DelegatingLimiter((WorkLimiter) limiter);
        assertThatExceptionOfType(UnsupportedOperationException.class)
                .isThrownBy(() -> deaf.listen(new LimiterListener() {}))
                .withMessageContaining("'one'")
                .withMessageContaining("builder");
    }

    /** A listener may wait for another thread that looks at the scope. */
    @Test
    void rule_1_7_listeners_of_a_scope_run_under_no_lock_and_are_told_of_its_end_after_it() {
        LimiterScope scope = LimiterScope.open();
        scope.listen(new ScopeListener() {
            @Override
            public void added(CapacityLimiter group) {
                news.add("of "
                        + CompletableFuture.supplyAsync(() -> scope.limiters().size())
                                .orTimeout(10, TimeUnit.SECONDS)
                                .join());
            }

            @Override
            public void closed() {
                news.add("closed " + scope.limiters().stream().allMatch(CapacityLimiter::isClosed));
            }
        });
        scope.limiter("group", 1);
        scope.close();
        assertThat(news).containsExactly("of 5", "closed true");
    }

    @Test
    void scope_tells_of_groups_and_of_its_end() {
        LimiterScope scope = LimiterScope.open();
        try {
            scope.limiter("before", 1);
            Registration gone = scope.listen(new Recording());
            gone.close();
            scope.listen(new ScopeListener() {
                @Override
                public void added(CapacityLimiter group) {
                    throw failure;
                }
            });
            Recording twice = new Recording();
            Registration once = scope.listen(twice);
            scope.listen(twice);
            once.close();
            once.close();
            CapacityLimiter group = scope.limiter("after", 1);
            assertThat(scope.limiter("after", 1)).isSameAs(group);
            assertThat(news).containsExactly("added after");
            assertThat(failure.times()).isPositive();
            scope.close();
            scope.close();
            assertThat(news).containsExactly("added after", "closed");
            scope.listen(new Recording());
            assertThat(news).containsExactly("added after", "closed", "closed");
        } finally {
            scope.close();
        }
    }

    /** Whoever listens first and looks then misses no group, however the two meet. */
    @Test
    void no_group_is_missed_by_listening_first_and_looking_then() throws Exception {
        for (int round = 0; round < 200; round++) {
            try (LimiterScope scope = LimiterScope.open()) {
                CyclicBarrier together = new CyclicBarrier(2);
                CompletableFuture<Void> declaring = CompletableFuture.runAsync(() -> {
                    meet(together);
                    scope.limiter("group", 1);
                });
                List<CapacityLimiter> told = new ArrayList<>();
                meet(together);
                scope.listen(new ScopeListener() {
                    @Override
                    public void added(CapacityLimiter group) {
                        told.add(group);
                    }
                });
                List<CapacityLimiter> seen = List.copyOf(scope.limiters());
                declaring.get(10, TimeUnit.SECONDS);
                assertThat(told.size() == 1 || seen.size() == 5)
                        .as("told of %s, saw %s", told, seen)
                        .isTrue();
            }
        }
    }

    private static void meet(CyclicBarrier barrier) {
        try {
            barrier.await(10, TimeUnit.SECONDS);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void scope_has_a_name() {
        try (LimiterScope named = LimiterScope.builder().name("orders").open();
                LimiterScope other = LimiterScope.open()) {
            assertThat(named.name()).isEqualTo("orders");
            assertThat(other.name()).isEqualTo(LimiterScope.DEFAULT_NAME);
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LimiterScope.builder().name(" "))
                .withMessageContaining("name");
    }
}
