package dev.weir.limiter.core;

import dev.weir.limiter.Registration;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Takes away what was added, once however often it is closed, and keeps nothing of it reachable after. */
final class Once implements Registration {

    private final AtomicReference<@Nullable Runnable> remaining;

    Once(Runnable takeAway) {
        remaining = new AtomicReference<>(takeAway);
    }

    @Override
    public void close() {
        Runnable takeAway = remaining.getAndSet(null);
        if (takeAway != null) {
            takeAway.run();
        }
    }
}
