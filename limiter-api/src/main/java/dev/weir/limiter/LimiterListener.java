package dev.weir.limiter;

import java.time.Duration;
import java.util.Optional;

/**
 * Is told what a limiter does. All methods default to doing nothing.
 *
 * <p>Called on the thread that did it, after the fact, outside every lock; calls for different permits may overlap and arrive
 * in any order. What a listener throws is logged and changes no count and no result. Should be quick: the thread may be one
 * that a caller waits for.
 */
public interface LimiterListener {

    /**
     * A permit was granted.
     *
     * @param limiter the limiter
     * @param waited how long the caller had waited, zero when it had no need to
     */
    default void granted(CapacityLimiter limiter, Duration waited) {}

    /**
     * A permit was given back.
     *
     * @param limiter the limiter
     * @param held how long it was held
     */
    default void released(CapacityLimiter limiter, Duration held) {}

    /**
     * Somebody was refused.
     *
     * @param limiter the limiter
     * @param reason why
     */
    default void refused(CapacityLimiter limiter, RefusalReason reason) {}

    /**
     * A waiter left of its own accord: cancelled, interrupted, or after a time limit of its own.
     *
     * @param limiter the limiter
     * @param waited how long it had waited
     */
    default void withdrawn(CapacityLimiter limiter, Duration waited) {}

    /**
     * The capacity was changed.
     *
     * @param limiter the limiter
     * @param from the capacity before
     * @param to the capacity now
     */
    default void resized(CapacityLimiter limiter, int from, int to) {}

    /**
     * The caller left while its work was running. The work keeps its permit until it ends.
     *
     * @param limiter the limiter
     */
    default void abandoned(CapacityLimiter limiter) {}

    /**
     * Work whose caller had left has ended.
     *
     * @param limiter the limiter
     * @param failure what it threw, empty when it returned a value
     */
    default void abandonedEnded(CapacityLimiter limiter, Optional<Throwable> failure) {}

    /**
     * A permit has been held for longer than the limiter takes for normal. Told once, if the limiter {@linkplain
     * CapacityLimiterBuilder#trackHolders tracks holders}, as are the next two.
     *
     * @param limiter the limiter
     * @param holder who holds it
     */
    default void overdue(CapacityLimiter limiter, PermitHolder holder) {}

    /**
     * A permit that was told to be overdue was given back after all.
     *
     * @param limiter the limiter
     * @param holder who held it
     */
    default void overdueReturned(CapacityLimiter limiter, PermitHolder holder) {}

    /**
     * A permit was dropped without being closed, and was given back when the garbage collector found that.
     *
     * @param limiter the limiter
     * @param holder who dropped it
     */
    default void dropped(CapacityLimiter limiter, PermitHolder holder) {}

    /**
     * Work that holds permits was found to wait for one another, and one of the waiters was refused with {@link
     * RefusalReason#WOULD_DEADLOCK}, so that the others go on. Told once, of the limiter that refused. Where none of them waits
     * for a permit, only for the results of others, none is refused; that is told once of the limiter of one of them.
     *
     * @param limiter the limiter
     * @param deadlock who waited for what, and where
     */
    default void deadlocked(CapacityLimiter limiter, Deadlock deadlock) {}
}
