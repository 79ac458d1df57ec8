package dev.weir.limiter.core;

import dev.weir.limiter.ContextCarrier;
import dev.weir.limiter.Deadlock;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Permit;
import dev.weir.limiter.PermitHolder;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.Registration;
import dev.weir.limiter.core.flight.Hold;
import dev.weir.limiter.core.watch.HolderKeeper;
import dev.weir.limiter.core.watch.LedgerKeeper;
import dev.weir.limiter.core.watch.PermitListener;
import dev.weir.limiter.core.watch.Watchable;
import dev.weir.limiter.core.watch.Watcher;
import dev.weir.limiter.spi.BlockingGuard;
import dev.weir.limiter.spi.ItemSource;
import dev.weir.limiter.spi.WorkLimiter;
import io.github.resilience4j.bulkhead.Bulkhead;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The limiter: a gate, a crew, and what is told to whom after the gate has decided. */
class GateLimiter implements WorkLimiter, LedgerKeeper, HolderKeeper, Watchable {

    private static final Duration MIN_RETRY_AFTER = Duration.ofSeconds(1);
    private static final String GRANTED = "granted";
    private static final Duration MAX_RETRY_AFTER = Duration.ofSeconds(30);

    private final String name;
    private final Gate gate;
    private final Crew crew;
    private final Carriers carriers;
    private final Listeners listeners;
    private final Flight flight;
    private final Watchers watchers;
    private final @Nullable Expiry expiry;
    private final long maxWaitNanos;
    private final Map<RefusalReason, LongAdder> refusals = new EnumMap<>(RefusalReason.class);
    private final LongAdder withdrawn = new LongAdder();
    private final LongAdder abandoned = new LongAdder();
    private final @Nullable Holders holders; // null unless they are tracked

    GateLimiter(LimiterSettings settings) {
        this.name = settings.name();
        this.gate = new Gate(
                new Ledger(name, settings.capacity()),
                settings.capacity(),
                settings.maxWaiting(),
                settings.reserve(),
                System::nanoTime,
                RecentTime.SHARED::nanoTime);
        this.crew = settings.newCrew(gate::maxPermits);
        this.carriers = new Carriers(settings.carriers());
        this.listeners = new Listeners(this, settings.listeners());
        this.flight = new Flight(settings.labels());
        this.watchers = new Watchers(flight);
        this.maxWaitNanos = settings.maxWaitNanos();
        this.expiry = maxWaitNanos == Long.MAX_VALUE ? null : new Expiry(this, gate, maxWaitNanos, Timer::onCommonPool);
        long suspicious = settings.suspiciousNanos();
        this.holders = suspicious == Long.MAX_VALUE ? null : new Holders(this, suspicious, Timer::onCommonPool);
        for (RefusalReason reason : RefusalReason.values()) {
            refusals.put(reason, new LongAdder());
        }
    }

    Crew crew() {
        return crew;
    }

    Gate gate() {
        return gate;
    }

    // The gate, and what is told about it.

    @Override
    public String name() {
        return name;
    }

    @Override
    public int capacity() {
        return gate.capacity();
    }

    @Override
    public void resize(int capacity) {
        LimiterSettings.checkCapacity(capacity);
        List<Waiter<?>> granted = new ArrayList<>();
        int before;
        try {
            before = changeCapacity(capacity, granted);
        } finally { // where memory ran out half-way, some were granted
            granted.forEach(waiter -> tellGranted(waiter, false));
        }
        crew.resized();
        flight.resized(before, capacity);
        if (!listeners.isEmpty()) {
            listeners.tell(listener -> listener.resized(this, before, capacity));
        }
    }

    int changeCapacity(int capacity, List<Waiter<?>> granted) {
        return gate.resize(capacity, granted);
    }

    @Override
    public Permit acquire() throws InterruptedException {
        GatePermit permit = acquire(maxWaitNanos, true);
        if (permit == null) {
            throw exception(Refusal.here(RefusalReason.WAIT_TIMEOUT));
        }
        return permit;
    }

