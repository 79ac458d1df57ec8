package dev.weir.limiter.core;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What one look found of a {@link BlockedWait}: what it holds, and what it waits for. */
final class Blocked {

    final BlockedWait wait;
    final List<GatePermit> holds;

    /** The limiter in whose queue it waits, or the permit of the running work it waits for. */
    final Object awaited;

    final int permitsToBlock; // so many of the limiter's, held for good, keep it in the queue for ever
    final long queuedSince; // meaningless unless queued

    private Blocked(BlockedWait wait, List<GatePermit> holds, Object awaited, int permitsToBlock, long queuedSince) {
        this.wait = wait;
        this.holds = holds;
        this.awaited = awaited;
        this.permitsToBlock = permitsToBlock;
        this.queuedSince = queuedSince;
    }

    /** Null when the wait may end, or when nobody can wait for its thread. */
    static @Nullable Blocked of(BlockedWait wait, int permitsToBlock) {
        Waiter<?> waiter = wait.waiter;
        List<GatePermit> holds = wait.held.own();
        if (holds.isEmpty() || waiter.endsOtherwise()) {
            return null;
        }
        Long since = wait.limiter.gate().queuedSince(waiter);
        if (since != null) {
            return permitsToBlock == 0 ? null : new Blocked(wait, holds, wait.limiter, permitsToBlock, since);
        }
        GatePermit running = waiter.runsUnder();
        return running == null || waiter.isDone() ? null : new Blocked(wait, holds, running, 0, 0);
    }

    boolean isQueued() {
        return awaited instanceof GateLimiter;
    }

    /** Refusing it would end what nobody may end: work that was admitted, or finishing work. */
    boolean isExempt() {
        return wait.waiter.kind.exempt();
    }

    /** Whatever others may wait for while this is blocked: its permits, and places at their limiters. */
    List<Object> keeps() {
        List<Object> keeps = new ArrayList<>();
        for (GatePermit permit : holds) {
            keeps.add(permit);
            keeps.add(permit.limiter());
        }
        return keeps;
    }
}
