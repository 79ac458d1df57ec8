package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Permit;
import io.github.resilience4j.bulkhead.Bulkhead;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.Test;

/** In use, recorded, the ledger's limit: none is ever larger than the next (docs/invariants.md). */
class LedgerTest {

    private final Ledger ledger = new Ledger("ledger", 4);
    private final AtomicLong now = new AtomicLong();
    private final Gate gate = new Gate(ledger, 4, 100, 2, now::get);

    private void assertInvariant() {
        Gate.Snapshot now = gate.snapshot();
        int limit = Math.min(Math.max(now.capacity(), now.inUse()), Ledger.MAX);
        Bulkhead.Metrics recorded = ledger.metrics();
        assertThat(recorded.getMaxAllowedConcurrentCalls()).isEqualTo(limit);
        assertThat(recorded.getAvailableConcurrentCalls()).isBetween(0, limit - now.inUse());
    }

    /** When it is looked at. */
    private void assertExact() {
        assertInvariant();
        assertThat(gate.ledger().getAvailableConcurrentCalls())
                .isEqualTo(gate.ledger().getMaxAllowedConcurrentCalls()
                        - gate.snapshot().inUse());
    }

    @Test
    void rule_1_3_the_ledger_follows_every_step_of_a_random_walk() {
        long seed = System.nanoTime();
        Random random = new Random(seed);
        List<Waiter<?>> waiting = new ArrayList<>();
        for (int step = 0; step < 20_000; step++) {
            switch (random.nextInt(6)) {
                case 0, 1, 2 -> {
                    Waiter<?> waiter = waiter(List.of(Waiter.Kind.values()).get(random.nextInt(3)));
                    if (gate.admit(waiter) == Gate.Answer.QUEUED) {
                        waiting.add(waiter);
                    }
                }
                case 3, 4 -> {
                    if (gate.snapshot().inUse() > 0) {
                        waiting.remove(gate.release());
                    }
                }
                default -> {
                    List<Waiter<?>> granted = new ArrayList<>();
                    gate.resize(random.nextInt(9), granted);
                    waiting.removeAll(granted);
                    if (!waiting.isEmpty() && random.nextBoolean()) {
                        assertThat(gate.remove(waiting.remove(random.nextInt(waiting.size()))))
                                .isTrue();
                    }
                }
            }
            if (random.nextInt(10) == 0) {
                assertExact();
            } else {
                assertInvariant();
            }
            assertThat(gate.snapshot().waiting())
                    .as("seed %d step %d", seed, step)
                    .isEqualTo(waiting.size());
        }
    }

    private static Waiter<Void> waiter(Waiter.Kind kind) {
        return new Waiter<>(kind) {
            @Override
            void granted(GatePermit permit, boolean passOn) {}

            @Override
            void refused(Refusal refusal) {}
        };
    }

    @Test
    void rule_1_9_an_interrupted_thread_records_and_keeps_its_flag() {
        Thread.currentThread().interrupt();
        try {
            assertThat(gate.tryTake()).isTrue();
            assertInvariant();
            Waiter<?> ignored = gate.release();
            assertInvariant();
            assertThat(Thread.currentThread().isInterrupted()).isTrue();
        } finally {
            Thread.interrupted();
        }
    }

    @Test
    void rule_1_3_a_permit_too_many_is_refused_and_breaks_nothing() {
        assertThat(gate.tryTake()).isTrue();
        Waiter<?> nobody = gate.release();
        assertThat(nobody).isNull();
        assertThatIllegalStateException().isThrownBy(gate::release);
        gate.resize(0, new ArrayList<>());
        gate.admit(waiter(Waiter.Kind.NEWCOMER));
        assertThatIllegalStateException().isThrownBy(gate::release);
        List<Waiter<?>> granted = new ArrayList<>();
        gate.resize(1, granted);
        assertThat(granted).hasSize(1);
        assertInvariant();
    }