    @Override
    public Optional<Permit> tryAcquire() {
        return gate.tryTake() ? Optional.of(newPermit()) : Optional.empty();
    }

    @Override
    public Optional<Permit> tryAcquire(Duration maxWait) throws InterruptedException {
        long nanos = Math.min(Nanos.of(maxWait), maxWaitNanos);
        return Optional.ofNullable(acquire(nanos, false));
    }

    /**
     * Blocks for a permit.
     *
     * @return the permit, or null when the time passed, or when refused and nothing is to be thrown
     */
    @Nullable GatePermit acquire(long nanos, boolean throwing) throws InterruptedException {
        if (nanos > 0) {
            BlockingGuard.check(name);
        }
        if (Thread.interrupted()) {
            throw new InterruptedException("interrupted before waiting for limiter '" + name + "'");
        }
        if (gate.tryTake()) {
            return newPermit();
        }
        if (nanos <= 0) {
            return null;
        }
        BlockedThread waiter = new BlockedThread(this);
        waiter.origin = sample();
        follow(waiter);
        Gate.Answer answer = gate.admit(waiter);
        if (answer == Gate.Answer.GRANTED) {
            return newPermit(waiter);
        }
        try {
            if (answer == Gate.Answer.QUEUED) {
                queued();
                return waiter.await(nanos, nanos < maxWaitNanos);
            }
            waiter.waited(Flight.name(Gate.reason(answer)));
            throw refusal(Refusal.here(Gate.reason(answer)));
        } catch (LimitExceededException e) {
            if (throwing) {
                throw e;
            }
            return null;
        }
    }

    @Override
    public CompletableFuture<Permit> acquireAsync() {
        return asked(new PermitFuture(this, Waiter.Kind.NEWCOMER));
    }

    @Override
    public CompletableFuture<Permit> acquireContinuation() {
        return asked(new PermitFuture(this, Waiter.Kind.CONTINUATION));
    }

    /** Asks the gate and tells the waiter at once if it need not wait. */
    void admit(Waiter<?> waiter) {
        waiter.origin = sample();
        waiter.timed = expiry != null || listeners.hearOfPermits() || !waiter.mayBeTimedRoughly();
        Gate.Answer answer = watchers.followWaits() ? admitFollowed(waiter) : gate.admit(waiter);
        switch (answer) {
            case GRANTED -> waiter.granted(newPermit(waiter), false);
            case QUEUED -> {
                queued();
                if (expiry != null && !waiter.kind.exempt()) {
                    expiry.arm();
                }
            }
            default -> {
                waiter.waited(Flight.name(Gate.reason(answer)));
                waiter.refused(Refusal.here(Gate.reason(answer)));
            }
        }
    }

    /** Only those who really have to queue are worth following. */
    private Gate.Answer admitFollowed(Waiter<?> waiter) {
        if (gate.tryTake()) {
            return Gate.Answer.GRANTED;
        }
        follow(waiter);
        return gate.admit(waiter);
    }

    /** Before it is queued: from then on another thread may grant it. */
    private void follow(Waiter<?> waiter) {
        waiter.watched = watchers.waiting();
    }

    /** Somebody has begun to wait, and may have been served since. */
    void queued() {}

    private <T> Waiter<T> asked(Waiter<T> waiter) {
        admit(waiter);
        return waiter;
    }

    private Holding.@Nullable Origin sample() {
        return holders == null ? null : holders.sample();
    }

    /** The time, if anybody wants to know when permits come and go; else 0. */
    private long moment() {
        return listeners.hearOfPermits() ? Nanos.now() : 0;
    }

    // The gate has counted these permits already: one that cannot be made goes back.

    /** For somebody who has not waited, and was not asked where he stands. */
    private GatePermit newPermit() {
        try {
            return makePermit(0, moment(), sample(), Thread.currentThread());
        } catch (Throwable e) { // the JVM's own: out of memory, out of stack
            release(0, false);
            throw e;
        }
    }

