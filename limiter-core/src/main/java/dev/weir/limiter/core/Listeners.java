package dev.weir.limiter.core;

import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.Registration;
import dev.weir.limiter.core.watch.PermitListener;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;

/** The listeners of one limiter; what they throw stays theirs. */
final class Listeners {

    private final GateLimiter limiter;

    // Replaced as a whole, under this object's monitor. The listeners are among those who hear of permits.
    private volatile LimiterListener[] listeners = {};
    private volatile PermitListener[] permitListeners = {};

    /** One that hears of permits among other things. */
    private record OfPermits(GateLimiter limiter, LimiterListener listener) implements PermitListener {
        @Override
        public void granted(long waitedNanos) {
            listener.granted(limiter, Duration.ofNanos(waitedNanos));
        }

        @Override
        public void released(long heldNanos) {
            listener.released(limiter, Duration.ofNanos(heldNanos));
        }
    }

    Listeners(GateLimiter limiter, List<LimiterListener> listeners) {
        this.limiter = limiter;
        listeners.forEach(this::added);
    }

    boolean isEmpty() {
        return listeners.length == 0;
    }

    /** Whether anybody wants to hear of permits. */
    boolean hearOfPermits() {
        return permitListeners.length != 0;
    }

    Registration add(LimiterListener listener) {
        PermitListener ofPermits = added(Objects.requireNonNull(listener, "listener"));
        return new Once(() -> remove(listener, ofPermits));
    }

    synchronized Registration add(PermitListener listener) {
        permitListeners = with(permitListeners, Objects.requireNonNull(listener, "listener"));
        return new Once(() -> remove(listener));
    }

    private synchronized PermitListener added(LimiterListener listener) {
        PermitListener ofPermits = new OfPermits(limiter, listener);
        listeners = with(listeners, listener);
        permitListeners = with(permitListeners, ofPermits);
        return ofPermits;
    }

    private synchronized void remove(LimiterListener listener, PermitListener ofPermits) {
        listeners = without(listeners, listener);
        permitListeners = without(permitListeners, ofPermits);
    }

    private synchronized void remove(PermitListener listener) {
        permitListeners = without(permitListeners, listener);
    }

    private static <L> L[] with(L[] before, L one) {
        L[] after = Arrays.copyOf(before, before.length + 1);
        after[before.length] = one;
        return after;
    }

    /** One of those that are this very instance: which one makes no difference. */
    @SuppressWarnings("ReferenceEquality")
    private static <L> L[] without(L[] before, L one) {
        for (int i = 0; i < before.length; i++) {
            if (before[i] == one) {
                L[] after = Arrays.copyOf(before, before.length - 1);
                System.arraycopy(before, i + 1, after, i, after.length - i);
                return after;
            }
        }
        return before;
    }

    void tellGranted(long waitedNanos) {
        for (PermitListener listener : permitListeners) {
            try {
                listener.granted(waitedNanos);
            } catch (Throwable e) { // whatever it is, no permit and no result depends on it
                failed(listener, e);
            }
        }
    }

    void tellReleased(long heldNanos) {
        for (PermitListener listener : permitListeners) {
            try {
                listener.released(heldNanos);
            } catch (Throwable e) { // whatever it is, no permit and no result depends on it
                failed(listener, e);
            }
        }
    }

    void tell(Consumer<LimiterListener> news) {
        for (LimiterListener listener : listeners) {
            try {
                news.accept(listener);
            } catch (Throwable e) { // whatever it is, no permit and no result depends on it
                failed(listener, e);
            }
        }
    }

    private static void failed(Object listener, Throwable failure) {
        Object whose = listener instanceof OfPermits adapted ? adapted.listener() : listener;
        Log.warning("Listener " + whose.getClass().getName() + " failed", failure);
    }
}
