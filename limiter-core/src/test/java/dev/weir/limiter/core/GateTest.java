package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.tck.IdleLimiters;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The gate at the moments between its steps. */
class GateTest {

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    /** T1 has counted itself as waiting and not yet said since when; T2 takes a snapshot. */
    @Test
    void rule_1_10_the_oldest_wait_is_nobody_elses_while_a_waiter_is_being_queued() {
        AtomicReference<Gate> gate = new AtomicReference<>();
        AtomicLong oldest = new AtomicLong(-1);
        AtomicLong depth = new AtomicLong();
        gate.set(new Gate(
                new Ledger("oldest", 0),
                0,
                10,
                0,
                () -> look(depth, () -> oldest.set(gate.get().snapshot().oldestWaitNanos()))));
        assertThat(gate.get().admit(new Ticket())).isEqualTo(Gate.Answer.QUEUED);
        assertThat(oldest).hasValue(0);
    }

    private static long look(AtomicLong depth, Runnable look) {
        if (depth.getAndIncrement() == 0) {
            look.run();
        }
        return TimeUnit.HOURS.toNanos(1);
    }

    private static final class Ticket extends Waiter<Void> {
        Ticket() {
            super(Kind.NEWCOMER);
        }

        @Override
        void granted(GatePermit permit, boolean passOn) {}

        @Override
        void refused(RefusalReason reason, boolean traced) {}
    }

    @Test
    void rule_2_5_a_reserve_without_end_admits_finishing_work() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("reserve")
                .capacity(1)
                .reserve(Integer.MAX_VALUE)
                .build());
        try (Permit held = limiter.acquire()) {
            assertThat(held.limiter()).isSameAs(limiter);
            CompletableFuture<String> work = Limiters.finish(limiter, () -> "finished");
            assertThat(work.get(5, TimeUnit.SECONDS)).isEqualTo("finished");
        }
    }
}
