package dev.weir.limiter.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterRole;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Permit;
import dev.weir.limiter.Registration;
import dev.weir.limiter.tck.IdleLimiters;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What is watched, and for how long. */
@Timeout(60)
class WatchingTest {

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private final LimiterScope scope =
            idle.watch(LimiterScope.builder().name("shop").capacity(3).open());

    @AfterEach
    void close() {
        scope.close();
    }

    private static List<String> names(Watching watching) {
        return watching.look().stream().map(look -> look.now().limiterName()).toList();
    }

    private static Look only(Watching watching, String name) {
        return watching.look().stream()
                .filter(look -> look.now().limiterName().equals(name))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void groups_declared_later_appear_and_closed_limiters_go_with_their_last_permit() {
        try (Watching watching = Watching.of(scope, 10)) {
            assertThat(names(watching)).containsExactly("endpoints", "background", "streaming", "shared");
            CapacityLimiter partner = scope.limiter("partner", 1);
            assertThat(names(watching)).endsWith("shared", "partner");
            assertThat(only(watching, "partner").role()).isEqualTo("group");

            Permit permit = partner.tryAcquire().orElseThrow();
            partner.close();
            assertThat(only(watching, "partner").state()).isEqualTo(State.CLOSED);
            permit.close();

            assertThat(names(watching)).doesNotContain("partner");
        }
    }

    @Test
    void waits_are_heard_of_while_watched_and_not_before() throws Exception {
        CapacityLimiter limiter = scope.endpoints();
        limiter.acquire().close();
        try (Watching watching = Watching.of(scope, 10)) {
            assertThat(only(watching, "endpoints").waitP99()).isEmpty();
            List<Permit> held = List.of(limiter.acquire(), limiter.acquire(), limiter.acquire());
            CompletableFuture<Permit> waiter = limiter.acquireAsync();
            await().until(() -> limiter.statistics().oldestWait().toMillis() >= 50);
            held.forEach(Permit::close);
            waiter.get(10, TimeUnit.SECONDS).close();

            await().untilAsserted(() -> assertThat(
                            only(watching, "endpoints").waitP99().getAsLong())
                    .isGreaterThanOrEqualTo(Duration.ofMillis(50).toNanos()));
        }
    }

    @Test
    void history_is_kept_second_by_second_and_forgotten_at_the_end() throws Exception {
        Watching watching = Watching.of(scope, 3);
        try (Permit permit = scope.shared().acquire()) {
            assertThat(permit).isNotNull();
            await().until(
                            () -> only(watching, "shared").samples().stream()
                                    .map(Sample::inUse)
                                    .toList(),
                            List.of(1, 1, 1)::equals);
            watching.close();

            Look after = only(watching, "shared");
            assertThat(after.samples()).isEmpty();
            assertThat(after.now().inUse()).isEqualTo(1);
        }
    }

    /** The limiter knows its listeners: one while it is watched, none after. */
    @Test
    @SuppressWarnings("ReferenceEquality") // a proxy equals itself
    void nothing_is_left_behind() throws Exception {
        AtomicInteger listeners = new AtomicInteger();
        CapacityLimiter limiter = idle.watchAndClose(CapacityLimiter.of("counted", 1));
        CapacityLimiter counted = (CapacityLimiter) Proxy.newProxyInstance(
                getClass().getClassLoader(), limiter.getClass().getInterfaces(), (proxy, method, arguments) -> {
                    if (method.getName().equals("hear")) {
                        listeners.incrementAndGet();
                        return (Registration) listeners::decrementAndGet;
                    }
                    if (method.getName().equals("equals")) {
                        return proxy == arguments[0];
                    }
                    try {
                        return method.invoke(limiter, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
        CompletableFuture<Thread> thread = new CompletableFuture<>();
        LimiterScope own =
                LimiterScope.builder().limiter(LimiterRole.SHARED, counted).open();
        try (Watching watching = Watching.of(own, 10)) {
            assertThat(listeners).hasValue(1);
            assertThat(watching.ask(() -> thread.complete(Thread.currentThread())))
                    .isTrue();
            assertThat(thread.get(10, TimeUnit.SECONDS).isDaemon()).isTrue();
            assertThat(thread.get().getName()).isEqualTo("weir-limits-page");

            own.close();

            assertThat(listeners).hasValue(0);
            thread.get().join(10_000);
            assertThat(thread.get().isAlive()).isFalse();
            assertThat(names(watching)).containsExactly("counted"); // it is open still, and the others are closed
        }
    }

    @Test
    void one_limiter_in_several_roles_is_watched_once() {
        CapacityLimiter everything = idle.watchAndClose(CapacityLimiter.of("everything", 40));
        try (LimiterScope own = LimiterScope.builder().all(everything).open();
                Watching watching = Watching.of(own, 10)) {
            assertThat(names(watching)).containsExactly("everything");
            assertThat(only(watching, "everything").role()).isEqualTo("endpoints+background+streaming+shared");
        }
    }

    @Test
    void what_is_asked_for_after_the_end_is_done_by_whoever_asks() throws Exception {
        Watching watching = Watching.of(scope, 10);
        watching.close();
        watching.close();
        CountDownLatch done = new CountDownLatch(1);

        assertThat(watching.ask(done::countDown)).isTrue();

        assertThat(done.getCount()).isZero();
    }

    @Test
    void more_than_some_who_ask_at_once_are_turned_away() throws Exception {
        CountDownLatch mayGoOn = new CountDownLatch(1);
        CountDownLatch done = new CountDownLatch(Watching.MOST_ASKED);
        try (Watching watching = Watching.of(scope, 10)) {
            Runnable look = () -> {
                awaitQuietly(mayGoOn);
                done.countDown();
            };
            for (int i = 0; i < Watching.MOST_ASKED; i++) {
                assertThat(watching.ask(look)).isTrue();
            }
            assertThat(watching.ask(look)).isFalse();

            mayGoOn.countDown();
            assertThat(done.await(20, TimeUnit.SECONDS)).isTrue();
            await().until(() -> watching.ask(() -> {}));
        }
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await(20, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A limiter of somebody else's that takes its time keeps nobody from the page. */
    @Test
    void limiter_that_is_slow_to_answer_does_not_hold_up_the_others() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        CountDownLatch mayAnswer = new CountDownLatch(1);
        CapacityLimiter real = idle.watchAndClose(CapacityLimiter.of("slow", 1));
        CapacityLimiter slow = (CapacityLimiter) Proxy.newProxyInstance(
                getClass().getClassLoader(), real.getClass().getInterfaces(), (proxy, method, arguments) -> {
                    if (method.getName().equals("hear")) {
                        asked.countDown();
                        awaitQuietly(mayAnswer);
                    }
                    return method.invoke(real, arguments);
                });
        try (LimiterScope own =
                LimiterScope.builder().limiter(LimiterRole.SHARED, slow).open()) {
            Executor threads =
                    task -> new Thread(task, "asking").start(); // the common pool may have one, which is kept
            CompletableFuture<Watching> begun = CompletableFuture.supplyAsync(() -> Watching.of(own, 10), threads);
            assertThat(asked.await(20, TimeUnit.SECONDS)).isTrue();
            assertThat(CompletableFuture.supplyAsync(() -> own.limiter("meanwhile", 1), threads)
                            .get(20, TimeUnit.SECONDS)
                            .name())
                    .isEqualTo("meanwhile");
            mayAnswer.countDown();
            try (Watching watching = begun.get(20, TimeUnit.SECONDS)) {
                assertThat(names(watching))
                        .containsExactly("endpoints", "background", "streaming", "slow", "meanwhile");
            }
        }
    }

    @Test
    void holders_are_known_where_they_are_tracked() throws Exception {
        CapacityLimiter tracked = idle.watchAndClose(CapacityLimiter.builder("tracked")
                .capacity(1)
                .trackHolders(Duration.ofHours(1))
                .build());
        try (LimiterScope own = LimiterScope.builder()
                        .limiter(LimiterRole.SHARED, tracked)
                        .open();
                Watching watching = Watching.of(own, 10);
                Permit permit = tracked.acquire()) {
            assertThat(permit).isNotNull();
            assertThat(only(watching, "tracked").untracked()).isFalse();
            assertThat(only(watching, "tracked").holders()).hasSize(1);
            assertThat(only(watching, "endpoints").untracked()).isTrue();
            String page = HtmlView.of("own", Duration.ofMinutes(5), false, watching.look());
            assertThat(page)
                    .contains("WatchingTest.holders_are_known_where_they_are_tracked(WatchingTest.java:")
                    .contains("Not tracked: endpoints, background, streaming. ");
        }
    }

    @Test
    void a_history_that_makes_no_sense_is_refused() {
        assertThatThrownBy(() -> LimitsPage.builder(scope).history(Duration.ofSeconds(9)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("length: expected 10 seconds up to an hour, was PT9S");
        assertThatThrownBy(() -> LimitsPage.builder(scope).history(Duration.ofHours(2)))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