    /** For somebody who did not have to wait. */
    private GatePermit newPermit(Waiter<?> waiter) {
        waiter.waited(GRANTED);
        try {
            return makePermit(0, moment(), waiter.origin, null);
        } catch (Throwable e) { // the JVM's own
            release(0, false);
            throw e;
        }
    }

    /** For somebody who has waited until now, which is a {@link #moment}. */
    private GatePermit newPermit(Waiter<?> waiter, long now) {
        waiter.waited(GRANTED);
        try {
            return makePermit(now == 0 ? 0 : now - waiter.waitingSince, now, waiter.origin, null);
        } catch (Throwable e) { // the JVM's own
            release(0, false);
            throw e;
        }
    }

    private GatePermit makePermit(
            long waitedNanos, long grantedAt, Holding.@Nullable Origin origin, @Nullable Thread owner) {
        @Nullable Hold hold = Flight.recordsHolds() ? flight.holding() : null;
        if (hold == null && grantedAt == 0 && origin == null) {
            return new GatePermit(this, owner);
        }
        Following following = new Following(grantedAt, hold);
        GatePermit permit = new GatePermit(this, following);
        if (holders != null && origin != null) {
            holders.hold(permit, following, origin);
        }
        if (grantedAt != 0) {
            listeners.tellGranted(waitedNanos);
        }
        return permit;
    }

    /** A permit was closed for the first time. */
    final void release(long grantedAt, boolean passOn) {
        Waiter<?> granted = gate.release();
        // One moment for the permit's end and the next one's beginning: reading the clock takes longer than the rest.
        long now = granted != null || grantedAt != 0 ? moment() : 0;
        if (granted != null) {
            tellGranted(granted, passOn, now);
        }
        if (grantedAt != 0 && now != 0) {
            listeners.tellReleased(now - grantedAt);
        }
        released();
    }

    /** As {@link #release(long, boolean)}, by the permit's owner. */
    final void release(GatePermit permit) {
        released(gate.release(permit));
    }

    /** As {@link #release(long, boolean)}, by another thread than the permit's owner. */
    final void releaseElsewhere(GatePermit permit) {
        released(gate.releaseLocked(permit));
    }

    private void released(@Nullable Waiter<?> granted) {
        if (granted != null) {
            tellGranted(granted, false);
        }
        released();
    }

    /** A permit is home, or has gone on to the next. */
    void released() {}

    final void tellGranted(Waiter<?> waiter, boolean passOn) {
        tellGranted(waiter, passOn, moment());
    }

    private void tellGranted(Waiter<?> waiter, boolean passOn, long now) {
        if (waiter.runsUserCode()) {
            Deliveries.deliver(() -> waiter.granted(newPermit(waiter, now), false));
        } else {
            try {
                waiter.granted(newPermit(waiter, now), passOn);
            } catch (Throwable e) { // only the JVM's own: out of memory, out of stack
                Log.unexpected("granting a permit of limiter '" + name + "'", e);
            }
        }
    }

    private void tellRefused(Waiter<?> waiter, Refusal refusal) {
        waiter.waited(Flight.name(refusal.reason()));
        Deliveries.deliver(() -> waiter.refused(refusal));
    }

    /** The newcomers' wait limit has passed for these. */
    void refuseExpired(List<Waiter<?>> expired) {
        expired.forEach(waiter -> tellRefused(waiter, Refusal.of(RefusalReason.WAIT_TIMEOUT)));
    }

    /** A waiter gave up its place, if it still had one. */
    boolean withdraw(Waiter<?> waiter) {
        if (!gate.remove(waiter)) {
            return false;
        }
        withdrawn.increment();
        waiter.waited("withdrawn");
        if (!listeners.isEmpty()) {
            Duration waited = Duration.ofNanos(System.nanoTime() - waiter.waitingSince);
            listeners.tell(listener -> listener.withdrawn(this, waited));
        }
        return true;
    }

