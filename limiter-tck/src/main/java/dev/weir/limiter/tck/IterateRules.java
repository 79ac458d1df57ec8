package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.spi.WorkLimiter;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Section 3 of the rules: items drawn under a limiter. Rule 3.5 is only touched here: an implementation also runs the Reactive
 * Streams TCK.
 */
@SuppressWarnings("FutureReturnValueIgnored") // work is watched through the limiter
public abstract class IterateRules extends RunRules {

    /** How many items more than demanded a publisher may have drawn. */
    private static final int READ_AHEAD = 16;

    /** For subclasses. */
    protected IterateRules() {}

    private void awaitCount(Probe<?> probe, int items) {
        await(items + " items", () -> probe.count.get() >= items);
        assertThat(probe.count).hasValue(items);
    }

    private Optional<Throwable> endOf(Probe<?> probe) {
        Optional<Throwable> end = get(probe.end);
        assertThat(probe.violations).isEmpty();
        return end;
    }

    private Throwable errorOf(Probe<?> probe) {
        return endOf(probe).orElseThrow(() -> new AssertionError("Expected an error, but it completed"));
    }

    private void assertCompleted(Probe<?> probe) {
        assertThat(endOf(probe)).isEmpty();
    }

    private void assertClosedOnce(WatchedSource source, CapacityLimiter limiter) {
        await("the source to be closed", () -> source.closed.get() > 0);
        awaitIdle(limiter);
        assertThat(source.closed).as("times closed").hasValue(1);
        assertThat(source.violations).isEmpty();
        if (ownsThreads()) {
            assertThat(source.closers.get(0).getName()).startsWith(threadPrefix(limiter));
        }
        assertThat(source.closers).doesNotContain(Thread.currentThread());
    }

    private static List<Integer> numbers(int size) {
        return IntStream.range(0, size).boxed().toList();
    }

    // ---- 3.1 order, errors, end ----

    @Test
    void rule_3_1_items_come_in_order_and_then_the_end() {
        CapacityLimiter limiter = limiter(2);

        Probe<Integer> probe =
                Probe.of(Limiters.iterate(limiter, numbers(1_000))).requestAll();

        assertCompleted(probe);
        assertThat(probe.items).isEqualTo(numbers(1_000));
    }

