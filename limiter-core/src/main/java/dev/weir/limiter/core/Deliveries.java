package dev.weir.limiter.core;

import java.util.ArrayDeque;
import java.util.Queue;

/**
 * Tells waiters of their grants and refusals, one after another on the calling thread, never nested: what a dependent of one
 * waiter's future releases is granted to the next after that dependent has returned. So any number of waiters finish on a
 * small stack.
 */
final class Deliveries {

    private static final ThreadLocal<Queue<Runnable>> UNDER_WAY = new ThreadLocal<>();

    private Deliveries() {}

    static void deliver(Runnable first) {
        Queue<Runnable> underWay = UNDER_WAY.get();
        if (underWay != null) {
            underWay.add(first);
            return;
        }
        Queue<Runnable> queue = new ArrayDeque<>();
        UNDER_WAY.set(queue);
        try {
            for (Runnable delivery = first; delivery != null; delivery = queue.poll()) {
                try {
                    delivery.run();
                } catch (Throwable e) { // an Error here must not keep the others from their permits
                    Log.unexpected("telling a waiter", e);
                }
            }
        } finally {
            UNDER_WAY.remove();
        }
    }
}
