package dev.weir.limiter.core;

import java.util.concurrent.Executor;

/** An executor of the user's. Its life is the user's business. */
record ForeignCrew(Executor executor) implements Crew {

    @Override
    public void execute(Runnable task, boolean passOn) {
        executor.execute(task);
    }

    @Override
    public boolean foreign() {
        return true;
    }

    @Override
    public void resized() {}

    @Override
    public void retire() {}
}