    @Test
    void rule_1_10_what_came_back_stays_recorded_until_somebody_looks() {
        for (int i = 0; i < 3; i++) {
            assertThat(gate.tryTake()).isTrue();
        }
        Waiter<?> nobody = gate.release();
        assertThat(nobody).isNull();
        assertThat(ledger.metrics().getAvailableConcurrentCalls()).isEqualTo(1);
        assertThat(gate.ledger().getAvailableConcurrentCalls()).isEqualTo(2);
        assertThat(gate.tryTake()).isTrue();
        assertThat(ledger.metrics().getAvailableConcurrentCalls()).isEqualTo(1);
    }

    @Test
    void rule_1_3_a_shrink_takes_back_what_is_recorded_and_not_in_use() {
        for (int i = 0; i < 4; i++) {
            assertThat(gate.tryTake()).isTrue();
        }
        for (int i = 0; i < 3; i++) {
            Waiter<?> nobody = gate.release();
            assertThat(nobody).isNull();
        }
        gate.resize(2, new ArrayList<>());
        assertThat(ledger.metrics().getMaxAllowedConcurrentCalls()).isEqualTo(2);
        assertThat(gate.tryTake()).isTrue();
        assertThat(gate.tryTake()).isFalse();
        assertExact();
    }

    /** The version of the word comes to its end: permits are counted on. */
    @Test
    void rule_1_10_the_total_goes_on_where_the_version_begins_again() throws Exception {
        VarHandle word = MethodHandles.privateLookupIn(Gate.class, MethodHandles.lookup())
                .findVarHandle(Gate.class, "word", long.class);
        assertThat(gate.tryTake()).isTrue();
        Waiter<?> nobody = gate.release();
        assertThat(nobody).isNull();
        long last = ((1L << 35) - 1) << 25;
        word.setVolatile(gate, (long) word.getVolatile(gate) | last);
        long before = gate.snapshot().acquired();
        for (int i = 1; i <= 3; i++) {
            assertThat(gate.tryTake()).isTrue();
            assertThat(gate.snapshot()).isEqualTo(new Gate.Snapshot(4, i, 0, 100, 0, before + i));
        }
        assertExact();
    }

    @Test
    void rule_1_1_unlimited_stays_away_from_the_end_of_the_ledgers_counter() {
        gate.resize(CapacityLimiter.UNLIMITED, new ArrayList<>());
        assertThat(gate.capacity()).isEqualTo(CapacityLimiter.UNLIMITED);
        assertThat(ledger.metrics().getMaxAllowedConcurrentCalls()).isEqualTo(Ledger.MAX);
        assertThat(gate.tryTake()).isTrue();
        Waiter<?> ignored = gate.release();
        gate.resize(0, new ArrayList<>());
        assertInvariant();
    }

    /** Races of the fast paths with resize: at rest, gate and ledger agree. */
    @Test
    void rule_1_3_gate_and_ledger_agree_after_a_race_of_resizes_and_permits() throws Exception {
        together(4, thread -> {
            Random random = new Random();
            for (int i = 0; i < 50_000; i++) {
                if (thread == 0) {
                    gate.resize(random.nextInt(6), new ArrayList<>());
                } else if (gate.tryTake()) {
                    Waiter<?> ignored = gate.release();
                }
            }
        });
        assertThat(gate.snapshot().inUse()).isZero();
        assertExact();
    }

    /** Races of a release with somebody who queues: the permit changes hands after all. */
    @Test
    void rule_1_3_gate_and_ledger_agree_after_a_race_of_releases_and_waiters() throws Exception {
        gate.resize(1, new ArrayList<>());
        together(2, thread -> {
            for (int i = 0; i < 20_000; i++) {
                Granted waiter = new Granted();
                if (gate.admit(waiter) == Gate.Answer.QUEUED) {
                    waiter.await();
                }
                if (gate.release() instanceof Granted next) {
                    next.granted = true;
                }
            }
        });
        assertThat(gate.snapshot().inUse()).isZero();
        assertExact();
    }

