package dev.weir.limiter.core;

import dev.weir.limiter.LimiterListener;
import java.util.List;
import java.util.function.Consumer;

/** The listeners of one limiter; what they throw stays theirs. */
final class Listeners {

    private final LimiterListener[] listeners;

    Listeners(List<LimiterListener> listeners) {
        this.listeners = listeners.toArray(new LimiterListener[0]);
    }

    boolean isEmpty() {
        return listeners.length == 0;
    }

    void tell(Consumer<LimiterListener> news) {
        for (LimiterListener listener : listeners) {
            try {
                news.accept(listener);
            } catch (Throwable e) { // whatever it is, no permit and no result depends on it
                Log.warning("Listener " + listener.getClass().getName() + " failed", e);
            }
        }
    }
}
