package dev.weir.limiter.core.watch;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.Registration;
import java.time.Duration;

/** Is told of each permit, as a {@link LimiterListener} is, but in nanoseconds, so that nothing is made to tell it. */
public interface PermitListener {

    /**
     * A permit was granted.
     *
     * @param waitedNanos how long its holder had waited, 0 without a wait
     */
    void granted(long waitedNanos);

    /**
     * A permit was given back.
     *
     * @param heldNanos how long it was held
     */
    void released(long heldNanos);

    /**
     * Has a limiter tell a listener of its permits.
     *
     * @param limiter any limiter
     * @param listener is told from now on
     * @return to be closed when it has heard enough
     * @throws UnsupportedOperationException when the limiter takes listeners from its builder only
     */
    static Registration listen(CapacityLimiter limiter, PermitListener listener) {
        if (limiter instanceof Watchable ours) {
            return ours.hear(listener);
        }
        return limiter.listen(new LimiterListener() {
            @Override
            public void granted(CapacityLimiter from, Duration waited) {
                listener.granted(waited.toNanos());
            }

            @Override
            public void released(CapacityLimiter from, Duration held) {
                listener.released(held.toNanos());
            }
        });
    }
}
