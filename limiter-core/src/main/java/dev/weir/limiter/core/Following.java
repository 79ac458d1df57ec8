package dev.weir.limiter.core;

import dev.weir.limiter.core.flight.Hold;
import org.jspecify.annotations.Nullable;

/** What is known of a permit that somebody follows: a listener, a recorder, the limiter that tracks its holders. */
final class Following {

    final long grantedAt; // as Nanos.now, or 0 when nobody listened
    private final @Nullable Hold hold; // null when nobody recorded

    @Nullable Holding holding; // set before anybody gets the permit; null unless its holder is tracked

    Following(long grantedAt, @Nullable Hold hold) {
        this.grantedAt = grantedAt;
        this.hold = hold;
    }

    /** The permit was closed, and by nobody before. */
    void giveBack(GateLimiter limiter, boolean passOn) {
        Holding tracked = holding;
        if (tracked != null && !tracked.end()) {
            return; // found dropped, and given back
        }
        if (hold == null) {
            limiter.release(grantedAt, passOn);
        } else {
            hold.stop();
            limiter.release(grantedAt, passOn);
            hold.record();
        }
        if (tracked != null) {
            tracked.tell(false);
        }
    }
}