    /** A waiter found that the limiter's wait limit has passed, if it still had its place. */
    boolean expire(Waiter<?> waiter) {
        if (!gate.remove(waiter)) {
            return false;
        }
        waiter.waited(Flight.name(RefusalReason.WAIT_TIMEOUT));
        countRefusal(RefusalReason.WAIT_TIMEOUT);
        return true;
    }

    /**
     * Refuses a waiter whose wait could never end, if it still has its place.
     *
     * @return whether it had
     */
    boolean refuse(Waiter<?> waiter, Deadlock deadlock) {
        if (!gate.remove(waiter)) {
            return false;
        }
        try {
            found(deadlock); // first: whoever hears of the refusal may keep this thread
        } finally {
            tellRefused(waiter, new Refusal(RefusalReason.WOULD_DEADLOCK, false, deadlock.reason()));
        }
        tell(listener -> listener.deadlocked(this, deadlock));
        return true;
    }

    /** A deadlock that cannot be broken by a refusal. */
    void report(Deadlock deadlock) {
        found(deadlock);
        tell(listener -> listener.deadlocked(this, deadlock));
    }

    private void found(Deadlock deadlock) {
        Log.warning(deadlock.toString());
        flight.deadlock(deadlock);
    }

    /** As many permits as have to be in use for good before a waiter of the kind can wait for ever; 0 when it cannot. */
    int permitsToBlock(Waiter.Kind kind) {
        if (maxWaitNanos < Long.MAX_VALUE && !kind.exempt()) {
            return 0; // is refused in time
        }
        int capacity = capacity();
        return capacity == 0 ? 0 : gate.limit(kind, capacity); // paused: whoever did that will end it
    }

    /** Counts a refusal and makes its exception. */
    LimitExceededException refusal(Refusal refusal) {
        countRefusal(refusal.reason());
        return exception(refusal);
    }

    private void countRefusal(RefusalReason reason) {
        Objects.requireNonNull(refusals.get(reason)).increment();
        flight.refused(reason);
        if (!listeners.isEmpty()) {
            listeners.tell(listener -> listener.refused(this, reason));
        }
    }

    private LimitExceededException exception(Refusal refusal) {
        LimiterStatistics now = statistics();
        Duration wait = Duration.ofSeconds(now.oldestWait().toSeconds());
        Duration retryAfter = wait.compareTo(MIN_RETRY_AFTER) < 0 ? MIN_RETRY_AFTER : wait;
        return new LimitExceededException(
                refusal.reason(),
                refusal.because(),
                now,
                retryAfter.compareTo(MAX_RETRY_AFTER) > 0 ? MAX_RETRY_AFTER : retryAfter,
                refusal.traced());
    }

    /** A caller left its running work. */
    void abandoned() {
        abandoned.increment();
        flight.abandoned();
        if (!listeners.isEmpty()) {
            listeners.tell(listener -> listener.abandoned(this));
        }
    }

    /** Work whose caller had left has ended. */
    void abandonedEnded(Optional<Throwable> failure) {
        failure.ifPresent(e -> Log.warning("Work under limiter '" + name + "' failed after its caller had left", e));
        if (!listeners.isEmpty()) {
            listeners.tell(listener -> listener.abandonedEnded(this, failure));
        }
    }

    @Override
    public LimiterStatistics statistics() {
        Map<RefusalReason, Long> totals = new EnumMap<>(RefusalReason.class);
        refusals.forEach((reason, count) -> totals.put(reason, count.sum()));
        long leaked = holders == null ? 0 : holders.leaked();
        return new Statistics(name, gate.snapshot(), totals, withdrawn.sum(), abandoned.sum(), leaked);
    }

    @Override
    public boolean tracksHolders() {
        return holders != null;
    }

    @Override
    public List<PermitHolder> holders() {
        return holders == null ? List.of() : holders.describe();
    }

    /** A permit is held for too long, or was dropped. */
    void suspected(PermitHolder holder, boolean dropped) {
        flight.leakSuspected(holder, dropped);
        tell(listener -> {
            if (dropped) {
                listener.dropped(this, holder);
            } else {
                listener.overdue(this, holder);
            }
        });
    }

