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

    /** As many tasks may be under way from now on. */
    void resize(int tasks);

    /** No newcomers any more: idle threads may go. Tasks are still run. */
    void retire();
}
