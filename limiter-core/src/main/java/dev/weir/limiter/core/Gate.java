package dev.weir.limiter.core;

import dev.weir.limiter.RefusalReason;
import io.github.resilience4j.bulkhead.Bulkhead;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Decides who is admitted, and when. Knows permits as a number only; what a grant means is up to the {@link Waiter}.
 *
 * <p><b>State.</b> One 64-bit {@link #word} holds, from the top: closed (1 bit), an epoch that every resize advances (13),
 * how many wait (25), how many permits are in use (25). Beside it stand two capacities, one for even epochs and one for odd: a
 * resize writes the one that is not in force, and then advances the epoch. So a word and its capacity belong together for
 * whoever finds the word unchanged after having read the capacity, which a compare-and-set of the word does.
 *
 * <ul>
 *   <li>While nobody waits, permits are taken and given back by one compare-and-set of the word, without the lock.
 *   <li>While somebody waits, the word changes under the {@link #lock} only: the fast paths see the waiting count and step
 *       aside. So "waiting &gt; 0 implies that the head waiter has no permit free for it" holds whenever the lock is free.
 *   <li>Queues, capacities and the ledger's limit change under the lock only. Nothing under the lock can block or runs code of
 *       the user; whoever is granted or refused is told after it is released.
 * </ul>
 *
 * <p><b>Races.</b> T1 finds all permits in use and is about to queue, T2 gives one back: T1's swap of the word to "one
 * waiting" fails, and it looks again. T1 reads a word below its capacity, T2 shrinks: the epoch fails T1's swap. T1 leaves
 * the queue, T2 grants: under the lock one of them finds the waiter queued and the other does not.
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
    private static final long EPOCH_MASK = ~(CLOSED | WAITING_MASK | COUNT_MASK);

    /** As many permits can be in use at most, even with unlimited capacity: 33,554,431. */
    static final int MAX_IN_USE = (int) COUNT_MASK;

    /** As many can wait at most. */
    static final int MAX_WAITING = (int) COUNT_MASK;

    /** Tries before a thread parks for the lock, which is held for some ten nanoseconds: parking costs thousands. */
    private static final int LOCK_SPINS = Runtime.getRuntime().availableProcessors() > 1 ? 128 : 0;

    private static final VarHandle WORD;
    private static final VarHandle OLDEST_SINCE;

    static {
        try {
            WORD = MethodHandles.lookup().findVarHandle(Gate.class, "word", long.class);
            OLDEST_SINCE = MethodHandles.lookup().findVarHandle(Gate.class, "oldestSince", long.class);
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

    private final ReentrantLock lock = new ReentrantLock();
    private final WaiterQueue finishing = new WaiterQueue();
    private final WaiterQueue regular = new WaiterQueue();
    private final Ledger ledger;
    private final int maxWaiting;
    private final int reserve;
    private final LongSupplier nanoTime;
    private final LongAdder acquired = new LongAdder(); // apart from those that were granted in their turn
    private final AtomicLong acquiredInTurn = new AtomicLong(); // written under the lock

    private volatile long word;
    private volatile int evenCapacity;
    private volatile int oddCapacity;
    private volatile long oldestSince; // when the longest waiter was queued; meaningless while nobody waits

    Gate(Ledger ledger, int capacity, int maxWaiting, int reserve, LongSupplier nanoTime) {
        this.ledger = ledger;
        this.evenCapacity = capacity;
        this.maxWaiting = Math.min(maxWaiting, MAX_WAITING);
        this.reserve = reserve;
        this.nanoTime = nanoTime;
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

    int capacity() {
        while (true) {
            long seen = word;
            int capacity = capacity(seen);
            if (((seen ^ word) & EPOCH_MASK) == 0) {
                return capacity;
            }
        }
    }

    /** As many permits may be in use at the moment: with the reserve, and with those a shrink has not got back yet. */
    int maxPermits() {
        while (true) {
            long seen = word;
            int most = withReserve(capacity(seen));
            if (((seen ^ word) & EPOCH_MASK) == 0) {
                return Math.max(most, inUse(seen));
            }
        }
    }

    boolean isClosed() {
        return closed(word);
    }

    boolean hasWaiters() {
        return (word & WAITING_MASK) != 0;
    }

    /** Takes a permit if one is free, nobody waits and the gate is open. */
    boolean tryTake() {
        while (true) {
            long seen = word;
            if ((seen & (CLOSED | WAITING_MASK)) != 0 || inUse(seen) >= Math.min(capacity(seen), MAX_IN_USE)) {
                return false;
            }
            if (WORD.compareAndSet(this, seen, seen + IN_USE_ONE)) {
                record();
                return true;
            }
        }
    }

    private void record() {
        acquired.increment();
        if (!ledger.take()) {
            recordAgain();
        }
    }

    /** Reached only if 8,192 resizes went by between a read of the word and its swap: the permit stands, the ledger follows. */
    private void recordAgain() {
        lock();
        try {
            settle();
            ledger.take();
        } finally {
            lock.unlock();
        }
    }

    /** Takes a permit for the waiter, or queues it, or refuses it. Tells the waiter nothing. */
    Answer admit(Waiter<?> waiter) {
        if (tryTake()) {
            return Answer.GRANTED;
        }
        boolean exempt = waiter.kind.exempt();
        lock();
        try {
            long now = nanoTime.getAsLong();
            while (true) {
                long seen = word;
                if (closed(seen) && !exempt) {
                    return Answer.CLOSED;
                }
                if (nobodyBefore(waiter, seen) && inUse(seen) < limit(waiter, capacity(seen))) {
                    if (WORD.compareAndSet(this, seen, seen + IN_USE_ONE)) {
                        settle();
                        record();
                        return Answer.GRANTED;
                    }
                } else if (waiting(seen) >= (exempt ? MAX_WAITING : maxWaiting)) {
                    return Answer.QUEUE_FULL;
                } else {
                    if (waiting(seen) == 0) {
                        OLDEST_SINCE.setRelease(this, now); // before anybody can see that somebody waits
                    }
                    if (WORD.compareAndSet(this, seen, seen + WAITING_ONE)) {
                        waiter.waitingSince = now;
                        queueOf(waiter).add(waiter);
                        return Answer.QUEUED;
                    }
                }
            }
        } finally {
            lock.unlock();
        }
    }

    private boolean nobodyBefore(Waiter<?> waiter, long seen) {
        return waiter.kind == Waiter.Kind.FINISHING ? finishing.peek() == null : waiting(seen) == 0;
    }

    /** Permits in use below this admit the waiter. */
    private int limit(Waiter<?> waiter, int capacity) {
        return waiter.kind == Waiter.Kind.FINISHING ? withReserve(capacity) : Math.min(capacity, MAX_IN_USE);
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
        for (long seen = word; (seen & WAITING_MASK) == 0 && inUse(seen) <= capacity(seen); seen = word) {
            if (!recorded) {
                ledger.giveBack();
                recorded = true;
            }
            if (WORD.compareAndSet(this, seen, seen - IN_USE_ONE)) {
                return null;
            }
        }
        return releaseUnderLock(recorded);
    }

    private @Nullable Waiter<?> releaseUnderLock(boolean recorded) {
        lock();
        try {
            Waiter<?> head = head();
            if (head != null && inUse(word) <= limit(head, capacity(word))) {
                if (recorded) {
                    ledger.take();
                }
                dequeue(head); // the permit changes hands: in use stays as it is
                acquiredInTurn.lazySet(acquiredInTurn.getPlain() + 1);
                return head;
            }
            if (!recorded) {
                ledger.giveBack();
            }
            WORD.getAndAdd(this, -IN_USE_ONE); // with a head waiter, still above what would admit it
            settle();
            return null;
        } finally {
            lock.unlock();
        }
    }

    private @Nullable Waiter<?> head() {
        Waiter<?> first = finishing.peek();
        return first == null ? regular.peek() : first;
    }

    private void dequeue(Waiter<?> waiter) {
        queueOf(waiter).remove(waiter);
        WORD.setRelease(this, word - WAITING_ONE); // somebody waits: nobody else changes it
        noteOldest();
    }

    /** The ledger's limit follows capacity and in use. Under the lock. */
    private void settle() {
        long now = word;
        ledger.settle(Math.max(capacity(now), inUse(now)));
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
        lock();
        try {
            if (waiter.queued) {
                dequeue(waiter);
                return true;
            }
            return false;
        } finally {
            lock.unlock();
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
        lock();
        try {
            Waiter<?> waiter = regular.peek();
            while (waiter != null) {
                Waiter<?> next = waiter.next;
                if (!waiter.kind.exempt()) {
                    if (waiter.waitingSince - notAfter > 0) {
                        return waiter.waitingSince;
                    }
                    dequeue(waiter);
                    expired.add(waiter);
                }
                waiter = next;
            }
            return null;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Changes the capacity.
     *
     * @param granted gets those who were admitted: the caller tells them
     * @return the capacity before
     */
    int resize(int newCapacity, List<Waiter<?>> granted) {
        lock();
        try {
            int old = capacity(word);
            if (newCapacity > old) {
                ledger.settle(Math.max(newCapacity, inUse(word))); // before anybody can be admitted by it
            }
            if ((word & EPOCH_ONE) == 0) {
                oddCapacity = newCapacity;
            } else {
                evenCapacity = newCapacity;
            }
            dequeueAdmissible(newCapacity, granted);
            long admitted = granted.size() * (IN_USE_ONE - WAITING_ONE);
            long seen;
            do {
                seen = word;
            } while (!WORD.compareAndSet(this, seen, withNextEpoch(seen + admitted)));
            settle();
            granted.forEach(waiter -> record());
            return old;
        } finally {
            lock.unlock();
        }
    }

    /** Takes out of the queues, in order, whom the capacity admits. The word, which says nothing of it yet, is the caller's. */
    private void dequeueAdmissible(int newCapacity, List<Waiter<?>> admissible) {
        int inUse = inUse(word); // stays while somebody waits
        for (Waiter<?> head = head(); head != null && inUse < limit(head, newCapacity); head = head()) {
            queueOf(head).remove(head);
            admissible.add(head);
            inUse++;
        }
        noteOldest();
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
        lock();
        try {
            WORD.getAndBitwiseOr(this, CLOSED);
            Waiter<?> waiter = regular.peek();
            while (waiter != null) {
                Waiter<?> next = waiter.next;
                if (!waiter.kind.exempt()) {
                    dequeue(waiter);
                    refused.add(waiter);
                }
                waiter = next;
            }
        } finally {
            lock.unlock();
        }
        return refused;
    }

    /** Numbers that belong together, without waiting for the lock. */
    Snapshot snapshot() {
        while (true) {
            long seen = word;
            int capacity = capacity(seen);
            long since = oldestSince;
            long total = acquired.sum() + acquiredInTurn.get();
            if (((seen ^ word) & EPOCH_MASK) == 0) {
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

    private void lock() {
        for (int i = 0; i < LOCK_SPINS; i++) {
            if (lock.tryLock()) {
                return;
            }
            Thread.onSpinWait();
        }
        lock.lock();
    }
}
