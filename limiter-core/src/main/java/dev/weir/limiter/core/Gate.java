package dev.weir.limiter.core;

import dev.weir.limiter.RefusalReason;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Decides who is admitted, and when. Knows permits as a number only; what a grant means is up to the {@link Waiter}.
 *
 * <p><b>State.</b> One 64-bit {@link #word} holds, from the top: closed (1 bit), an epoch that every resize advances (13),
 * how many wait (25), how many permits are in use (25). {@link #capacity} stands beside it and is written before the epoch
 * advances: whoever decides on a word and a capacity, and then swaps the word, has decided on a pair that belonged together.
 *
 * <ul>
 *   <li>While nobody waits, permits are taken and given back by one compare-and-set of the word, without the lock.
 *   <li>While somebody waits, the word changes under the {@link #lock} only: the fast paths see the waiting count and step
 *       aside. So "waiting &gt; 0 implies that the head waiter has no permit free for it" holds whenever the lock is free.
 *   <li>Queues, capacity and the ledger's limit change under the lock only. Nothing under the lock can block or runs code of
 *       the user; whoever is granted or refused is told after it is released.
 * </ul>
 *
 * <p><b>Races.</b> T1 finds all permits in use and is about to queue, T2 gives one back: T1's swap of the word to "one
 * waiting" fails, and it looks again. T1 reads a word below the old capacity, T2 shrinks: the epoch fails T1's swap. T1 leaves
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

    /** As many permits can be in use at most, even with unlimited capacity: 33,554,431. */
    static final int MAX_IN_USE = (int) COUNT_MASK;

    /** As many can wait at most. */
    static final int MAX_WAITING = (int) COUNT_MASK;

    /** Tries before a thread parks for the lock, which is held for some ten nanoseconds: parking costs thousands. */
    private static final int LOCK_SPINS = Runtime.getRuntime().availableProcessors() > 1 ? 128 : 0;

    private static final VarHandle WORD;

    static {
        try {
            WORD = MethodHandles.lookup().findVarHandle(Gate.class, "word", long.class);
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
    private final LongAdder acquired = new LongAdder();

    private volatile long word;
    private volatile int capacity;
    private volatile long oldestSince; // when the longest waiter was queued; meaningless while nobody waits

    Gate(Ledger ledger, int capacity, int maxWaiting, int reserve, LongSupplier nanoTime) {
        this.ledger = ledger;
        this.capacity = capacity;
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

    int capacity() {
        return capacity;
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
            long seen = word; // before the capacity: see the class comment
            if ((seen & (CLOSED | WAITING_MASK)) != 0 || inUse(seen) >= Math.min(capacity, MAX_IN_USE)) {
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
            while (true) {
                long seen = word;
                if (closed(seen) && !exempt) {
                    return Answer.CLOSED;
                }
                if (nobodyBefore(waiter, seen) && inUse(seen) < limit(waiter)) {
                    if (WORD.compareAndSet(this, seen, seen + IN_USE_ONE)) {
                        settle();
                        record();
                        return Answer.GRANTED;
                    }
                } else if (waiting(seen) >= (exempt ? MAX_WAITING : maxWaiting)) {
                    return Answer.QUEUE_FULL;
                } else if (WORD.compareAndSet(this, seen, seen + WAITING_ONE)) {
                    waiter.waitingSince = nanoTime.getAsLong();
                    queueOf(waiter).add(waiter);
                    noteOldest();
                    return Answer.QUEUED;
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
    private int limit(Waiter<?> waiter) {
        int limit = Math.min(capacity, MAX_IN_USE);
        return waiter.kind == Waiter.Kind.FINISHING ? Math.min(limit + reserve, MAX_IN_USE) : limit;
    }

    private WaiterQueue queueOf(Waiter<?> waiter) {
        return waiter.kind == Waiter.Kind.FINISHING ? finishing : regular;
    }

    /**
     * Gives a permit back.
     *
     * @return those it was granted to: the caller tells them
     */
    List<Waiter<?>> release() {
        boolean recorded = false;
        for (long seen = word; (seen & WAITING_MASK) == 0 && inUse(seen) <= capacity; seen = word) {
            if (!recorded) {
                ledger.giveBack();
                recorded = true;
            }
            if (WORD.compareAndSet(this, seen, seen - IN_USE_ONE)) {
                return List.of();
            }
        }
        return releaseUnderLock(recorded);
    }

    private List<Waiter<?>> releaseUnderLock(boolean recorded) {
        lock();
        try {
            Waiter<?> head = head();
            if (!recorded && head != null && inUse(word) <= limit(head)) {
                dequeue(head); // the permit changes hands: neither count moves
                acquired.increment();
                return List.of(head);
            }
            if (!recorded) {
                ledger.giveBack();
            }
            WORD.getAndAdd(this, -IN_USE_ONE);
            settle();
            return grant();
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
        WORD.getAndAdd(this, -WAITING_ONE);
        noteOldest();
    }

    /** Grants, in order, what is free. Under the lock. */
    private List<Waiter<?>> grant() {
        List<Waiter<?>> granted = List.of();
        for (Waiter<?> head = head(); head != null && inUse(word) < limit(head); head = head()) {
            if (granted.isEmpty()) {
                granted = new ArrayList<>();
            }
            granted.add(head);
            queueOf(head).remove(head);
            WORD.getAndAdd(this, IN_USE_ONE - WAITING_ONE);
            settle();
            record();
        }
        if (!granted.isEmpty()) {
            noteOldest();
        }
        return granted;
    }

    /** The ledger's limit follows capacity and in use. Under the lock. */
    private void settle() {
        ledger.settle(Math.max(capacity, inUse(word)));
    }

    private void noteOldest() {
        Waiter<?> first = regular.peek();
        Waiter<?> finisher = finishing.peek();
        if (first == null || (finisher != null && finisher.waitingSince - first.waitingSince < 0)) {
            first = finisher;
        }
        if (first != null) {
            oldestSince = first.waitingSince;
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
            int old = capacity;
            if (newCapacity > old) {
                ledger.settle(Math.max(newCapacity, inUse(word))); // before anybody can be admitted by it
            }
            capacity = newCapacity;
            advanceEpoch();
            settle();
            granted.addAll(grant());
            return old;
        } finally {
            lock.unlock();
        }
    }

    private void advanceEpoch() {
        long seen;
        long epochs = ~(CLOSED | WAITING_MASK | COUNT_MASK);
        do {
            seen = word;
        } while (!WORD.compareAndSet(this, seen, (seen & ~epochs) | ((seen + EPOCH_ONE) & epochs)));
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

    /** Numbers that belong together, without waiting for the lock: both counts are in one word, and the epoch ties the capacity. */
    Snapshot snapshot() {
        while (true) {
            long seen = word;
            int seenCapacity = capacity;
            long since = oldestSince;
            long total = acquired.sum();
            if (((seen ^ word) & ~(WAITING_MASK | COUNT_MASK)) == 0) {
                int waiting = waiting(seen);
                long oldest = waiting == 0 ? 0 : Math.max(0, nanoTime.getAsLong() - since);
                int inUse = inUse(seen);
                // The total is counted after the permit: what is in use was surely granted.
                long granted = Math.max(total, inUse);
                return new Snapshot(seenCapacity, inUse, waiting, maxWaiting, oldest, granted);
            }
        }
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
