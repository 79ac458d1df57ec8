package dev.weir.limiter.core;

import dev.weir.limiter.RefusalReason;
import io.github.resilience4j.bulkhead.Bulkhead;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Decides who is admitted, and when. Knows permits as a number only; what a grant means is up to the {@link Waiter}.
 *
 * <p><b>State.</b> One 64-bit {@link #word} holds, from the top: closed (1 bit), locked (1), whether somebody waits (1), which
 * of the two {@link Numbers} belong to it (1), a version (35), how many permits are in use (25). Every permit that is granted
 * advances the version by one, so it counts them; every change of the numbers switches to the other ones and advances the
 * version too. So a word and the numbers it points to belong together for whoever finds the version unchanged after having
 * read them, which a compare-and-set of the word does.
 *
 * <ul>
 *   <li>While nobody waits, permits are taken and given back by one compare-and-set of the word, without locking, as long as
 *       the ledger has them recorded.
 *   <li>While somebody waits, the fast paths step aside. So "somebody waits implies that the head waiter has no permit free
 *       for it" holds whenever the gate is not locked.
 *   <li>While a regular waiter is queued, the {@link Inbox} may be open: newcomers queue there, without locking, and wait from
 *       then on. They are taken in, behind the others, before anybody could miss them: when the last regular waiter is about to
 *       be granted, and whenever somebody locks the gate to queue, to leave, to resize, to close, or to look for those whose
 *       time is over. It has no more room than the queue had when it was opened, and until it is shut nobody else queues.
 *   <li>Whoever sets the bit "locked" has the word to itself: others only read it until the holder stores the word that comes
 *       next, which unlocks it. Queues, numbers and the ledger change in between only. Nothing there can block or runs code of
 *       the user; whoever is granted or refused is told afterwards.
 * </ul>
 *
 * <p>The lock is a bit of the word because under load one thread queues work while another takes it from the queue: what they
 * fight for is then one cache line, and not that of a lock besides. It is held for some ten nanoseconds. Who finds it taken
 * spins, and soon yields and sleeps, since its holder may have been put aside by the scheduler.
 *
 * <p><b>Races.</b> T1 finds all permits in use and is about to queue, T2 gives one back: locked, T1 looks again. T1 reads a
 * word below what is recorded, T2 shrinks: the version fails T1's swap. T1 leaves the queue, T2 grants: one of them locks first
 * and finds the waiter queued, and the other does not. T1 finds the inbox open, T2 grants the last queued waiter, which shuts
 * it: T1 enters before, and is taken in; or its swap fails, and it locks. T1 opens the inbox, T2 enters: the word says before
 * that somebody waits, or T2 could find itself alone and be granted second. The version comes round after 34 thousand million
 * grants, all within one stalled swap: some minutes' worth.
 *
 * <p><b>Ledger.</b> See {@link Ledger}: in use &le; recorded &le; max(capacity, in use), which is its limit, whenever the lock is
 * free. So a permit that is recorded and not in use may be granted, whatever the capacity.
 */
final class Gate {

    private static final int COUNT_BITS = 25;
    private static final int VERSION_BITS = 35;
    private static final long COUNT_MASK = (1L << COUNT_BITS) - 1;
    private static final long IN_USE_ONE = 1L;
    private static final long VERSION_ONE = 1L << COUNT_BITS;
    private static final long VERSION_MASK = ((1L << VERSION_BITS) - 1) << COUNT_BITS;
    private static final long ODD = 1L << 60;
    private static final long WAITED_FOR = 1L << 61;
    private static final long LOCKED = 1L << 62;
    private static final long CLOSED = 1L << 63;

    /** As many permits can be in use at most, even with unlimited capacity: 33,554,431. */
    static final int MAX_IN_USE = (int) COUNT_MASK;

    /** Looks at a locked word before a thread lets others run. */
    private static final int SPINNING_LOOKS = Runtime.getRuntime().availableProcessors() > 1 ? 10 : 0;

    /** Looks before it sleeps. */
    private static final int YIELDING_LOOKS = SPINNING_LOOKS + 8;

    /** Steps of {@link Thread#onSpinWait} between the first two looks; between the next ones up to four times as many. */
    private static final int SPINS = 32;

    private static final long NAP_NANOS = 20_000;

    /** As many may enter the inbox. The next one takes them in, likely on the processor that has them in its cache. */
    private static final int ROOM = 64;

    private static final VarHandle WORD;
    private static final VarHandle OLDEST_SINCE;
    private static final VarHandle RESIZES;

    static {
        try {
            WORD = MethodHandles.lookup().findVarHandle(Gate.class, "word", long.class);
            OLDEST_SINCE = MethodHandles.lookup().findVarHandle(Gate.class, "oldestSince", long.class);
            RESIZES = MethodHandles.lookup().findVarHandle(Gate.class, "resizes", int.class);
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
    private final Inbox inbox = new Inbox();
    private final Ledger ledger;
    private final int maxWaiting;
    private final int reserve;
    private final LongSupplier nanoTime;
    private final LongSupplier recentTime;
    private final Numbers even = new Numbers();
    private final Numbers odd = new Numbers();

    private volatile long word;
    private int takenIn; // the number of who was taken in last; guarded by the lock
    private volatile int resizes; // written while locked
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
        this.even.capacity = capacity;
        this.maxWaiting = maxWaiting;
        this.reserve = reserve;
        this.nanoTime = nanoTime;
        this.recentTime = recentTime;
    }

    private static int inUse(long word) {
        return (int) (word & COUNT_MASK);
    }

    private static long version(long word) {
        return (word & VERSION_MASK) >>> COUNT_BITS;
    }

    private static boolean waitedFor(long word) {
        return (word & WAITED_FOR) != 0;
    }

    private static boolean closed(long word) {
        return word < 0;
    }

    /** The numbers that belong to a word, if its version is still the same after they have been read. */
    private Numbers numbers(long seen) {
        return (seen & ODD) == 0 ? even : odd;
    }

    /** Whether the numbers that were read since the word was belong to it. */
    private boolean isVersionOf(long seen) {
        VarHandle.acquireFence();
        return ((seen ^ word) & VERSION_MASK) == 0;
    }

    int capacity() {
        while (true) {
            long seen = word;
            int capacity = numbers(seen).capacity;
            if (isVersionOf(seen)) {
                return capacity;
            }
        }
    }

    /** As many permits may be in use at the moment: with the reserve, and with those a shrink has not got back yet. */
    int maxPermits() {
        while (true) {
            long seen = word;
            int most = withReserve(numbers(seen).capacity);
            if (isVersionOf(seen)) {
                return Math.max(most, inUse(seen));
            }
        }
    }

    boolean isClosed() {
        return closed(word);
    }

    /** How often the capacity was changed, for whoever wants to know whether it was. */
    int resizes() {
        return resizes;
    }

    boolean hasWaiters() {
        return waitedFor(word);
    }

    /** Takes a permit if one is free, nobody waits and the gate is open. */
    boolean tryTake() {
        while (true) {
            long seen = word;
            if ((seen & (CLOSED | WAITED_FOR)) != 0) {
                return false;
            }
            Numbers now = numbers(seen);
            if (inUse(seen) < now.recorded && (seen & LOCKED) == 0 && (seen & VERSION_MASK) != VERSION_MASK) {
                if (WORD.compareAndSet(this, seen, seen + VERSION_ONE + IN_USE_ONE)) {
                    return true;
                }
            } else if (inUse(seen) < Math.min(now.capacity, MAX_IN_USE)) {
                return tryTakeLocked();
            } else if (isVersionOf(seen)) {
                return false;
            }
        }
    }

    private boolean tryTakeLocked() {
        long seen = lock();
        long next = seen;
        try {
            Numbers now = numbers(seen);
            if ((seen & (CLOSED | WAITED_FOR)) != 0 || inUse(seen) >= Math.min(now.capacity, MAX_IN_USE)) {
                return false;
            }
            ledger.settle(now.capacity, inUse(seen) + 1);
            next = changed(seen, now.capacity, inUse(seen) + 1, 1);
            return true;
        } finally {
            unlock(next);
        }
    }

    /**
     * Writes the numbers that are not in force. While locked, as often as it takes.
     *
     * @param seen as {@link #lock} returned it
     * @param granted how many permits were granted since
     * @return the word that puts the numbers into force
     */
    private long changed(long seen, int capacity, int inUse, int granted) {
        Numbers old = numbers(seen);
        long version = (version(seen) + Math.max(1, granted)) & (VERSION_MASK >>> COUNT_BITS);
        long acquired = old.acquiredBefore + version(seen) + granted;
        VarHandle.releaseFence(); // whoever sees what is written now, sees that the gate was locked
        int queued = queued();
        numbers(seen ^ ODD).set(capacity, ledger.recorded(), queued, takenIn, acquired - version);
        return ((seen & CLOSED) | ((seen & ODD) ^ ODD))
                | (queued == 0 ? 0 : WAITED_FOR)
                | (version << COUNT_BITS)
                | inUse;
    }

    /** As {@link #changed}, where nothing but the queues and the ledger has changed. */
    private long unchanged(long seen) {
        return changed(seen, numbers(seen).capacity, inUse(seen), 0);
    }

    /** Takes a permit for the waiter, or queues it, or refuses it. Tells the waiter nothing. */
    Answer admit(Waiter<?> waiter) {
        if (!inbox.hasRoom() && tryTake()) {
            return Answer.GRANTED;
        }
        boolean exempt = waiter.kind.exempt();
        long time = waiter.timed
                ? nanoTime.getAsLong()
                : recentTime.getAsLong(); // longer than all that is done while locked
        waiter.waitingSince = time;
        if (waiter.kind == Waiter.Kind.NEWCOMER && inbox.enter(waiter)) {
            return Answer.QUEUED;
        }
        long seen = lock();
        long next = seen;
        try {
            next = takeIn(seen);
            if (closed(seen) && !exempt) {
                return Answer.CLOSED;
            }
            Numbers now = numbers(seen);
            if (nobodyBefore(waiter) && inUse(seen) < limit(waiter.kind, now.capacity)) {
                ledger.settle(now.capacity, inUse(seen) + 1);
                next = changed(seen, now.capacity, inUse(seen) + 1, 1);
                return Answer.GRANTED;
            }
            int waiting = queued();
            if (waiting >= (exempt ? Integer.MAX_VALUE : maxWaiting)) {
                return Answer.QUEUE_FULL;
            }
            if (waiting == 0) {
                OLDEST_SINCE.setRelease(this, time); // before anybody can see that somebody waits
            }
            int room = closed(seen) ? 0 : Math.min(maxWaiting - waiting - 1, ROOM);
            boolean opens = room > 0 && waiter.kind != Waiter.Kind.FINISHING;
            if (opens) {
                inbox.prepare();
            }
            queueOf(waiter).add(waiter);
            next = unchanged(seen);
            if (opens) {
                WORD.setRelease(this, next | LOCKED); // who enters behind the waiter sees that it waits
                inbox.open(room);
            }
            return Answer.QUEUED;
        } finally {
            unlock(next);
        }
    }

    private boolean nobodyBefore(Waiter<?> waiter) {
        return finishing.peek() == null && (waiter.kind == Waiter.Kind.FINISHING || regular.peek() == null);
    }

    /** As many are in the queues. */
    private int queued() {
        return finishing.size() + regular.size();
    }

    /**
     * Shuts the inbox, and queues who is in there behind the others. While locked, before anything else has changed.
     *
     * @return the word that puts the numbers into force
     */
    private long takeIn(long seen) {
        if (!inbox.isOpen()) {
            return seen;
        }
        Waiter<?> last = inbox.shut();
        if (last == null) {
            return seen;
        }
        regular.addAll(last);
        takenIn = last.number;
        return unchanged(seen);
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
        return release(null);
    }

    /**
     * Gives a permit back that others may be giving back too.
     *
     * @param shared see {@link GatePermit#claim}; null if it is the caller's alone
     * @return whom it was granted to, if anybody: the caller tells it. Null too if the permit was home already
     */
    @Nullable Waiter<?> release(@Nullable GatePermit shared) {
        long seen = word;
        while ((seen & (LOCKED | WAITED_FOR)) == 0 && inUse(seen) <= numbers(seen).capacity) {
            if (shared != null && !shared.claim()) {
                return null;
            }
            requireInUse(seen);
            if (WORD.compareAndSet(this, seen, seen - IN_USE_ONE)) {
                return null;
            }
            seen = word;
        }
        return releaseLocked(shared);
    }

    /** A permit that came back twice would otherwise be borrowed from the bits above, and leave the gate locked for ever. */
    private static void requireInUse(long seen) {
        if (inUse(seen) == 0) {
            throw new IllegalStateException("a permit came back, and none is in use");
        }
    }

    /** As {@link #release(GatePermit)}, by locking the gate. */
    @Nullable Waiter<?> releaseLocked(@Nullable GatePermit shared) {
        long seen = lock();
        long next = seen;
        try {
            if (shared != null && !shared.claimLocked()) {
                return null;
            }
            requireInUse(seen);
            Numbers now = numbers(seen);
            Waiter<?> head = head();
            if (head != null && inUse(seen) <= limit(head.kind, now.capacity)) {
                if (head.next == null) {
                    next = takeIn(seen); // nobody may enter behind nobody
                }
                dequeue(head); // the permit changes hands: in use stays as it is
                next = changed(seen, now.capacity, inUse(seen), 1);
                return head;
            }
            int left = inUse(seen) - 1; // with a head waiter, still above what would admit it
            try {
                ledger.settle(now.capacity, left);
            } finally {
                next = changed(seen, now.capacity, left, 0);
            }
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
            next = takeIn(seen);
            if (waiter.queued) {
                dequeue(waiter);
                next = unchanged(seen);
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
        long next = seen;
        try {
            next = takeIn(seen);
            return waiter.queued ? waiter.waitingSince : null;
        } finally {
            unlock(next);
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
        long seen = lock();
        long next = seen;
        try {
            next = takeIn(seen);
            Waiter<?> waiter = regular.peek();
            while (waiter != null) {
                Waiter<?> following = waiter.next;
                if (!waiter.kind.exempt()) {
                    if (waiter.waitingSince - notAfter > 0) {
                        return waiter.waitingSince;
                    }
                    expired.add(waiter);
                    dequeue(waiter);
                    next = unchanged(seen);
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
        long seen = lock();
        long next = seen;
        try {
            next = takeIn(seen);
            Numbers now = numbers(seen);
            int inUse = inUse(seen);
            ledger.settle(newCapacity, inUse);
            RESIZES.setRelease(this, resizes + 1);
            next = changed(seen, newCapacity, inUse, 0);
            int admitted = 0;
            for (Waiter<?> head = head(); head != null && inUse < limit(head.kind, newCapacity); head = head()) {
                ledger.settle(newCapacity, inUse + 1);
                granted.add(head);
                dequeue(head);
                inUse++;
                admitted++;
                next = changed(seen, newCapacity, inUse, admitted);
            }
            return now.capacity;
        } finally {
            unlock(next);
        }
    }

    /**
     * Closes the gate for newcomers.
     *
     * @return the newcomers that waited: the caller tells them
     */
    List<Waiter<?>> close() {
        List<Waiter<?>> refused = new ArrayList<>();
        long seen = lock();
        long next = seen | CLOSED;
        try {
            next = takeIn(seen) | CLOSED;
            Waiter<?> waiter = regular.peek();
            while (waiter != null) {
                Waiter<?> following = waiter.next;
                if (!waiter.kind.exempt()) {
                    refused.add(waiter);
                    dequeue(waiter);
                    next = unchanged(seen) | CLOSED;
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
            Numbers now = numbers(seen);
            int capacity = now.capacity;
            int waiting = now.queued + inbox.entered() - now.takenIn;
            long acquired = now.acquiredBefore + version(seen);
            long since = oldestSince;
            if (isVersionOf(seen)) {
                long oldest = waiting == 0 ? 0 : Math.max(0, nanoTime.getAsLong() - since);
                return new Snapshot(capacity, inUse(seen), waiting, maxWaiting, oldest, acquired);
            }
        }
    }

    /** The ledger's own view, when it has been told what came back. */
    Bulkhead.Metrics ledger() {
        long seen = lock();
        long next = seen;
        try {
            ledger.giveBackAbove(inUse(seen));
            next = unchanged(seen);
        } finally {
            unlock(next);
        }
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
