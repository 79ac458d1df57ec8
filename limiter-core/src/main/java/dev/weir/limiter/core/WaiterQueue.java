package dev.weir.limiter.core;

import org.jspecify.annotations.Nullable;

/** A first-in-first-out queue whose members can leave from anywhere in constant time. Guarded by the gate's lock. */
final class WaiterQueue {

    private @Nullable Waiter<?> head;
    private @Nullable Waiter<?> tail;

    @Nullable Waiter<?> peek() {
        return head;
    }

    void add(Waiter<?> waiter) {
        waiter.queued = true;
        waiter.previous = tail;
        if (tail == null) {
            head = waiter;
        } else {
            tail.next = waiter;
        }
        tail = waiter;
    }

    void remove(Waiter<?> waiter) {
        Waiter<?> before = waiter.previous;
        Waiter<?> after = waiter.next;
        if (before == null) {
            head = after;
        } else {
            before.next = after;
        }
        if (after == null) {
            tail = before;
        } else {
            after.previous = before;
        }
        waiter.previous = null;
        waiter.next = null;
        waiter.queued = false;
    }
}
