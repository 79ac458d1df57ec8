package dev.weir.limiter.core;

import dev.weir.limiter.RefusalReason;
import io.github.resilience4j.bulkhead.Bulkhead;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Decides who is admitted, and when. Knows permits as a number only; what a grant means is up to the {@link Waiter}.
 *
 * <p><b>State.</b> One 64-bit {@link #word} holds, from the top: closed (1 bit), locked (1), an epoch that every resize
 * advances (12), how many wait (25), how many permits are in use (25). Beside it stand two capacities, one for even epochs and
 * one for odd: a resize writes the one that is not in force, and then advances the epoch. So a word and its capacity belong
 * together for whoever finds the word unchanged after having read the capacity, which a compare-and-set of the word does.
 *
 * <ul>
 *   <li>While nobody waits, permits are taken and given back by one compare-and-set of the word, without locking.
 *   <li>While somebody waits, the fast paths see the waiting count and step aside. So "waiting &gt; 0 implies that the head
 *       waiter has no permit free for it" holds whenever the gate is not locked.
 *   <li>Whoever sets the bit "locked" has the word to itself: others only read it until the holder stores the word that comes
 *       next, which unlocks it. Queues, capacities and the ledger's limit change in between only. Nothing there can block or
 *       runs code of the user; whoever is granted or refused is told afterwards.
 * </ul>
 *
 * <p>The lock is a bit of the word because under load one thread queues work while another takes it from the queue: what they
 * fight for is then one cache line, and not that of a lock besides. It is held for some ten nanoseconds. Who finds it taken
 * spins, and soon yields and sleeps, since its holder may have been put aside by the scheduler.
 *
 * <p><b>Races.</b> T1 finds all permits in use and is about to queue, T2 gives one back: locked, T1 looks again. T1 reads a
 * word below its capacity, T2 shrinks: the epoch fails T1's swap. T1 leaves the queue, T2 grants: one of them locks first and
 * finds the waiter queued, and the other does not.
 *
 * <p><b>Ledger.</b> See {@link Ledger}: counted here first and there second on the way in, the other way round on the way out;
 * its limit is max(capacity, in use) whenever the lock is free.
 */
final class Gate {

    private static final int COUNT_BITS = 25;
    private static final long COUNT_MASK = (1L << COUNT_BITS) - 1;
    private static final long IN_USE_ONE = 1L;
    private static final long WAITING_ONE = 1L << COUNT_BITS;
    private static final long WAITING_MASK = COUNT_MASK << COUNT_BITS;
    private static final long EPOCH_ONE = 1L << (2 * COUNT_BITS);
    private static final long CLOSED = 1L << 63;
    private static final long LOCKED = 1L << 62;
    private static final long EPOCH_MASK = ~(CLOSED | LOCKED | WAITING_MASK | COUNT_MASK);

    /** As many permits can be in use at most, even with unlimited capacity: 33,554,431. */
    static final int MAX_IN_USE = (int) COUNT_MASK;

    /** As many can wait at most. */
    static final int MAX_WAITING = (int) COUNT_MASK;

    /** Looks at a locked word before a thread lets others run. */
    private static final int SPINNING_LOOKS = Runtime.getRuntime().availableProcessors() > 1 ? 10 : 0;

    /** Looks before it sleeps. */
    private static final int YIELDING_LOOKS = SPINNING_LOOKS + 8;

    /** Steps of {@link Thread#onSpinWait} between the first two looks; between the next ones up to four times as many. */
    private static final int SPINS = 32;

    private static final long NAP_NANOS = 20_000;

    private static final VarHandle WORD;
    private static final VarHandle OLDEST_SINCE;
    private static final VarHandle ACQUIRED_IN_TURN;

    static {
        try {
            WORD = MethodHandles.lookup().findVarHandle(Gate.class, "word", long.class);
            OLDEST_SINCE = MethodHandles.lookup().findVarHandle(Gate.class, "oldestSince", long.class);
            ACQUIRED_IN_TURN = MethodHandles.lookup().findVarHandle(Gate.class, "acquiredInTurn", long.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /** What became of somebody who asked. */
    enum Answer {
        GRANTED,
        QUEUED,
        QUEUE_FULL,
        CLOSED
    }

    private final WaiterQueue finishing = new WaiterQueue();
    private final WaiterQueue regular = new WaiterQueue();
    private final Ledger ledger;
    private final int maxWaiting;
    private final int reserve;
    private final LongSupplier nanoTime;
    private final LongSupplier recentTime;
    private final LongAdder acquired = new LongAdder(); // apart from those that were granted in their turn

    private volatile long word;
    private volatile long acquiredInTurn; // written while locked
    private volatile int evenCapacity;
    private volatile int oddCapacity;
    private volatile long oldestSince; // when the longest waiter was queued; meaningless while nobody waits

    Gate(Ledger ledger, int capacity, int maxWaiting, int reserve, LongSupplier nanoTime) {
        this(ledger, capacity, maxWaiting, reserve, nanoTime, nanoTime);
    }

    /**
     * Open, with nobody in it.
     *
     * @param recentTime as nanoTime, but may be some milliseconds behind; for waiters that are not {@link Waiter#timed}
     */
    Gate(Ledger ledger, int capacity, int maxWaiting, int reserve, LongSupplier nanoTime, LongSupplier recentTime) {
        this.ledger = ledger;
        this.evenCapacity = capacity;
        this.maxWaiting = Math.min(maxWaiting, MAX_WAITING);
        this.reserve = reserve;
        this.nanoTime = nanoTime;
        this.recentTime = recentTime;
    }

    private static int inUse(long word) {
        return (int) (word & COUNT_MASK);
    }

    private static int waiting(long word) {
        return (int) ((word >>> COUNT_BITS) & COUNT_MASK);
    }

    private static boolean closed(long word) {
        return word < 0;
    }

    /** The capacity that belongs to a word, if the word is still the same after this. */
    private int capacity(long seen) {
        return (seen & EPOCH_ONE) == 0 ? evenCapacity : oddCapacity;
    }

    /** Whether no resize has ended since the word was read: a capacity that was read in between belongs to it. */
    private boolean isEpochOf(long seen) {
        return ((seen ^ word) & EPOCH_MASK) == 0;
    }

    int capacity() {
        while (true) {
            long seen = word;
            int capacity = capacity(seen);
            if (isEpochOf(seen)) {
                return capacity;
            }
        }
    }

    /** As many permits may be in use at the moment: with the reserve, and with those a shrink has not got back yet. */
    int maxPermits() {
        while (true) {
            long seen = word;
            int most = withReserve(capacity(seen));
            if (isEpochOf(seen)) {
                return Math.max(most, inUse(seen));
            }
        }
    }

    boolean isClosed() {
        return closed(word);
    }

    /** Another one after every resize, for whoever wants to know whether there was one. */
    long epoch() {
        return word & EPOCH_MASK;
    }

    boolean hasWaiters() {
        return (word & WAITING_MASK) != 0;
    }

    /** Takes a permit if one is free, nobody waits and the gate is open. */
    boolean tryTake() {
        for (int looks = 0; ; looks++) {
            long seen = word;
            if ((seen & (CLOSED | WAITING_MASK)) != 0) {
                return false;
            }
            if (inUse(seen) >= Math.min(capacity(seen), MAX_IN_USE)) {
                if (isEpochOf(seen)) {
                    return false;
                }
            } else if ((seen & LOCKED) != 0) {
                pause(looks);
            } else if (WORD.compareAndSet(this, seen, seen + IN_USE_ONE)) {
                acquired.increment();
                if (!ledger.take()) {
                    recordAgain();
                }
                return true;
            }
        }
    }

    /** Reached only if 4,096 resizes went by between a read of the word and its swap: the permit stands, the ledger follows. */
    private void recordAgain() {
        long seen = lock();
        try {
            settle(seen);
            ledger.take();
        } finally {
            unlock(seen);
        }
    }

    /** Takes a permit for the waiter, or queues it, or refuses it. Tells the waiter nothing. */
    Answer admit(Waiter<?> waiter) {
        if (tryTake()) {
            return Answer.GRANTED;
        }
        boolean exempt = waiter.kind.exempt();
        long now = waiter.timed
                ? nanoTime.getAsLong()
                : recentTime.getAsLong(); // longer than all that is done while locked
        long seen = lock();
        long next = seen;
        try {
            if (closed(seen) && !exempt) {
                return Answer.CLOSED;
            }
            if (nobodyBefore(waiter, seen) && inUse(seen) < limit(waiter, capacity(seen))) {
                settle(seen + IN_USE_ONE);
                acquired.increment(); // may fail for want of memory: before the ledger has more than the gate
                ledger.take();
                next = seen + IN_USE_ONE;
                return Answer.GRANTED;
            }
            if (waiting(seen) >= (exempt ? MAX_WAITING : maxWaiting)) {
                return Answer.QUEUE_FULL;
            }
            if (waiting(seen) == 0) {
                OLDEST_SINCE.setRelease(this, now); // before anybody can see that somebody waits
            }
            waiter.waitingSince = now;
            queueOf(waiter).add(waiter);
            next = seen + WAITING_ONE;
            return Answer.QUEUED;
        } finally {
            unlock(next);
        }
    }

    private boolean nobodyBefore(Waiter<?> waiter, long seen) {
        return waiter.kind == Waiter.Kind.FINISHING ? finishing.peek() == null : waiting(seen) == 0;
    }

    private int limit(Waiter<?> waiter, int capacity) {
        return limit(waiter.kind, capacity);
    }

    /** Permits in use below this admit a waiter of the kind. */
    int limit(Waiter.Kind kind, int capacity) {
        return kind == Waiter.Kind.FINISHING ? withReserve(capacity) : Math.min(capacity, MAX_IN_USE);
    }

    private int withReserve(int capacity) {
        return (int) Math.min((long) capacity + reserve, MAX_IN_USE);
    }

    private WaiterQueue queueOf(Waiter<?> waiter) {
        return waiter.kind == Waiter.Kind.FINISHING ? finishing : regular;
    }

    /**
     * Gives a permit back.
     *
     * @return whom it was granted to, if anybody: the caller tells it
     */
    @Nullable Waiter<?> release() {
        boolean recorded = false;
        for (long seen = word; (seen & (LOCKED | WAITING_MASK)) == 0 && inUse(seen) <= capacity(seen); seen = word) {
            requireInUse(seen);
            if (!recorded) {
                ledger.giveBack();
                recorded = true;
            }
            if (WORD.compareAndSet(this, seen, seen - IN_USE_ONE)) {
                return null;
            }
        }
        return releaseLocked(recorded);
    }

    /** A permit that came back twice would otherwise be borrowed from the bits above, and leave the gate locked for ever. */
    private static void requireInUse(long seen) {
        if (inUse(seen) == 0) {
            throw new IllegalStateException("a permit came back, and none is in use");
        }
    }

    private @Nullable Waiter<?> releaseLocked(boolean recorded) {
        long seen = lock();
        long next = seen;
        try {
            requireInUse(seen);
            Waiter<?> head = head();
            if (head != null && inUse(seen) <= limit(head, capacity(seen))) {
                if (recorded) {
                    ledger.take();
                }
                dequeue(head); // the permit changes hands: in use stays as it is
                next = seen - WAITING_ONE;
                ACQUIRED_IN_TURN.setRelease(this, acquiredInTurn + 1);
                return head;
            }
            next = seen - IN_USE_ONE; // with a head waiter, still above what would admit it
            if (!recorded) {
                ledger.giveBack();
            }
            settle(next);
            return null;
        } finally {
            unlock(next);
        }
    }

    private @Nullable Waiter<?> head() {
        Waiter<?> first = finishing.peek();
        return first == null ? regular.peek() : first;
    }

    /** While locked; that one fewer waits is for the caller to say. */
    private void dequeue(Waiter<?> waiter) {
        queueOf(waiter).remove(waiter);
        noteOldest();
    }

    /** The ledger's limit follows capacity and in use. While locked. */
    private void settle(long next) {
        ledger.settle(Math.max(capacity(next), inUse(next)));
    }

    private void noteOldest() {
        Waiter<?> first = regular.peek();
        Waiter<?> finisher = finishing.peek();
        if (first == null || (finisher != null && finisher.waitingSince - first.waitingSince < 0)) {
            first = finisher;
        }
        if (first != null) {
            OLDEST_SINCE.setRelease(this, first.waitingSince);
        }
    }

    /**
     * Takes a waiter out of the queue.
     *
     * @return false if it was in no queue: not yet, granted, refused, or gone already
     */
    boolean remove(Waiter<?> waiter) {
        long seen = lock();
        long next = seen;
        try {
            if (waiter.queued) {
                dequeue(waiter);
                next = seen - WAITING_ONE;
                return true;
            }
            return false;
        } finally {
            unlock(next);
        }
    }

    /** Since when a waiter has been in the queue; null if it is in none. */
    @Nullable Long queuedSince(Waiter<?> waiter) {
        long seen = lock();
        try {
            return waiter.queued ? waiter.waitingSince : null;
        } finally {
            unlock(seen);
        }
    }

    /**
     * Takes newcomers out of the queue that were queued before the given time.
     *
     * @param notAfter a {@link System#nanoTime}
     * @param expired gets those taken out
     * @return when the first newcomer still there was queued, or null if none is
     */
    @Nullable Long expireUpTo(long notAfter, List<Waiter<?>> expired) {
        long next = lock();
        try {
            Waiter<?> waiter = regular.peek();
            while (waiter != null) {
                Waiter<?> following = waiter.next;
                if (!waiter.kind.exempt()) {
                    if (waiter.waitingSince - notAfter > 0) {
                        return waiter.waitingSince;
                    }
                    expired.add(waiter);
                    dequeue(waiter);
                    next -= WAITING_ONE;
                }
                waiter = following;
            }
            return null;
        } finally {
            unlock(next);
        }
    }

    /**
     * Changes the capacity.
     *
     * @param granted gets those who were admitted: the caller tells them
     * @return the capacity before
     */
    int resize(int newCapacity, List<Waiter<?>> granted) {
        long next = lock();
        try {
            int old = capacity(next);
            if ((next & EPOCH_ONE) == 0) {
                oddCapacity = newCapacity;
            } else {
                evenCapacity = newCapacity;
            }
            next = withNextEpoch(next);
            for (Waiter<?> head = head(); head != null && inUse(next) < limit(head, newCapacity); head = head()) {
                granted.add(head);
                dequeue(head);
                next += IN_USE_ONE - WAITING_ONE;
            }
            settle(next);
            for (int i = 0; i < granted.size(); i++) {
                ledger.take();
            }
            ACQUIRED_IN_TURN.setRelease(this, acquiredInTurn + granted.size());
            return old;
        } finally {
            unlock(next);
        }
    }

    private static long withNextEpoch(long word) {
        return (word & ~EPOCH_MASK) | ((word + EPOCH_ONE) & EPOCH_MASK);
    }

    /**
     * Closes the gate for newcomers.
     *
     * @return the newcomers that waited: the caller tells them
     */
    List<Waiter<?>> close() {
        List<Waiter<?>> refused = new ArrayList<>();
        long next = lock() | CLOSED;
        try {
            Waiter<?> waiter = regular.peek();
            while (waiter != null) {
                Waiter<?> following = waiter.next;
                if (!waiter.kind.exempt()) {
                    refused.add(waiter);
                    dequeue(waiter);
                    next -= WAITING_ONE;
                }
                waiter = following;
            }
        } finally {
            unlock(next);
        }
        return refused;
    }

    /** Numbers that belong together, without locking. */
    Snapshot snapshot() {
        while (true) {
            long seen = word;
            int capacity = capacity(seen);
            long since = oldestSince;
            long total = acquired.sum() + acquiredInTurn;
            if (isEpochOf(seen)) {
                int waiting = waiting(seen);
                int inUse = inUse(seen);
                long oldest = waiting == 0 ? 0 : Math.max(0, nanoTime.getAsLong() - since);
                // The total is counted after the permit: what is in use was surely granted.
                return new Snapshot(capacity, inUse, waiting, maxWaiting, oldest, Math.max(total, inUse));
            }
        }
    }

    /** The ledger's own view. */
    Bulkhead.Metrics ledger() {
        return ledger.metrics();
    }

    /** Numbers of one moment. */
    record Snapshot(int capacity, int inUse, int waiting, int maxWaiting, long oldestWaitNanos, long acquired) {}

    static RefusalReason reason(Answer answer) {
        return answer == Answer.CLOSED ? RefusalReason.CLOSED : RefusalReason.QUEUE_FULL;
    }

    /**
     * Locks the gate, not reentrantly.
     *
     * @return the word as it was
     */
    private long lock() {
        for (int looks = 0; ; looks++) {
            long seen = word;
            if ((seen & LOCKED) == 0 && WORD.compareAndSet(this, seen, seen | LOCKED)) {
                return seen;
            }
            pause(looks);
        }
    }

    private void unlock(long next) {
        WORD.setRelease(this, next);
    }

    /**
     * The one who has locked the gate may be running on another processor, or be waiting for this one. Looking too often would
     * only take the word from the other processor's cache: left alone for a microsecond, it gets a dozen operations done.
     */
    @SuppressWarnings("ThreadPriorityCheck") // it helps, and nothing depends on it: an interrupted thread cannot sleep
    private static void pause(int looks) {
        if (looks < SPINNING_LOOKS) {
            for (int spins = SPINS << Math.min(looks, 2); spins > 0; spins--) {
                Thread.onSpinWait();
            }
        } else {
            Thread.yield();
            if (looks >= YIELDING_LOOKS) {
                LockSupport.parkNanos(NAP_NANOS);
            }
        }
    }
}
