package dev.weir.limiter.core;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The permits that cover the work of a thread: its own, and those of the work that started it and may be waiting for it. Used
 * to run nested work inline instead of letting it queue behind its own permit.
 *
 * @param permit the innermost
 * @param outer what covers the work beside it, the thread's own and its starters'
 * @param below what covered the thread before this permit was entered on it; so these links lead to the thread's own permits only
 */
record Held(
        GatePermit permit, @Nullable Held outer, @Nullable Held below) {

    private static final ThreadLocal<Held> CURRENT = new ThreadLocal<>();

    static @Nullable Held current() {
        return Thread.currentThread() instanceof WorkerThread worker ? worker.held() : CURRENT.get();
    }

    /** Whether there is an open permit of the limiter among these, the thread's own or an ancestor's. */
    boolean covers(GateLimiter limiter) {
        for (Held held = this; held != null; held = held.outer) {
            if (held.permit.limiter().equals(limiter) && held.permit.isOpen()) {
                return true;
            }
        }
        return false;
    }

    /** These without permits that were closed: chains of work that went on do not pile up. */
    static @Nullable Held open(@Nullable Held held) {
        Held top = held;
        while (top != null && !top.permit.isOpen()) {
            top = top.outer;
        }
        if (top == null || top.outer == null) {
            return top;
        }
        return new Held(top.permit, open(top.outer), null); // as deep as permits are open, so not deep
    }

    /**
     * Adds what covers the calling thread: to what covers the work's starter, and to what covers the thread already where it
     * is lent by an executor over another limiter, or by a caller.
     *
     * @return what covered it before, for {@link #restore}
     */
    static @Nullable Held enter(GatePermit permit, @Nullable Held outer) {
        permit.entered();
        if (outer == null && Thread.currentThread() instanceof WorkerThread worker && worker.enter(permit)) {
            return null;
        }
        Held before = current();
        restore(new Held(permit, join(outer, before), before));
        return before;
    }

    private static @Nullable Held join(@Nullable Held starter, @Nullable Held below) {
        if (starter == null || below == null) {
            return starter == null ? below : starter;
        }
        Held rest = join(starter.outer, below);
        return below.contains(starter.permit) ? rest : new Held(starter.permit, rest, null);
    }

    private boolean contains(GatePermit sought) {
        for (Held held = this; held != null; held = held.outer) {
            if (held.permit == sought) {
                return true;
            }
        }
        return false;
    }

    /** The open permits whose work the thread is in the middle of. None of its starters': they may have gone on. */
    List<GatePermit> own() {
        List<GatePermit> own = new ArrayList<>(2);
        for (Held held = this; held != null; held = held.below) {
            if (held.permit.isOpen()) {
                own.add(held.permit);
            }
        }
        return own;
    }

    static void restore(@Nullable Held before) {
        if (Thread.currentThread() instanceof WorkerThread worker) {
            worker.restore(before);
        } else if (before == null) {
            CURRENT.remove();
        } else {
            CURRENT.set(before);
        }
    }
}