    void tell(Consumer<LimiterListener> news) {
        if (!listeners.isEmpty()) {
            listeners.tell(news);
        }
    }

    @Override
    public Optional<Bulkhead.Metrics> ledger() {
        return Optional.of(gate.ledger());
    }

    @Override
    public Registration listen(LimiterListener listener) {
        return listeners.add(listener);
    }

    @Override
    public Registration hear(PermitListener listener) {
        return listeners.add(listener);
    }

    @Override
    public Registration watch(Watcher watcher) {
        return watchers.add(watcher);
    }

    Watchers watchers() {
        return watchers;
    }

    @Override
    public boolean isClosed() {
        return gate.isClosed();
    }

    @Override
    public void close() {
        gate.close().forEach(waiter -> tellRefused(waiter, Refusal.of(RefusalReason.CLOSED)));
        crew.retire();
    }

    @Override
    public String toString() {
        return "Limiter '" + name + "' (" + statistics().summary() + (isClosed() ? ", closed)" : ")");
    }

    // Work.

    ContextCarrier.Snapshot captureContext() {
        return carriers.capture();
    }

    @Override
    public Runnable withContext(Runnable work) {
        Objects.requireNonNull(work, "work");
        ContextCarrier.Snapshot context = captureContext();
        return () -> {
            ContextCarrier.Scope scope = context.open();
            try {
                watchers.follow(() -> {
                    work.run();
                    return work;
                });
            } finally {
                scope.close();
            }
        };
    }

    @Override
    public <T> CompletableFuture<T> run(Callable<? extends T> work, boolean interruptOnCancel) {
        return start(Waiter.Kind.NEWCOMER, work, interruptOnCancel);
    }

    @Override
    public <T> CompletableFuture<T> finish(Callable<? extends T> work) {
        return start(Waiter.Kind.FINISHING, work, false);
    }

    private <T> CompletableFuture<T> start(Waiter.Kind kind, Callable<? extends T> work, boolean interruptOnCancel) {
        Held starter = Held.current();
        if (starter != null && starter.covers(this)) {
            return inline(work);
        }
        return asked(new RunTask<T>(this, kind, work, captureContext(), Held.open(starter), interruptOnCancel));
    }

    private <T> CompletableFuture<T> inline(Callable<? extends T> work) {
        try {
            return CompletableFuture.completedFuture(Carriers.<T>call(captureContext(), work));
        } catch (Throwable e) { // whatever it is, it is the caller's to see in the future
            return CompletableFuture.failedFuture(e);
        }
    }

    @Override
    public <T> T call(Callable<? extends T> work) throws Exception {
        Held starter = Held.current();
        if (starter != null && starter.covers(this)) {
            return work.call();
        }
        GatePermit permit = (GatePermit) acquire();
        try {
            Held before = Held.enter(permit, null);
            try {
                return watchers.followed(work).call();
            } finally {
                Held.restore(before);
            }
        } finally {
            permit.close();
        }
    }

    @Override
    public CompletableFuture<Void> background(Runnable work) {
        return asked(new BackgroundTask(this, work));
    }

    @Override
    public Executor executor() {
        return command -> new ExecutorTask(this, command).ask();
    }

    @Override
    public <T> Flow.Publisher<T> iterate(ItemSource<? extends T> source) {
        return new IterationPublisher<>(this, source);
    }

    @Override
    public void execute(Permit permit, Runnable command) {
        Objects.requireNonNull(permit, "permit");
        if (!(permit instanceof GatePermit ours) || !ours.limiter().equals(this)) {
            throw new IllegalArgumentException(
                    "limiter '" + name + "' was given " + permit + ", expected one of its own");
        }
        Objects.requireNonNull(command, "command");
        crew.execute(
                () -> {
                    Held before = Held.enter(ours, null);
                    try {
                        command.run();
                    } finally {
                        Held.restore(before);
                    }
                },
                false);
    }
}
