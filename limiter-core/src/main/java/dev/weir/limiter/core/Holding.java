package dev.weir.limiter.core;

import dev.weir.limiter.PermitHolder;
import java.lang.ref.PhantomReference;
import java.lang.ref.ReferenceQueue;
import java.time.Duration;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * What is known of one permit that is held. It outlives the permit, if that is dropped: then it is what the collector leaves.
 *
 * <p>HELD → OVERDUE (the limiter's look) → ENDED (whoever is first: the permit's close, or the look that finds it dropped). The
 * permit goes home with the step to ENDED, and so exactly once: a permit may be collected while its close is under way.
 */
final class Holding extends PhantomReference<GatePermit> {

    static final Comparator<Holding> OLDEST_FIRST = (one, other) -> Long.signum(one.since - other.since);

    private enum State {
        HELD,
        OVERDUE,
        ENDED
    }

    /** Frames of our own on top of the caller's. */
    private static final List<String> OURS = List.of(
            "dev.weir.limiter.core.Holders",
            "dev.weir.limiter.core.GateLimiter",
            "dev.weir.limiter.core.AdoptedLimiter",
            "dev.weir.limiter.core.ExecutorTask",
            "dev.weir.limiter.core.Iteration",
            "dev.weir.limiter.core.IterationPublisher",
            "dev.weir.limiter.Limiters",
            "dev.weir.limiter.http.Admission");

    /** Where and by whom a permit was asked for. */
    record Origin(String threadName, Throwable at) {}

    private final Holders holders;
    private final Origin origin;
    private final long since = System.nanoTime();
    private final AtomicReference<State> state = new AtomicReference<>(State.HELD);
    private volatile @Nullable Thread runner;
    private boolean wasOverdue; // touched by whoever ended it

    Holding(Holders holders, Origin origin, GatePermit permit, ReferenceQueue<GatePermit> dropped) {
        super(permit, dropped);
        this.holders = holders;
        this.origin = origin;
    }

    /** The thread that works under the permit from now on. */
    void runBy(Thread thread) {
        runner = thread;
    }

    long ageNanos() {
        return System.nanoTime() - since;
    }

    /** Whether it was not overdue before. */
    boolean becomesOverdue() {
        return state.compareAndSet(State.HELD, State.OVERDUE);
    }

    /**
     * The permit is about to go home.
     *
     * @return false when it has gone home already; else {@link #tell} once it has
     */
    boolean end() {
        State before = state.getAndSet(State.ENDED);
        if (before == State.ENDED) {
            return false;
        }
        wasOverdue = before == State.OVERDUE;
        holders.remove(this);
        return true;
    }

    /** The permit is home. */
    void tell(boolean dropped) {
        holders.ended(this, wasOverdue, dropped);
    }

    PermitHolder describe(String limiterName, boolean overdue) {
        return describe(limiterName, overdue, System.nanoTime());
    }

    /** As of a moment that holders who are looked at together share: taking a stack takes its time. */
    PermitHolder describe(String limiterName, long now) {
        return describe(limiterName, state.get() == State.OVERDUE, now);
    }

    private PermitHolder describe(String limiterName, boolean overdue, long now) {
        Thread thread = runner;
        return new PermitHolder(
                limiterName,
                thread == null ? origin.threadName() : thread.getName(),
                Duration.ofNanos(Math.max(0, now - since)),
                overdue,
                callers(origin.at().getStackTrace()),
                thread == null ? List.of() : List.of(thread.getStackTrace()));
    }

    private static List<StackTraceElement> callers(StackTraceElement[] stack) {
        int first = 0;
        while (first < stack.length && isOurs(stack[first].getClassName())) {
            first++;
        }
        return Arrays.asList(stack).subList(first == stack.length ? 0 : first, stack.length);
    }

    private static boolean isOurs(String className) {
        return OURS.stream().anyMatch(ours -> className.equals(ours) || className.startsWith(ours + "$"));
    }
}
