package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Whoever queues without locking the gate waits like everybody else. */
class InboxTest {

    private static final class Place extends Waiter<Void> {
        final int asker;
        final int turn;

        Place(Kind kind, int asker, int turn) {
            super(kind);
            this.asker = asker;
            this.turn = turn;
        }

        @Override
        void granted(GatePermit permit, boolean passOn) {}

        @Override
        void refused(Refusal refusal) {}
    }

    private final AtomicLong now = new AtomicLong();

    private Gate gate(int capacity, int maxWaiting) {
        return new Gate(new Ledger("inbox", capacity), capacity, maxWaiting, 1, now::get);
    }

    private static Place newcomer() {
        return new Place(Waiter.Kind.NEWCOMER, 0, 0);
    }

    /** Behind so many others. The first of them is in the queue, the others in the inbox. */
    private List<Place> queue(Gate gate, int before, int count) {
        List<Place> queued = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Place place = newcomer();
            now.incrementAndGet();
            assertThat(gate.admit(place)).isEqualTo(Gate.Answer.QUEUED);
            queued.add(place);
            assertThat(gate.snapshot().waiting()).isEqualTo(before + queued.size());
        }
        return queued;
    }

    @Test
    void rule_1_2_permits_go_to_the_queue_in_its_order() {
        Gate gate = gate(1, 1_000);
        assertThat(gate.tryTake()).isTrue();
        List<Place> queued = queue(gate, 0, 300);
        for (Place place : queued) {
            assertThat(gate.tryTake()).isFalse();
            assertThat(gate.release()).isSameAs(place);
        }
        assertThat(gate.release()).isNull();
        assertThat(gate.snapshot().inUse()).isZero();
        assertThat(gate.tryTake()).isTrue();
    }

    @Test
    void rule_1_2_a_resize_grants_in_their_order() {
        Gate gate = gate(0, 1_000);
        List<Place> queued = queue(gate, 0, 10);
        List<Waiter<?>> granted = new ArrayList<>();
        gate.resize(4, granted);
        assertThat(granted).isEqualTo(queued.subList(0, 4));
        assertThat(gate.snapshot().waiting()).isEqualTo(6);
    }

    @Test
    void rule_1_4_whoever_queued_leaves_from_anywhere() {
        Gate gate = gate(0, 1_000);
        List<Place> queued = queue(gate, 0, 5);
        assertThat(gate.queuedSince(queued.get(3))).isEqualTo(4);
        Place late = newcomer();
        gate.admit(late);
        assertThat(gate.remove(late)).isTrue();
        assertThat(gate.remove(late)).isFalse();
        assertThat(gate.remove(queued.get(2))).isTrue();
        assertThat(gate.remove(queued.get(0))).isTrue();
        List<Waiter<?>> granted = new ArrayList<>();
        gate.resize(3, granted);
        assertThat(granted).containsExactly(queued.get(1), queued.get(3), queued.get(4));
        assertThat(queued)
                .as("who left keeps nobody who waits in memory")
                .allMatch(place -> place.previous == null && place.next == null);
    }

    @Test
    void rule_1_6_the_wait_limit_finds_whoever_queued() {
        Gate gate = gate(0, 1_000);
        List<Place> queued = queue(gate, 0, 5);
        List<Waiter<?>> expired = new ArrayList<>();
        assertThat(gate.expireUpTo(3, expired)).isEqualTo(4);
        assertThat(expired).isEqualTo(queued.subList(0, 3));
        assertThat(gate.expireUpTo(5, expired)).isNull();
        assertThat(expired).isEqualTo(queued);
    }

    @Test
    void rule_1_9_closing_refuses_whoever_queued_and_nobody_queues_after_it() {
        Gate gate = gate(0, 1_000);
        List<Place> queued = queue(gate, 0, 5);
        assertThat(gate.admit(new Place(Waiter.Kind.CONTINUATION, 0, 0))).isEqualTo(Gate.Answer.QUEUED);
        queued.addAll(queue(gate, 6, 3));
        assertThat(gate.close()).isEqualTo(queued);
        assertThat(gate.admit(newcomer())).isEqualTo(Gate.Answer.CLOSED);
        assertThat(gate.admit(new Place(Waiter.Kind.CONTINUATION, 0, 0))).isEqualTo(Gate.Answer.QUEUED);
        assertThat(gate.admit(newcomer())).isEqualTo(Gate.Answer.CLOSED);
        assertThat(gate.snapshot().waiting()).isEqualTo(2);
    }

    @Test
    void rule_2_5_who_finishes_goes_before_whoever_queued() {
        Gate gate = gate(1, 1_000);
        assertThat(gate.tryTake()).isTrue();
        List<Place> queued = queue(gate, 0, 3);
        Place finishing = new Place(Waiter.Kind.FINISHING, 0, 0);
        assertThat(gate.admit(finishing)).isEqualTo(Gate.Answer.GRANTED); // into the reserve
        Place second = new Place(Waiter.Kind.FINISHING, 0, 0);
        assertThat(gate.admit(second)).isEqualTo(Gate.Answer.QUEUED);
        queued.addAll(queue(gate, 4, 2));
        assertThat(gate.release()).isSameAs(second);
        assertThat(gate.release()).isNull(); // out of the reserve
        for (Place place : queued) {
            assertThat(gate.release()).isSameAs(place);
        }
    }

    @Test
    void rule_1_6_as_many_wait_as_may_however_many_ask_at_once() throws Exception {
        int asks = 3_000; // by each of two threads
        try (Askers threads = new Askers(2)) {
            for (int round = 0; round < 100; round++) {
                Gate gate = gate(0, asks);
                List<List<Boolean>> queued = threads.all(asker -> IntStream.range(0, asks)
                        .mapToObj(turn -> gate.admit(newcomer()) == Gate.Answer.QUEUED)
                        .toList());
                assertThat(queued.stream().flatMap(List::stream).filter(Boolean::booleanValue))
                        .hasSize(asks);
                assertThat(gate.snapshot().waiting()).isEqualTo(asks);
                List<Waiter<?>> granted = new ArrayList<>();
                gate.resize(asks, granted);
                assertThat(granted).doesNotHaveDuplicates().hasSize(asks);
            }
        }
    }

    /** The queue runs empty all the time: that shuts the inbox under those who are about to enter. */
    @Test
    void rule_1_2_each_asker_is_served_in_its_order_and_nobody_is_forgotten() throws Exception {
        int turns = 50_000;
        Gate gate = gate(2, Integer.MAX_VALUE);
        ConcurrentLinkedQueue<Place> granted = new ConcurrentLinkedQueue<>(); // to be given back
        AtomicInteger served = new AtomicInteger();
        AtomicBoolean outOfOrder = new AtomicBoolean();
        int[] last = new int[2]; // touched by the one thread that gives back
        try (Askers threads = new Askers(3)) {
            threads.all(asker -> {
                if (asker == 2) {
                    while (served.get() < 2 * turns && !Thread.currentThread().isInterrupted()) {
                        Place place = granted.poll();
                        if (place == null) {
                            pause();
                        } else {
                            served.incrementAndGet();
                            if (gate.release() instanceof Place next) {
                                outOfOrder.compareAndSet(false, next.turn <= last[next.asker]);
                                last[next.asker] = next.turn;
                                granted.add(next);
                            }
                        }
                    }
                    return List.of();
                }
                for (int turn = 1; turn <= turns; turn++) {
                    while (gate.snapshot().waiting() > 3
                            && !Thread.currentThread().isInterrupted()) {
                        pause();
                    }
                    Place place = new Place(Waiter.Kind.NEWCOMER, asker, turn);
                    if (gate.admit(place) == Gate.Answer.GRANTED) {
                        granted.add(place);
                    }
                }
                return List.of();
            });
        }
        assertThat(served).hasValue(2 * turns);
        assertThat(outOfOrder).isFalse();
        assertThat(gate.snapshot())
                .returns(0, Gate.Snapshot::inUse)
                .returns(0, Gate.Snapshot::waiting)
                .returns(2L * turns, Gate.Snapshot::acquired);
    }

    /** Now and then leaves the processor to whoever is waited for: there may be fewer processors than threads. */
    private static void pause() {
        if (ThreadLocalRandom.current().nextInt(100) == 0) {
            LockSupport.parkNanos(1);
        } else {
            Thread.onSpinWait();
        }
    }

    /** Threads that begin together. */
    private static final class Askers implements AutoCloseable {
        private final int count;
        private final AtomicInteger ready = new AtomicInteger();
        private final ExecutorService threads;

        Askers(int count) {
            this.count = count;
            this.threads = Executors.newFixedThreadPool(count);
        }

        interface Job<T> {
            List<T> run(int asker) throws Exception;
        }

        <T> List<List<T>> all(Job<T> job) throws Exception {
            ready.set(0);
            List<Future<List<T>>> running = IntStream.range(0, count)
                    .mapToObj(asker -> threads.submit(() -> {
                        ready.incrementAndGet();
                        while (ready.get() < count && !Thread.currentThread().isInterrupted()) {
                            Thread.onSpinWait(); // whoever has slept would come too late for the others
                        }
                        return job.run(asker);
                    }))
                    .toList();
            List<List<T>> results = new ArrayList<>();
            for (Future<List<T>> one : running) {
                results.add(one.get(60, TimeUnit.SECONDS));
            }
            return results;
        }

        @Override
        public void close() {
            threads.shutdownNow();
        }
    }
}
