package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.ContextCarrier;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.tck.IdleLimiters;
import io.micrometer.context.ContextRegistry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.slf4j.MDC;

/** Rules 2.7 and 3.6 for the carriers that need no asking: SLF4J's MDC and io.micrometer's context-propagation. */
class ContextTest {

    private static final String KEY = "weir.test";

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    private final ThreadLocal<String> registered = new ThreadLocal<>();
    private final CapacityLimiter limiter = limiters.watch(CapacityLimiter.of("context", 1));

    @BeforeEach
    void register() {
        ContextRegistry.getInstance().registerThreadLocalAccessor(KEY, registered);
    }

    @AfterEach
    void unregister() {
        ContextRegistry.getInstance().removeThreadLocalAccessor(KEY);
        MDC.clear();
    }

    @Test
    void rule_2_7_mdc_and_registered_thread_locals_are_visible_in_the_work_and_nowhere_else() throws Exception {
        MDC.put("request", "one");
        registered.set("one");
        CompletableFuture<List<String>> seen = Limiters.run(limiter, () -> {
            List<String> values = Arrays.asList(MDC.get("request"), registered.get());
            MDC.put("request", "changed");
            registered.set("changed");
            return values;
        });
        assertThat(seen.get(5, TimeUnit.SECONDS)).containsExactly("one", "one");
        assertThat(MDC.get("request")).isEqualTo("one");
        assertThat(registered.get()).isEqualTo("one");

        MDC.clear();
        registered.remove();
        List<String> next = Limiters.run(limiter, () -> Arrays.asList(MDC.get("request"), registered.get()))
                .get(5, TimeUnit.SECONDS);
        assertThat(next).containsExactly(null, null);
    }

    @Test
    void rule_3_6_what_one_slice_of_an_iteration_sets_the_next_sees() throws Exception {
        MDC.put("request", "stream");
        List<String> seen = new ArrayList<>();
        CompletableFuture<Void> ended = new CompletableFuture<>();
        Limiters.iterate(limiter, this::countingInMdc).subscribe(new OneSliceEach(seen, ended));
        MDC.clear();
        ended.get(5, TimeUnit.SECONDS);
        assertThat(seen).containsExactly("stream 0", "stream 1", "stream 2");
        assertThat(limiter.statistics().acquired()).isGreaterThanOrEqualTo(3);
    }

    private Iterator<String> countingInMdc() {
        return new Iterator<>() {
            private int drawn;

            @Override
            public boolean hasNext() {
                return drawn < 3;
            }

            @Override
            public String next() {
                int count = MDC.get("count") == null ? 0 : Integer.parseInt(MDC.get("count"));
                MDC.put("count", Integer.toString(count + 1));
                drawn++;
                return MDC.get("request") + " " + count;
            }
        };
    }

    @Test
    void rule_2_7_a_carrier_that_cannot_capture_fails_the_work_and_not_the_caller() {
        CapacityLimiter broken = limiters.watchAndClose(CapacityLimiter.builder("broken")
                .context(() -> {
                    throw new IllegalStateException("the carrier's own trouble");
                })
                .build());
        for (CompletableFuture<?> work : List.of(
                Limiters.run(broken, () -> "ran"),
                Limiters.finish(broken, () -> "ran"),
                Limiters.background(broken, () -> {}))) {
            assertThat(work)
                    .failsWithin(5, TimeUnit.SECONDS)
                    .withThrowableThat()
                    .withMessageContaining("the carrier's own trouble");
        }
    }

    /** Reactive Streams, rule 1.9: subscribe returns normally, and the subscriber is told. */
    @Test
    void rule_3_5_a_carrier_that_cannot_capture_fails_the_iteration_and_closes_its_source() {
        assertFailsTheIteration(() -> {
            throw new IllegalStateException("the carrier's own trouble");
        });
    }

    @Test
    void rule_3_5_a_carrier_that_ends_with_an_error_fails_the_iteration_and_closes_its_source() {
        assertFailsTheIteration(() -> () -> {
            throw new AssertionError("the carrier's own trouble");
        });
    }

    private void assertFailsTheIteration(ContextCarrier carrier) {
        CapacityLimiter broken = limiters.watchAndClose(
                CapacityLimiter.builder("broken").context(carrier).build());
        CompletableFuture<Void> closed = new CompletableFuture<>();
        CompletableFuture<Void> ended = new CompletableFuture<>();
        Limiters.iterate(broken, Stream.of("item").onClose(() -> closed.complete(null)))
                .subscribe(new OneSliceEach(new ArrayList<>(), ended));
        assertThat(ended)
                .failsWithin(5, TimeUnit.SECONDS)
                .withThrowableThat()
                .withMessageContaining("the carrier's own trouble");
        assertThat(closed).isDone();
    }

    /** Asks for the next item from another thread and after the slice, so that it is drawn in a slice of its own. */
    private final class OneSliceEach implements Flow.Subscriber<String> {
        private final List<String> seen;
        private final CompletableFuture<Void> ended;
        private Flow.@Nullable Subscription subscription;

        OneSliceEach(List<String> seen, CompletableFuture<Void> ended) {
            this.seen = seen;
            this.ended = ended;
        }

        @Override
        public void onSubscribe(Flow.Subscription given) {
            subscription = given;
            given.request(1);
        }

        @Override
        public void onNext(String item) {
            seen.add(item);
            new Thread(this::askAfterTheSlice, "context-test").start();
        }

        private void askAfterTheSlice() {
            while (limiter.statistics().inUse() > 0) {
                Thread.onSpinWait();
            }
            Objects.requireNonNull(subscription).request(1);
        }

        @Override
        public void onError(Throwable failure) {
            ended.completeExceptionally(failure);
        }

        @Override
        @SuppressWarnings("NullAway") // Void has no value but null
        public void onComplete() {
            ended.complete(null);
        }
    }
}
