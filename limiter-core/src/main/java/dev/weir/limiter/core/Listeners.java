package dev.weir.limiter.core;

import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.Registration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;

/** The listeners of one limiter; what they throw stays theirs. */
final class Listeners {

    private volatile LimiterListener[] listeners; // replaced as a whole, under this object's monitor

    Listeners(List<LimiterListener> listeners) {
        this.listeners = listeners.toArray(new LimiterListener[0]);
    }

    boolean isEmpty() {
        return listeners.length == 0;
    }

    synchronized Registration add(LimiterListener listener) {
        Objects.requireNonNull(listener, "listener");
        LimiterListener[] before = listeners;
        LimiterListener[] after = Arrays.copyOf(before, before.length + 1);
        after[before.length] = listener;
        listeners = after;
        return new Once(() -> remove(listener));
    }

    /** One of those that are this very instance: which one makes no difference. */
    @SuppressWarnings("ReferenceEquality")
    private synchronized void remove(LimiterListener listener) {
        LimiterListener[] before = listeners;
        for (int i = 0; i < before.length; i++) {
            if (before[i] == listener) {
                LimiterListener[] after = Arrays.copyOf(before, before.length - 1);
                System.arraycopy(before, i + 1, after, i, after.length - i);
                listeners = after;
                return;
            }
        }
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
