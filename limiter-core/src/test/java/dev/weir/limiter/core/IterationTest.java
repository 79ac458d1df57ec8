package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.core.watch.Watchable;
import dev.weir.limiter.core.watch.Watcher;
import dev.weir.limiter.tck.IdleLimiters;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.slf4j.MDC;

/** Readers that leave in the middle of a step of the iteration, where code of theirs happens to run; demand; turns of others. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class IterationTest {

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    private final CountDownLatch closed = new CountDownLatch(1);
    private final Reader reader = new Reader();

    private static final class Reader implements Flow.Subscriber<Integer> {
        private final AtomicReference<Flow.@Nullable Subscription> subscription = new AtomicReference<>();
        private final AtomicBoolean leaves = new AtomicBoolean();

        void leaveNow() {
            Flow.Subscription left = subscription.get();
            if (left != null && leaves.compareAndSet(true, false)) {
                left.cancel();
            }
        }

        @Override
        public void onSubscribe(Flow.Subscription begun) {
            subscription.set(begun);
            leaves.set(true);
            begun.request(1);
        }

        @Override
        public void onNext(Integer item) {}

        @Override
        public void onError(Throwable failure) {}

        @Override
        public void onComplete() {}
    }

    private Flow.Publisher<Integer> numbers(CapacityLimiter limiter) {
        return Limiters.iterate(limiter, Stream.iterate(1, number -> number + 1).onClose(closed::countDown));
    }

    @Test
    void rule_3_4_a_reader_that_leaves_between_the_last_item_it_wanted_and_the_rest_closes_the_source()
            throws Exception {
        AtomicBoolean drawn = new AtomicBoolean();
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("left")
                .capacity(1)
                .context(() -> {
                    if (drawn.get()) { // captured anew at the end of a slice
                        reader.leaveNow();
                    }
                    return () -> {
                        drawn.set(true);
                        return () -> {};
                    };
                })
                .build());

        numbers(limiter).subscribe(reader);

        assertThat(closed.await(10, TimeUnit.SECONDS)).isTrue();
        assertThat(reader.leaves).isFalse();
    }

    @Test
    void rule_3_4_a_reader_that_leaves_while_its_first_slice_is_about_to_queue_does_not_wait_for_its_turn()
            throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(
                CapacityLimiter.builder("full").capacity(1).reserve(1).build());
        ((Watchable) limiter).watch(new Watcher() {
            @Override
            public Wait waiting() {
                reader.leaveNow();
                return outcome -> {};
            }

            @Override
            public Work working() {
                return failure -> {};
            }
        });
        try (Permit held = limiter.acquire()) {
            numbers(limiter).subscribe(reader);

            assertThat(closed.await(10, TimeUnit.SECONDS))
                    .as("with the reserve")
                    .isTrue();
            await().until(() -> limiter.statistics().waiting() == 0);
            assertThat(held.limiter()).isSameAs(limiter);
        }
        assertThat(reader.leaves).isFalse();
    }

    /** Notes what it is told; asks when the test does. */
    private static class Notes implements Flow.Subscriber<Integer> {
        private final Queue<Object> told = new ConcurrentLinkedQueue<>();
        private final AtomicReference<Flow.@Nullable Subscription> subscription = new AtomicReference<>();

        void request(long items) {
            Objects.requireNonNull(subscription.get()).request(items);
        }

        void cancel() {
            Objects.requireNonNull(subscription.get()).cancel();
        }

        @Override
        public void onSubscribe(Flow.Subscription begun) {
            subscription.set(begun);
        }

        @Override
        public void onNext(Integer item) {
            told.add(item);
        }

        @Override
        public void onError(Throwable failure) {
            told.add(failure);
        }

        @Override
        public void onComplete() {
            told.add("complete");
        }
    }

    /** A limiter whose work runs on the thread that admits it: what is asked for has happened when asking returns. */
    private CapacityLimiter onThisThread() {
        return limiters.watchAndClose(CapacityLimiter.builder("here")
                .capacity(1)
                .workers(Runnable::run)
                .build());
    }

    private static void queue(CapacityLimiter limiter, Runnable turn) {
        assertThat(limiter.acquireAsync().thenAccept(permit -> {
                    turn.run();
                    permit.close();
                }))
                .isNotDone();
    }

    @Test
    void rule_3_3_an_iteration_that_goes_on_after_others_had_their_turn_draws_no_more_than_was_asked_for()
            throws Exception {
        CapacityLimiter limiter = onThisThread();
        Notes notes = new Notes();
        Stream<Integer> slow = Stream.iterate(1, number -> number + 1).peek(number -> {
            queue(limiter, () -> notes.told.add("turn"));
            long start = System.nanoTime();
            while (System.nanoTime() - start <= Iteration.SLICE_NANOS) {
                Thread.onSpinWait();
            }
        });
        Limiters.iterate(limiter, slow.onClose(closed::countDown)).subscribe(notes);

        notes.request(3);

        assertThat(notes.told).containsExactly(1, "turn", 2, "turn", 3, "turn");
        notes.request(1);
        assertThat(notes.told).containsExactly(1, "turn", 2, "turn", 3, "turn", 4, "turn");
        assertThat(limiter.statistics().acquired())
                .as("a slice for each item, and the turns")
                .isEqualTo(8);
        notes.cancel();
        assertThat(closed.getCount()).isZero();
    }

    /** A slice may be cut short by whatever else the machine does; of many, one will not be. */
    @Test
    void rule_3_3_an_iteration_of_cheap_items_does_not_stop_after_each_for_those_who_wait() throws Exception {
        CapacityLimiter limiter = onThisThread();
        int most = 0;
        for (int round = 0; round < 50 && most < 100; round++) {
            Notes notes = new Notes();
            Stream<Integer> numbers = IntStream.rangeClosed(1, 100).boxed();
            Limiters.iterate(limiter, numbers.onClose(closed::countDown)).subscribe(notes);
            AtomicInteger before = new AtomicInteger();
            Permit held = limiter.acquire();
            notes.request(Long.MAX_VALUE);
            queue(limiter, () -> before.set(notes.told.size()));
            held.close();
            most = Math.max(most, before.get());
            assertThat(notes.told).hasSize(101).endsWith(100, "complete");
        }
        assertThat(most).as("items drawn while somebody waited").isGreaterThanOrEqualTo(100);
    }

    @Test
    void rule_3_5_of_two_requests_that_are_errors_the_first_is_told() throws Exception {
        CapacityLimiter limiter = onThisThread();
        Notes notes = new Notes();
        numbers(limiter).subscribe(notes);
        try (Permit held = limiter.acquire()) {
            assertThat(held.limiter()).isSameAs(limiter);
            notes.request(1);
            notes.request(-7);
            notes.request(-8);
            assertThat(notes.told).isEmpty();
        }

        assertThat(notes.told)
                .singleElement()
                .satisfies(failure -> assertThat((Throwable) failure)
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("-7"));
        assertThat(closed.getCount()).isZero();
    }

    /** So much that a sum that overflowed would be what it was before. */
    private static void requestAllTwice(Notes notes) {
        notes.request(Long.MAX_VALUE);
        notes.request(Long.MAX_VALUE);
        notes.request(2);
    }

    @Test
    void rule_3_2_demand_beyond_what_a_number_can_say_is_all_there_is() throws Exception {
        CapacityLimiter limiter = onThisThread();
        Notes notes = new Notes();
        Limiters.iterate(limiter, List.of(1, 2, 3, 4)).subscribe(notes);
        Permit held = limiter.acquire();
        requestAllTwice(notes);
        assertThat(notes.told).isEmpty();

        held.close();

        assertThat(notes.told).containsExactly(1, 2, 3, 4, "complete");
    }

    @Test
    void rule_3_2_demand_that_comes_to_more_than_a_number_can_say_while_items_are_drawn_is_all_there_is() {
        Notes notes = new Notes();
        Limiters.iterate(onThisThread(), Stream.of(1, 2, 3, 4).peek(item -> requestAllTwice(notes)))
                .subscribe(notes);

        notes.request(1);

        assertThat(notes.told).containsExactly(1, 2, 3, 4, "complete");
    }

    @Test
    void rule_3_4_a_reader_that_leaves_while_others_have_their_turn_does_not_wait_for_its_own() throws Exception {
        CapacityLimiter limiter = onThisThread();
        Notes notes = new Notes();
        AtomicReference<@Nullable Permit> others = new AtomicReference<>();
        Stream<Integer> slow = Stream.of(1, 2).peek(number -> {
            assertThat(limiter.acquireAsync().thenAccept(others::set)).isNotDone();
            long start = System.nanoTime();
            while (System.nanoTime() - start <= Iteration.SLICE_NANOS) {
                Thread.onSpinWait();
            }
        });
        Limiters.iterate(limiter, slow.onClose(closed::countDown)).subscribe(notes);
        notes.request(2);
        assertThat(notes.told).containsExactly(1);
        assertThat(limiter.statistics().waiting()).as("the next slice").isEqualTo(1);

        notes.cancel();

        assertThat(closed.getCount()).isZero();
        assertThat(limiter.statistics().waiting()).isZero();
        Objects.requireNonNull(others.get()).close();
    }

    /** On workers of its own, with the reserve. */
    @Test
    void rule_3_5_a_request_that_is_an_error_is_told_though_no_permit_is_free() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("full")
                .capacity(1)
                .reserve(1)
                .maxWaiting(0)
                .build());
        Notes notes = new Notes();
        numbers(limiter).subscribe(notes);
        try (Permit held = limiter.acquire()) {
            notes.request(0);

            await().until(() -> !notes.told.isEmpty());
            assertThat(held.limiter()).isSameAs(limiter);
        }
        assertThat(notes.told).singleElement().isInstanceOf(IllegalArgumentException.class);
        assertThat(closed.getCount()).isZero();
    }

    @Test
    void rule_3_4_a_reader_that_leaves_before_it_asked_is_neither_refused_nor_withdrawn() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("full")
                .capacity(1)
                .reserve(1)
                .maxWaiting(1)
                .build());
        try (Permit held = limiter.acquire()) {
            assertThat(held.limiter()).isSameAs(limiter);
            Notes notes = new Notes();
            numbers(limiter).subscribe(notes);

            notes.cancel();

            assertThat(closed.await(10, TimeUnit.SECONDS)).isTrue();
            assertThat(notes.told).isEmpty();
        }
        assertThat(limiter.statistics().withdrawn()).isZero();
        assertThat(limiter.statistics().refused()).isZero();
    }

    @Test
    void rule_3_3_a_slice_goes_on_while_nobody_waits() {
        CapacityLimiter limiter = onThisThread();
        Notes notes = new Notes();
        Stream<Integer> slow = Stream.of(1, 2, 3).peek(number -> {
            long start = System.nanoTime();
            while (System.nanoTime() - start <= Iteration.SLICE_NANOS) {
                Thread.onSpinWait();
            }
        });
        Limiters.iterate(limiter, slow).subscribe(notes);

        notes.request(Long.MAX_VALUE);

        assertThat(notes.told).containsExactly(1, 2, 3, "complete");
        assertThat(limiter.statistics().acquired()).isEqualTo(1);
    }

    /** Reactive Streams, rule 3.13, and the source too. */
    @Test
    void rule_2_8_a_subscription_that_has_ended_keeps_nothing_of_what_was_between() {
        CapacityLimiter limiter = onThisThread();
        List<Flow.Subscription> kept = new ArrayList<>();

        for (WeakReference<?> reference : readToTheEnd(limiter, kept)) {
            await().until(() -> {
                System.gc();
                return reference.refersTo(null);
            });
        }

        kept.forEach(Flow.Subscription::cancel);
        assertThat(kept).hasSize(2);
    }

    private static List<WeakReference<?>> readToTheEnd(CapacityLimiter limiter, List<Flow.Subscription> kept) {
        byte[] captured = new byte[1_000];
        IllegalStateException failure = new IllegalStateException("the source's");
        Notes whole = new Notes();
        Notes failed = new Notes();
        Limiters.iterate(limiter, Stream.of(1).map(number -> number + captured.length))
                .subscribe(whole);
        Limiters.iterate(limiter, Stream.of(1).peek(number -> {
                    throw failure;
                }))
                .subscribe(failed);
        for (Notes notes : List.of(whole, failed)) {
            notes.request(2);
            kept.add(Objects.requireNonNull(notes.subscription.get()));
        }
        assertThat(whole.told).containsExactly(1_001, "complete");
        assertThat(failed.told).containsExactly(failure);
        return List.of(
                new WeakReference<>(captured),
                new WeakReference<>(failure),
                new WeakReference<>(whole),
                new WeakReference<>(failed));
    }

    @Test
    void rule_3_4_what_is_asked_of_a_subscription_that_has_ended_takes_no_permit() {
        CapacityLimiter limiter = onThisThread();
        Notes notes = new Notes();
        Limiters.iterate(limiter, List.of(1)).subscribe(notes);
        notes.request(2);
        assertThat(notes.told).containsExactly(1, "complete");

        notes.request(1);
        notes.request(-1);
        notes.cancel();

        assertThat(notes.told).hasSize(2);
        assertThat(limiter.statistics().acquired()).isEqualTo(1);
    }

    /** Each item is asked for as the one before is there: the slice goes on, and ends with the last that was asked for. */
    @Test
    void rule_3_2_items_that_are_asked_for_one_by_one_as_they_come_are_drawn_in_one_slice_and_no_more_than_these() {
        CapacityLimiter limiter = onThisThread();
        AtomicInteger drawn = new AtomicInteger();
        Notes notes = new Notes() {
            @Override
            public void onNext(Integer item) {
                super.onNext(item);
                if (item < 3) {
                    request(1);
                }
            }
        };
        Limiters.iterate(limiter, Stream.generate(drawn::incrementAndGet).onClose(closed::countDown))
                .subscribe(notes);

        notes.request(1);

        assertThat(notes.told).containsExactly(1, 2, 3);
        assertThat(drawn).hasValue(3);
        assertThat(limiter.statistics().acquired()).isEqualTo(1);
        notes.cancel();
        assertThat(closed.getCount()).isZero();
    }

    @Test
    void rule_3_4_an_item_that_was_drawn_as_its_reader_left_is_not_told() {
        Notes notes = new Notes();
        Stream<Integer> numbers = Stream.of(1, 2).peek(number -> notes.cancel());
        Limiters.iterate(onThisThread(), numbers.onClose(closed::countDown)).subscribe(notes);

        notes.request(2);

        assertThat(notes.told).isEmpty();
        assertThat(closed.getCount()).isZero();
    }

    @Test
    void rule_3_5_a_request_that_is_an_error_is_told_though_it_comes_as_a_slice_ends() {
        AtomicBoolean drawn = new AtomicBoolean();
        Notes notes = new Notes();
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("asked")
                .capacity(1)
                .workers(Runnable::run)
                .context(() -> {
                    if (drawn.compareAndSet(true, false)) { // captured anew at the end of a slice
                        notes.request(0);
                    }
                    return () -> () -> {};
                })
                .build());
        Stream<Integer> numbers = Stream.of(1, 2).peek(number -> drawn.set(true));
        Limiters.iterate(limiter, numbers.onClose(closed::countDown)).subscribe(notes);

        notes.request(1);

        assertThat(notes.told).hasSize(2).first().isEqualTo(1);
        assertThat(notes.told).last().isInstanceOf(IllegalArgumentException.class);
        assertThat(closed.getCount()).isZero();
    }

    @Test
    void rule_3_6_a_source_that_ends_with_an_error_is_closed_in_its_context() {
        AssertionError error = new AssertionError("the source's");
        AtomicReference<@Nullable String> seen = new AtomicReference<>();
        Notes notes = new Notes();
        MDC.put("request", "caller's");
        try {
            Stream<Integer> numbers = Stream.of(1).peek(number -> {
                throw error;
            });
            Limiters.iterate(onThisThread(), numbers.onClose(() -> seen.set(MDC.get("request"))))
                    .subscribe(notes);
        } finally {
            MDC.remove("request");
        }

        notes.request(1);

        assertThat(notes.told).containsExactly(error);
        assertThat(seen).hasValue("caller's");
    }

    /** With an executor that runs them on the thread that gives the permit back. */
    @Test
    void rule_1_8_iterations_that_give_their_permits_to_each_other_are_not_nested() throws Exception {
        CapacityLimiter limiter = onThisThread();
        List<Long> depths = new ArrayList<>();
        Permit held = limiter.acquire();
        for (int i = 0; i < 500; i++) {
            Notes notes = new Notes();
            Limiters.iterate(limiter, Stream.of(1).peek(number -> depths.add(depth())))
                    .subscribe(notes);
            notes.request(2);
        }

        held.close();

        assertThat(depths).hasSize(500);
        assertThat(depths.get(499)).isEqualTo(depths.get(1));
    }

    private static long depth() {
        return StackWalker.getInstance().walk(Stream::count);
    }

    /** On the thread that executes them: the third slice stands on the stack where the second stood. */
    @Test
    void rule_3_8_slices_between_which_others_have_their_turn_are_not_nested() {
        CapacityLimiter limiter = onThisThread();
        Notes notes = new Notes();
        Stream<Integer> slow = Stream.of(1, 2, 3).peek(number -> {
            notes.told.add(depth());
            queue(limiter, () -> {});
            long start = System.nanoTime();
            while (System.nanoTime() - start <= Iteration.SLICE_NANOS) {
                Thread.onSpinWait();
            }
        });
        Limiters.iterate(limiter, slow).subscribe(notes);

        notes.request(Long.MAX_VALUE);

        List<Object> told = List.copyOf(notes.told);
        assertThat(told).hasSize(7).endsWith("complete");
        assertThat(told.get(4)).as("depth of the third slice").isEqualTo(told.get(2));
    }

    /** Demand that comes between the end of a slice and its last look, in a carrier's code. */
    @Test
    void rule_3_8_slices_for_demand_that_comes_as_the_last_one_ends_are_not_nested() {
        Notes notes = new Notes();
        AtomicBoolean drawn = new AtomicBoolean();
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("asked")
                .capacity(1)
                .workers(Runnable::run)
                .context(() -> {
                    if (drawn.compareAndSet(true, false)) {
                        notes.request(1);
                    }
                    return () -> () -> {};
                })
                .build());
        Stream<Integer> numbers = Stream.of(1, 2, 3).peek(number -> {
            notes.told.add(depth());
            drawn.set(true);
        });
        Limiters.iterate(limiter, numbers).subscribe(notes);

        notes.request(1);

        List<Object> told = List.copyOf(notes.told);
        assertThat(told).hasSize(7).endsWith("complete");
        assertThat(told.get(4)).as("depth of the third slice").isEqualTo(told.get(2));
    }

    @Test
    void rule_2_1_a_permit_is_back_before_the_subscriber_hears_of_the_end() {
        CapacityLimiter limiter = onThisThread();
        for (Stream<Integer> source : List.of(Stream.of(1), Stream.of(0).map(number -> 1 / number))) {
            List<Integer> inUse = new ArrayList<>();
            Limiters.iterate(limiter, source).subscribe(new Flow.Subscriber<>() {
                @Override
                public void onSubscribe(Flow.Subscription begun) {
                    begun.request(Long.MAX_VALUE);
                }

                @Override
                public void onNext(Integer item) {}

                @Override
                public void onError(Throwable failure) {
                    inUse.add(limiter.statistics().inUse());
                }

                @Override
                public void onComplete() {
                    inUse.add(limiter.statistics().inUse());
                }
            });
            assertThat(inUse).containsExactly(0);
        }
    }

    /** The gate has taken both out of its queue when the first hears of it. */
    @Test
    void rule_3_4_a_reader_that_leaves_while_another_hears_of_the_closing_is_told_nothing() throws Exception {
        CapacityLimiter limiter = onThisThread();
        Permit held = limiter.acquire();
        Notes notes = new Notes();
        CompletableFuture<Boolean> first = limiter.acquireAsync().handle((permit, failure) -> {
            notes.cancel();
            return true;
        });
        numbers(limiter).subscribe(notes);
        notes.request(1);

        limiter.close();

        assertThat(first).isCompletedWithValue(true);
        assertThat(notes.told).isEmpty();
        held.close();
        assertThat(closed.getCount()).isZero();
    }

    @Test
    void rule_2_7_what_a_draw_sets_does_not_stay_on_the_thread_that_drew() {
        Notes notes = new Notes();
        MDC.put("request", "caller's");
        try {
            Limiters.iterate(onThisThread(), Stream.of(1).peek(number -> MDC.put("request", "the draw's")))
                    .subscribe(notes);
            notes.request(Long.MAX_VALUE);
            assertThat(MDC.get("request")).isEqualTo("caller's");
        } finally {
            MDC.remove("request");
        }
        assertThat(notes.told).containsExactly(1, "complete");
    }

    @Test
    void rule_2_8_a_thread_that_drew_keeps_no_permit() {
        Notes notes = new Notes();
        Limiters.iterate(onThisThread(), List.of(1)).subscribe(notes);
        notes.request(Long.MAX_VALUE);
        assertThat(notes.told).containsExactly(1, "complete");
        assertThat(Held.current()).isNull();
    }
}
