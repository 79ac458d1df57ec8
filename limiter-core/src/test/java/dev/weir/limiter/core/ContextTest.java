package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.ContextCarrier;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.spi.WorkLimiter;
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

    @RegisterExtension
    final Warnings warnings = new Warnings();

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

    /** A worker of somebody else's, with a context of its own. */
    @Test
    void rule_2_7_the_context_is_the_callers_alone_and_the_workers_own_is_back_afterwards() {
        CapacityLimiter lent = limiters.watchAndClose(CapacityLimiter.builder("lent")
                .workers(task -> {
                    MDC.put("worker", "its own");
                    task.run();
                    registered.set(MDC.get("worker") + " and " + MDC.get("request"));
                })
                .build());
        assertThat(Limiters.run(lent, () -> Arrays.asList(MDC.get("worker"), MDC.get("request"))))
                .succeedsWithin(5, TimeUnit.SECONDS)
                .isEqualTo(Arrays.asList(null, null));
        assertThat(registered.get()).isEqualTo("its own and null");
    }

    /** Sets the same thread-local, over what the one before it has set. */
    private ContextCarrier appending(String suffix) {
        return () -> () -> {
            String before = registered.get();
            registered.set(before + suffix);
            MDC.put("request", "of the carrier");
            return () -> registered.set(before);
        };
    }

    @Test
    void rule_2_7_carriers_set_in_their_order_after_our_own_and_bring_back_in_the_other_even_of_an_error() {
        registered.set("caller");
        CapacityLimiter two = limiters.watchAndClose(CapacityLimiter.builder("two")
                .workers(Runnable::run)
                .context(appending(" one"))
                .context(appending(" two"))
                .build());
        List<@Nullable String> seen = new ArrayList<>();
        CompletableFuture<Void> work = Limiters.run(two, () -> {
            seen.add(registered.get());
            seen.add(MDC.get("request"));
            throw new AssertionError("the work's");
        });
        assertThat(work).isCompletedExceptionally();
        assertThat(seen).containsExactly("caller one two", "of the carrier");
        assertThat(registered.get()).isEqualTo("caller");
        Runnable carried = ((WorkLimiter) two).withContext(() -> {
            seen.add(registered.get());
            throw new IllegalStateException("the work's");
        });
        registered.set("another");
        assertThatIllegalStateException().isThrownBy(carried::run);
        assertThat(seen).hasSize(3).endsWith("caller one two");
        assertThat(registered.get()).isEqualTo("another");
    }

    @Test
    void rule_2_7_of_carriers_of_which_one_fails_half_way_the_others_bring_back_what_was_there() {
        registered.set("caller");
        AssertionError error = new AssertionError("the carrier's own trouble");
        Logged failure = new Logged("bringing back");
        CapacityLimiter failing = limiters.watchAndClose(CapacityLimiter.builder("failing")
                .workers(Runnable::run)
                .context(appending(" one"))
                .context(() -> () -> () -> {
                    throw new AssertionError(failure);
                })
                .context(() -> () -> {
                    throw error;
                })
                .build());
        assertThat(Limiters.run(failing, () -> "ran"))
                .failsWithin(5, TimeUnit.SECONDS)
                .withThrowableThat()
                .withCause(error);
        assertThat(registered.get()).isEqualTo("caller");
        assertThat(failure.times()).isPositive();
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
        assertFailsTheWork(() -> {
            throw new IllegalStateException("the carrier's own trouble");
        });
    }

    @Test
    void rule_2_7_a_carrier_that_ends_with_an_error_fails_the_work_and_not_the_caller() {
        assertFailsTheWork(() -> {
            throw new AssertionError("the carrier's own trouble");
        });
    }

    private void assertFailsTheWork(ContextCarrier carrier) {
        CapacityLimiter broken = limiters.watchAndClose(
                CapacityLimiter.builder("broken").context(carrier).build());
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
