package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Permit;
import dev.weir.limiter.Registration;
import dev.weir.limiter.ScopeListener;
import dev.weir.limiter.spi.WorkLimiter;
import dev.weir.limiter.tck.IdleLimiters;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Listeners that come and go while limiters and scopes are in use. */
class ListeningTest {

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

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

    @Test
    void limiter_that_takes_no_listeners_says_so() {
        CapacityLimiter deaf = new DelegatingLimiter((WorkLimiter) limiter);
        assertThatExceptionOfType(UnsupportedOperationException.class)
                .isThrownBy(() -> deaf.listen(new LimiterListener() {}))
                .withMessageContaining("'one'")
                .withMessageContaining("builder");
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
                    throw new IllegalStateException("a listener of the test's that fails");
                }
            });
            scope.listen(new Recording());
            CapacityLimiter group = scope.limiter("after", 1);
            assertThat(scope.limiter("after", 1)).isSameAs(group);
            assertThat(news).containsExactly("added after");
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
