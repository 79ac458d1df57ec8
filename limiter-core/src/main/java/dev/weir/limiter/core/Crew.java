package dev.weir.limiter.core;

/** The threads of a limiter: they run what holds a permit, and know nothing of permits. */
interface Crew {

    /**
     * Runs the task on a thread of the crew. Does not block.
     *
     * @param passOn whether the calling thread, if it is one of the crew, is about to end its task and may run this one next
     * @throws RuntimeException or Error when no thread can be had; the task will not run
     */
    void execute(Runnable task, boolean passOn);

    /** Whether {@link #execute} may run code of the user on the calling thread. */
    boolean foreign();

    /** What a crew runs on behalf of somebody who has to be told if it never will. */
    interface Task extends Runnable {
        /**
         * It will not run after all.
         *
         * @return false if it has run already, or need not
         */
        boolean noWorker(Throwable cause);
    }

    /** Another number of tasks may be under way than before. */
    void resized();

    /** No newcomers any more: idle threads may go. Tasks are still run. */
    void retire();
}
