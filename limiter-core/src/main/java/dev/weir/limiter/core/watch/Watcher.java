package dev.weir.limiter.core.watch;

import org.jspecify.annotations.Nullable;

/**
 * Follows each wait and each piece of work from its beginning to its end, which a listener, told after the fact, cannot. Called
 * without any lock; what a watcher throws is logged.
 */
public interface Watcher {

    /**
     * Somebody is about to queue for a permit. On the thread that asks.
     *
     * @return is told when the wait is over
     */
    Wait waiting();

    /**
     * Work is about to begin under a permit. On the thread that runs it, with its context set.
     *
     * @return is told when the work is over
     */
    Work working();

    /** One wait. */
    interface Wait {
        /**
         * The wait is over. Called once, on any thread.
         *
         * @param outcome {@code granted}, {@code withdrawn}, or a {@link dev.weir.limiter.RefusalReason} in lower case
         */
        void ended(String outcome);
    }

    /** One piece of work. */
    interface Work {
        /**
         * The work is over. Called once, on the thread that ran it.
         *
         * @param failure what it threw, null if nothing
         */
        void ended(@Nullable Throwable failure);
    }
}