    @Test
    void rule_3_1_an_empty_source_just_ends() {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = new WatchedSource(0);

        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, source)).requestAll();

        assertCompleted(probe);
        assertThat(probe.items).isEmpty();
        assertClosedOnce(source, limiter);
    }

    @Test
    void rule_3_1_items_before_an_error_are_delivered_and_then_the_same_error() {
        CapacityLimiter limiter = limiter(1);
        for (Throwable failure : List.of(
                new IllegalStateException("unchecked"),
                new IOException("checked, thrown sneakily"),
                new AssertionError("an error"),
                new StackOverflowError(),
                new NoSuchElementException("the source's own"))) {
            WatchedSource source = new WatchedSource(100, number -> {
                if (number == 5) {
                    raise(failure);
                }
            });

            Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, source)).requestAll();

            assertThat(errorOf(probe)).isSameAs(failure);
            assertThat(probe.items).isEqualTo(numbers(5));
            assertClosedOnce(source, limiter);
        }
    }

    @Test
    @SuppressWarnings({"NullAway", "DataFlowIssue"}) // null is what is tested
    void rule_3_1_a_null_item_is_an_error() {
        CapacityLimiter limiter = limiter(1);
        List<Integer> items = Arrays.asList(1, null, 3);

        Probe<Integer> probe =
                Probe.of(Limiters.<Integer>iterate(limiter, items)).requestAll();

        assertThat(errorOf(probe)).isInstanceOf(NullPointerException.class);
        assertThat(probe.items).containsExactly(1);
        awaitIdle(limiter);
    }

    @Test
    void rule_3_1_a_source_that_cannot_be_opened_is_an_error() {
        CapacityLimiter limiter = limiter(1);
        IllegalStateException failure = new IllegalStateException("cannot be opened");
        Iterable<Integer> broken = () -> {
            throw failure;
        };

        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, broken)).requestAll();

        assertThat(errorOf(probe)).isSameAs(failure);
        awaitIdle(limiter);
    }

    @Test
    void rule_3_1_an_error_while_looking_for_the_next_item_is_an_error() {
        CapacityLimiter limiter = limiter(1);
        IllegalStateException failure = new IllegalStateException("cannot look");
        Iterable<Integer> broken = () -> new Iterator<>() {
            private int next;

            @Override
            public boolean hasNext() {
                if (next == 2) {
                    throw failure;
                }
                return true;
            }

            @Override
            public Integer next() {
                return next++;
            }
        };

        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, broken)).requestAll();

        assertThat(errorOf(probe)).isSameAs(failure);
        assertThat(probe.items).containsExactly(0, 1);
        awaitIdle(limiter);
    }

    @Test
    void rule_3_1_every_subscriber_of_an_iterable_gets_an_iterator_of_its_own() {
        CapacityLimiter limiter = limiter(2);
        var publisher = Limiters.iterate(limiter, numbers(10));

        Probe<Integer> one = Probe.of(publisher).requestAll();
        Probe<Integer> other = Probe.of(publisher).requestAll();

        assertCompleted(one);
        assertCompleted(other);
        assertThat(one.items).isEqualTo(numbers(10));
        assertThat(other.items).isEqualTo(numbers(10));
    }

    @Test
    void rule_3_1_a_stream_has_one_subscriber_and_is_closed_in_the_end() {
        CapacityLimiter limiter = limiter(1);
        AtomicInteger closed = new AtomicInteger();
        var publisher = Limiters.iterate(limiter, numbers(10).stream().onClose(closed::incrementAndGet));

        Probe<Integer> first = Probe.of(publisher).requestAll();
        assertCompleted(first);
        Probe<Integer> second = Probe.of(publisher).requestAll();

        assertThat(errorOf(second)).isInstanceOf(IllegalStateException.class);
        assertThat(first.items).isEqualTo(numbers(10));
        awaitIdle(limiter);
        assertThat(closed).hasValue(1);
    }

    @Test
    void rule_3_1_the_bytes_of_an_input_stream_come_whole_and_in_chunks() {
        CapacityLimiter limiter = limiter(1);
        byte[] bytes = new byte[100_000];
        new java.util.Random(1724).nextBytes(bytes);
        AtomicInteger closed = new AtomicInteger();
        InputStream input = new ByteArrayInputStream(bytes) {
            @Override
            public void close() {
                closed.incrementAndGet();
            }
        };

        Probe<ByteBuffer> probe =
                Probe.of(Limiters.iterate(limiter, input, 4096)).requestAll();

        assertCompleted(probe);
        ByteBuffer joined = ByteBuffer.allocate(bytes.length);
        for (ByteBuffer chunk : probe.items) {
            assertThat(chunk.remaining()).isBetween(1, 4096);
            joined.put(chunk);
        }
        assertThat(joined.array()).isEqualTo(bytes);
        awaitIdle(limiter);
        assertThat(closed).hasValue(1);
    }

    // ---- 3.2 demand ----

    @Test
    void rule_3_2_nothing_is_drawn_and_no_permit_taken_before_there_is_demand() {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = new WatchedSource(10);

        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, source));
        assertThat(get(Limiters.run(limiter, () -> "the limiter had time"))).isNotBlank();

        assertThat(source.drawn).hasValue(0);
        assertThat(limiter.statistics().acquired()).isEqualTo(1);
        probe.requestAll();
        assertCompleted(probe);
    }

    @Test
    void rule_3_2_no_item_is_drawn_beyond_demand_and_a_small_read_ahead() {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = WatchedSource.endless();
        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, source));
        int demanded = 0;

        for (int demand : new int[] {1, 2, 10, 100}) {
            probe.request(demand);
            demanded += demand;
            awaitCount(probe, demanded);
            awaitIdle(limiter);
            assertThat(source.drawn.get()).isBetween(demanded, demanded + READ_AHEAD);
        }

        probe.cancel();
        assertClosedOnce(source, limiter);
    }

    @Test
    void rule_3_2_a_stalled_subscriber_holds_no_permit() {
        CapacityLimiter limiter = limiter(1);
        List<Probe<Integer>> stalled = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            stalled.add(
                    Probe.of(Limiters.iterate(limiter, WatchedSource.endless())).request(2));
        }

        stalled.forEach(probe -> awaitCount(probe, 2));

        awaitIdle(limiter);
        take(limiter).close();
        stalled.forEach(Probe::cancel);
        awaitIdle(limiter);
    }

    @Test
    void rule_3_2_demand_from_within_on_next_is_demand_too() {
        CapacityLimiter limiter = limiter(1);

        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, numbers(2_000)), (itself, item) -> itself.request(1))
                .request(1);

        assertCompleted(probe);
        assertThat(probe.items).isEqualTo(numbers(2_000));
    }

    @Test
    void rule_3_2_demand_from_many_threads_adds_up() {
        CapacityLimiter limiter = limiter(2);
        Probe<Integer> probe = Probe.counting(Limiters.iterate(limiter, WatchedSource.endless()));
        List<Caller<Boolean>> demanding = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            demanding.add(startStep(() -> {
                for (int n = 0; n < 500; n++) {
                    probe.request(1);
                }
            }));
        }
        demanding.forEach(caller -> get(caller.outcome()));

        awaitCount(probe, 2_000);

        awaitIdle(limiter);
        assertThat(probe.count).hasValue(2_000);
        probe.cancel();
        assertThat(probe.violations).isEmpty();
    }

    // ---- 3.3 batches ----

    @Test
    void rule_3_3_one_admission_draws_many_cheap_items() {
        CapacityLimiter limiter = limiter(1);

        Probe<Integer> probe = Probe.counting(Limiters.iterate(limiter, new WatchedSource(10_000)))
                .requestAll();

        assertCompleted(probe);
        assertThat(probe.count).hasValue(10_000);
        awaitIdle(limiter);
        assertThat(limiter.statistics().acquired()).as("admissions").isLessThan(1_000);
    }

    @Test
    void rule_3_3_an_item_is_passed_on_when_it_is_there() {
        CapacityLimiter limiter = limiter(1);
        CountDownLatch second = new CountDownLatch(1);
        WatchedSource source = new WatchedSource(2, number -> {
            if (number == 1) {
                awaitUninterruptibly(second);
            }
        });

        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, source)).requestAll();

        awaitCount(probe, 1);
        assertThat(limiter.statistics().inUse()).as("while it draws").isEqualTo(1);
        second.countDown();
        assertCompleted(probe);
        assertThat(probe.items).containsExactly(0, 1);
    }

    @Test
    void rule_3_3_an_endless_iteration_lets_others_have_their_turn() {
        CapacityLimiter limiter = limiter(1);
        Probe<Integer> endless = Probe.counting(Limiters.iterate(limiter, WatchedSource.endless()))
                .requestAll();
        Probe<Integer> rival = Probe.counting(Limiters.iterate(limiter, WatchedSource.endless()))
                .requestAll();

        for (int i = 0; i < 5; i++) {
            int turn = i;
            assertThat(get(Limiters.run(limiter, () -> turn))).isEqualTo(turn);
        }
        int before = endless.count.get();
        int rivalBefore = rival.count.get();
        await("both to go on", () -> endless.count.get() > before && rival.count.get() > rivalBefore);

        endless.cancel();
        rival.cancel();
        awaitIdle(limiter);
        assertThat(endless.violations).isEmpty();
    }

    // ---- 3.4 closing ----

    @Test
    void rule_3_4_closed_once_at_the_end() {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = new WatchedSource(10);

        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, source)).requestAll();

        assertCompleted(probe);
        assertClosedOnce(source, limiter);
        probe.cancel();
        awaitIdle(limiter);
        assertThat(source.closed).hasValue(1);
    }

    @Test
    void rule_3_4_closed_once_after_an_early_cancel_while_idle() {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = WatchedSource.endless();
        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, source)).request(3);
        awaitCount(probe, 3);
        awaitIdle(limiter);

        probe.cancel();
        probe.cancel();

        assertClosedOnce(source, limiter);
        probe.request(5);
        awaitIdle(limiter);
        assertThat(probe.count).hasValue(3);
    }

    @Test
    void rule_3_4_closed_once_after_a_cancel_from_within_on_next() {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = WatchedSource.endless();

        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, source), (itself, item) -> {
                    if (item == 7) {
                        itself.cancel();
                    }
                })
                .requestAll();

        assertClosedOnce(source, limiter);
        assertThat(probe.items).isEqualTo(numbers(8));
        assertThat(probe.end).isNotDone();
    }

    @Test
    void rule_3_4_a_cancel_during_a_draw_closes_after_the_draw_and_drops_its_item() {
        CapacityLimiter limiter = limiter(1);
        CountDownLatch drawing = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        WatchedSource source = new WatchedSource(10, number -> {
            if (number == 2) {
                drawing.countDown();
                awaitUninterruptibly(mayEnd);
            }
        });
        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, source)).requestAll();
        await(drawing);

        promptly(probe::cancel);

        assertThat(source.closed).as("closed during a draw").hasValue(0);
        assertThat(limiter.statistics().inUse()).as("the draw still runs").isEqualTo(1);
        mayEnd.countDown();
        assertClosedOnce(source, limiter);
        assertThat(source.drawn).hasValue(3);
        assertThat(probe.items).containsExactly(0, 1);
        assertThat(probe.end).isNotDone();
    }

    @Test
    void rule_3_4_closed_promptly_though_no_permit_is_free() {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = WatchedSource.endless();
        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, source)).request(1);
        awaitCount(probe, 1);
        awaitIdle(limiter);
        Permit held = take(limiter);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 3);

        probe.cancel();

        await("the source to be closed", () -> source.closed.get() == 1);
        assertThat(granted(waiters)).isZero();
        held.close();
        waiters.forEach(waiter -> get(waiter).close());
        assertClosedOnce(source, limiter);
    }

    @Test
    void rule_3_4_closed_once_when_cancelled_while_waiting_for_a_permit() {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = WatchedSource.endless();
        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, source)).request(1);
        awaitCount(probe, 1);
        awaitIdle(limiter);
        Permit held = take(limiter);
        probe.request(1);
        awaitWaiting(limiter, 1);

        probe.cancel();

        await("the source to be closed", () -> source.closed.get() == 1);
        awaitWaiting(limiter, 0);
        held.close();
        assertClosedOnce(source, limiter);
        assertThat(source.drawn.get()).isLessThanOrEqualTo(1 + READ_AHEAD);
    }

    @Test
    void rule_3_4_what_was_open_before_is_closed_though_nothing_was_drawn() {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(0));
        AtomicInteger closed = new AtomicInteger();
        Queue<Thread> closers = new ConcurrentLinkedQueue<>();
        Stream<Integer> neverAsked = Stream.of(1).onClose(() -> {
            closers.add(Thread.currentThread());
            closed.incrementAndGet();
        });
        Stream<Integer> refused = Stream.of(1).onClose(() -> {
            closers.add(Thread.currentThread());
            closed.incrementAndGet();
        });

        Probe.of(Limiters.iterate(limiter, neverAsked)).cancel();
        await("the stream nobody asked for to be closed", () -> closed.get() == 1);
        Gate gate = occupy(limiter);
        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, refused)).request(1);

        assertRefused(errorOf(probe), RefusalReason.QUEUE_FULL, limiter);
        await("the stream that was refused to be closed", () -> closed.get() == 2);
        gate.open();
        awaitIdle(limiter);
        assertThat(closed).hasValue(2);
        assertThat(closers).doesNotContain(Thread.currentThread());
    }

    @Test
    void rule_3_4_closed_once_whenever_the_cancel_comes() {
        CapacityLimiter limiter = limiter(2);
        for (int round = 0; round < 300; round++) {
            WatchedSource source = WatchedSource.endless();
            Probe<Integer> probe =
                    Probe.counting(Limiters.iterate(limiter, source)).request(1 + round % 7);
            int spins = (round % 30) * 100;
            for (int spin = 0; spin < spins; spin++) {
                Thread.onSpinWait();
            }

            promptly(probe::cancel);

            awaitIdle(limiter);
            await("close as often as open", () -> source.closed.get() == source.opened.get());
            assertThat(source.violations).isEmpty();
            assertThat(source.opened.get()).isLessThanOrEqualTo(1);
        }
        awaitIdle(limiter);
    }

    @Test
    void rule_3_4_a_subscriber_that_throws_ends_the_iteration_and_closes_the_source() {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = WatchedSource.endless();

        Probe.of(Limiters.iterate(limiter, source), (probe, item) -> {
                    throw new IllegalStateException("a subscriber that breaks its contract");
                })
                .requestAll();

        assertClosedOnce(source, limiter);
    }

    @Test
    void rule_3_4_a_source_that_fails_to_close_still_gives_its_permit_back() {
        CapacityLimiter limiter = limiter(1);
        AtomicInteger closed = new AtomicInteger();
        Stream<Integer> stream = numbers(3).stream().onClose(() -> {
            closed.incrementAndGet();
            throw new IllegalStateException("cannot close");
        });

        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, stream)).requestAll();

        assertThat(endOf(probe))
                .satisfiesAnyOf(
                        end -> assertThat(end).isEmpty(), end -> assertThat(end).isPresent());
        assertThat(probe.items).isEqualTo(numbers(3));
        awaitIdle(limiter);
        assertThat(closed).hasValue(1);
    }

    // ---- 3.5 the subscription ----

    @Test
    void rule_3_5_demand_that_is_not_positive_is_an_error() {
        CapacityLimiter limiter = limiter(1);
        for (long demand : new long[] {0, -1, Long.MIN_VALUE}) {
            WatchedSource source = WatchedSource.endless();
            Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, source)).request(1);
            awaitCount(probe, 1);

            probe.request(demand);

            assertThat(errorOf(probe)).isInstanceOf(IllegalArgumentException.class);
            assertClosedOnce(source, limiter);
        }
    }

    @Test
    @SuppressWarnings({"NullAway", "DataFlowIssue"}) // null is what is tested
    void rule_3_5_null_subscribers_are_refused() {
        CapacityLimiter limiter = limiter(1);

        assertThatNullPointerException()
                .isThrownBy(() -> Limiters.iterate(limiter, numbers(1)).subscribe(null));
    }

    @Test
    void rule_3_5_signals_never_overlap_and_end_once() {
        CapacityLimiter limiter = limiter(4);
        List<Probe<Integer>> probes = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            probes.add(Probe.of(Limiters.iterate(limiter, new WatchedSource(300)), (probe, item) -> {
                        if (item % 3 == 0) {
                            probe.request(4);
                        }
                    })
                    .request(1));
        }
        probes.forEach(this::assertCompleted);
        probes.forEach(probe -> assertThat(probe.items).isEqualTo(numbers(300)));
        if (ownsThreads()) {
            assertThat(probes.get(0).threads)
                    .allMatch(thread -> thread.getName().startsWith(threadPrefix(limiter)));
        }
    }

    // ---- 3.6 one context ----

    @Test
    void rule_3_6_what_one_draw_sets_the_next_one_sees() {
        TestContext context = new TestContext();
        List<Thread> threads = new java.util.concurrent.CopyOnWriteArrayList<>();
        Queue<String> seen = new ConcurrentLinkedQueue<>();
        CapacityLimiter limiter = build(builder().capacity(1).context(context).workers(command -> {
            Thread thread = new Thread(command, "tck-worker");
            threads.add(thread);
            thread.setDaemon(true);
            thread.start();
        }));
        WatchedSource source = new WatchedSource(3, number -> {
            seen.add(context.get());
            context.set("set by draw " + number);
        });

        context.set("subscriber");
        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, source));
        context.set("changed later");
        for (int i = 1; i <= 3; i++) {
            probe.request(1);
            awaitCount(probe, i);
            awaitIdle(limiter);
        }
        probe.request(1);
        context.clear();

        assertCompleted(probe);
        assertThat(seen).containsExactly("subscriber", "set by draw 0", "set by draw 1");
        assertThat(threads).as("the draws came on different threads").hasSizeGreaterThanOrEqualTo(3);
    }

    @Test
    void rule_3_6_the_context_of_a_draw_never_leaks_to_other_work() {
        TestContext context = new TestContext();
        CapacityLimiter limiter = build(builder().capacity(1).context(context));
        Probe<Integer> probe =
                Probe.of(Limiters.iterate(limiter, new WatchedSource(10, number -> context.set("set by a draw"))));

        for (int i = 1; i <= 5; i++) {
            probe.request(1);
            awaitCount(probe, i);
            assertThat(get(Limiters.run(limiter, context::get))).isEqualTo(TestContext.NONE);
        }

        probe.cancel();
    }

    // ---- 3.7 admitted work is never refused half-way ----

    @Test
    void rule_3_7_a_running_iteration_goes_on_in_its_turn_though_the_queue_is_full() {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(2));
        Probe<Integer> probe =
                Probe.of(Limiters.iterate(limiter, WatchedSource.endless())).request(1);
        awaitCount(probe, 1);
        awaitIdle(limiter);
        Permit held = take(limiter);
        List<CompletableFuture<Permit>> waiters = enqueue(limiter, 2);
        Probe<Integer> newcomer =
                Probe.of(Limiters.iterate(limiter, numbers(1))).request(1);
        assertRefused(errorOf(newcomer), RefusalReason.QUEUE_FULL, limiter);

        probe.request(1);

        awaitWaiting(limiter, 3);
        held.close();
        get(waiters.get(0)).close();
        assertThat(probe.count).as("overtook those who came before").hasValue(1);
        get(waiters.get(1)).close();
        awaitCount(probe, 2);
        assertThat(probe.end).isNotDone();
        probe.cancel();
    }

    @Test
    void rule_3_7_a_running_iteration_is_refused_neither_for_the_wait_limit_nor_by_closing() {
        CapacityLimiter limiter = build(builder().capacity(1).maxWait(Duration.ofMillis(10)));
        WatchedSource source = new WatchedSource(4);
        Probe<Integer> probe = Probe.of(Limiters.iterate(limiter, source)).request(1);
        awaitCount(probe, 1);
        awaitIdle(limiter);
        Permit held = take(limiter);
        probe.request(1);
        awaitWaiting(limiter, 1);
        assertRefused(failureOf(limiter.acquireAsync()), RefusalReason.WAIT_TIMEOUT, limiter);

        limiter.close();

        assertThat(limiter.statistics().waiting()).isEqualTo(1);
        held.close();
        awaitCount(probe, 2);
        probe.requestAll();
        assertCompleted(probe);
        assertThat(probe.items).isEqualTo(numbers(4));
        assertClosedOnce(source, limiter);
        assertRefused(
                errorOf(Probe.of(Limiters.iterate(limiter, numbers(1))).request(1)), RefusalReason.CLOSED, limiter);
    }

    @Test
    void rule_3_7_continuing_work_waits_in_its_turn_and_is_never_refused() {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(1).maxWait(Duration.ofMillis(400)));
        WorkLimiter workLimiter = WorkLimiter.of(limiter);
        Permit held = take(limiter);
        CompletableFuture<Permit> newcomer = enqueue(limiter, 1).get(0);
        assertRefused(failureOf(limiter.acquireAsync()), RefusalReason.QUEUE_FULL, limiter);

        CompletableFuture<Permit> continuation = workLimiter.acquireContinuation();
        CompletableFuture<Permit> leaving = workLimiter.acquireContinuation();
        awaitWaiting(limiter, 3);
        leaving.cancel(true);
        awaitWaiting(limiter, 2);
        assertRefused(failureOf(newcomer), RefusalReason.WAIT_TIMEOUT, limiter);
        limiter.close();
        CompletableFuture<Permit> afterClose = workLimiter.acquireContinuation();

        held.close();
        get(continuation).close();
        get(afterClose).close();
        awaitIdle(limiter);
    }

    // ---- 3.8 no recursion ----

    @Test
    void rule_3_8_four_thousand_items_whose_every_step_completes_at_once_run_on_a_small_stack() {
        CapacityLimiter limiter = build(builder().capacity(1).workers(Runnable::run));
        AtomicReference<Probe<Integer>> probe = new AtomicReference<>();

        onSmallStack(() ->
                probe.set(Probe.of(Limiters.iterate(limiter, numbers(4_000)), (itself, item) -> itself.request(1))
                        .request(1)));

        assertCompleted(probe.get());
        assertThat(probe.get().items).isEqualTo(numbers(4_000));
    }

    @Test
    void rule_3_8_four_thousand_iterations_granted_by_one_release_run_on_a_small_stack() {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(4_000).workers(Runnable::run));
        Permit held = take(limiter);
        List<Probe<Integer>> probes = new ArrayList<>();
        for (int i = 0; i < 4_000; i++) {
            probes.add(Probe.counting(Limiters.iterate(limiter, numbers(3))).requestAll());
        }
        awaitWaiting(limiter, 4_000);

        onSmallStack(held::close);

        probes.forEach(this::assertCompleted);
    }

    // ---- 2.4 for iterations ----

    @Test
    void rule_2_4_an_iteration_started_by_work_is_detached_from_its_permit() {
        CapacityLimiter limiter = limiter(1);
        AtomicReference<Probe<Integer>> probe = new AtomicReference<>();

        CompletableFuture<Integer> waiting = Limiters.run(limiter, () -> {
            probe.set(Probe.of(Limiters.iterate(limiter, numbers(5))).requestAll());
            assertThat(probe.get().count).hasValue(0);
            return limiter.statistics().waiting();
        });

        assertThat(get(waiting)).isEqualTo(1);
        assertCompleted(probe.get());
    }

    @Test
    void rule_2_4_draws_that_run_work_under_the_same_limiter_run_it_inline() {
        CapacityLimiter limiter = limiter(1);
        WatchedSource source = new WatchedSource(
                3, number -> Limiters.run(limiter, () -> "inline").join());

        assertCompleted(Probe.of(Limiters.iterate(limiter, source)).requestAll());
    }
}
