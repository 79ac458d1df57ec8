package dev.weir.limiter.core;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * What threads do to a gate, so that each step is one call of it. A thread has at most one place in the queue and any number
 * of permits; what it has is known to itself alone.
 */
class GateOperations {

    static final int CAPACITY = 2;
    static final int MAX_WAITING = 2;
    private static final int THREADS = 8;

    /** A place in the queue. */
    static final class Place extends Waiter<Void> {
        Place() {
            super(Kind.NEWCOMER);
        }

        @Override
        void granted(GatePermit permit, boolean passOn) {}

        @Override
        void refused(Refusal refusal) {}
    }

    final Gate gate = new Gate(new Ledger("checked", CAPACITY), CAPACITY, MAX_WAITING, 0, () -> 0);
    private final int[] permits = new int[THREADS];
    private final Place[] places = new Place[THREADS];

    boolean tryTake(int thread) {
        return taken(thread, gate::tryTake);
    }

    final boolean taken(int thread, BooleanSupplier take) {
        boolean taken = take.getAsBoolean();
        permits[thread] += taken ? 1 : 0;
        return taken;
    }

    /** Asks for a permit: granted, queued, or refused; "already" when the thread is queued, as far as it knows. */
    String ask(int thread) {
        if (places[thread] != null) {
            return "already";
        }
        Place place = new Place();
        Gate.Answer answer = gate.admit(place);
        permits[thread] += answer == Gate.Answer.GRANTED ? 1 : 0;
        places[thread] = answer == Gate.Answer.QUEUED ? place : null;
        return answer.name();
    }

    /** Leaves the queue. Whoever was queued and no longer is has been granted a permit. */
    String leave(int thread) {
        Place place = places[thread];
        if (place == null) {
            return "nowhere";
        }
        places[thread] = null;
        if (gate.remove(place)) {
            return "left";
        }
        permits[thread]++;
        return "granted";
    }

    /** Gives a permit back, if the thread has one; says whether it went to somebody. */
    String release(int thread) {
        if (permits[thread] == 0) {
            return "none";
        }
        permits[thread]--;
        return gate.release() == null ? "free" : "passed on";
    }

    /** Changes the capacity; says how many that admitted. */
    int resize(int capacity) {
        List<Waiter<?>> granted = new ArrayList<>();
        gate.resize(capacity, granted);
        return granted.size();
    }

    /** The ledger is looked at, and told what came back. */
    void settleLedger() {
        gate.ledger();
    }

    String statistics() {
        Gate.Snapshot now = gate.snapshot();
        return now.inUse() + " of " + now.capacity() + " in use, " + now.waiting() + " waiting, " + now.acquired()
                + " acquired";
    }
}