    private static void together(int threads, IntConsumer race) throws Exception {
        CountDownLatch done = new CountDownLatch(threads);
        for (int t = 0; t < threads; t++) {
            int thread = t;
            new Thread(
                            () -> {
                                race.accept(thread);
                                done.countDown();
                            },
                            "ledger-test-" + t)
                    .start();
        }
        assertThat(done.await(60, TimeUnit.SECONDS)).isTrue();
    }

    private static final class Granted extends Waiter<Void> {
        private volatile boolean granted;

        Granted() {
            super(Kind.NEWCOMER);
        }

        void await() {
            for (int spins = 0; !granted; spins++) {
                if (spins < 1000) {
                    Thread.onSpinWait();
                } else {
                    LockSupport.parkNanos(1_000); // the other one needs a processor
                }
            }
        }

        @Override
        void granted(GatePermit permit, boolean passOn) {}

        @Override
        void refused(Refusal refusal) {}
    }

    @Test
    void rule_1_6_the_oldest_wait_is_that_of_the_head_waiter_whoever_came_and_went() {
        gate.resize(0, new ArrayList<>());
        Waiter<?> gone = waiter(Waiter.Kind.NEWCOMER);
        gate.admit(gone);
        assertThat(gate.remove(gone)).isTrue();
        now.set(100);
        Waiter<?> first = waiter(Waiter.Kind.NEWCOMER);
        gate.admit(first);
        now.set(110);
        Waiter<?> second = waiter(Waiter.Kind.NEWCOMER);
        gate.admit(second);
        now.set(130);
        assertThat(gate.snapshot().oldestWaitNanos()).isEqualTo(30);
        assertThat(gate.remove(first)).isTrue();
        assertThat(gate.snapshot().oldestWaitNanos()).isEqualTo(20);
        now.set(140);
        gate.admit(waiter(Waiter.Kind.FINISHING));
        assertThat(gate.snapshot().oldestWaitNanos()).isEqualTo(30);
    }

    @Test
    void rule_1_6_a_wait_limit_takes_newcomers_only_and_in_order() {
        Gate timed = new Gate(new Ledger("timed", 0), 0, 100, 0, now::get);
        Deque<Waiter<?>> queued = new ArrayDeque<>();
        for (int i = 0; i < 4; i++) {
            Waiter<?> waiter = waiter(i == 1 ? Waiter.Kind.CONTINUATION : Waiter.Kind.NEWCOMER);
            now.set(i * 10L);
            timed.admit(waiter);
            queued.add(waiter);
        }
        List<Waiter<?>> expired = new ArrayList<>();
        assertThat(timed.expireUpTo(20, expired)).isEqualTo(30L);
        Waiter<?> first = queued.remove();
        queued.remove();
        assertThat(expired).containsExactly(first, queued.remove());
        assertThat(timed.snapshot().waiting()).isEqualTo(2);
        assertThat(timed.snapshot().oldestWaitNanos()).isEqualTo(20); // the continuation, queued at 10
    }

    @Test
    void rule_1_6_the_wait_limit_refuses_a_future_permit() {
        try (CapacityLimiter limiter = CapacityLimiter.builder("wait")
                .capacity(1)
                .maxWait(java.time.Duration.ofMillis(20))
                .build()) {
            Permit held = limiter.tryAcquire().orElseThrow();
            CompletableFuture<Permit> late = limiter.acquireAsync();
            assertThat(late)
                    .failsWithin(5, TimeUnit.SECONDS)
                    .withThrowableOfType(java.util.concurrent.ExecutionException.class)
                    .withMessageContaining("Limiter 'wait' refused: the wait limit passed (capacity 1, in use 1");
            held.close();
            assertThat(limiter.statistics().refused(dev.weir.limiter.RefusalReason.WAIT_TIMEOUT))
                    .isEqualTo(1);
            assertThat(limiter.statistics().inUse()).isZero();
        }
    }
}
