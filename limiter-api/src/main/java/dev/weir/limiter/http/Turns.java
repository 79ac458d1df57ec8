package dev.weir.limiter.http;

import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Lets one thread at a time work on what events of several threads change. Each event leaves its news in a field and calls
 * {@link #take}; whoever finds nobody at work goes through the turn, again and again until there is no more news. So no news is
 * lost, and what completes at once comes back to the loop instead of nesting.
 */
public final class Turns {

    private final AtomicInteger news = new AtomicInteger();
    private final Runnable turn;

    /**
     * Turns of some work.
     *
     * @param turn looks at what is new; must not throw
     */
    public Turns(Runnable turn) {
        this.turn = Objects.requireNonNull(turn, "turn");
    }

    /** Says that there is news. Runs the turn unless somebody else does, who will run it again. */
    public void take() {
        if (news.getAndIncrement() == 0) {
            int seen = 1;
            do {
                turn.run();
                seen = news.addAndGet(-seen);
            } while (seen != 0);
        }
    }
}
