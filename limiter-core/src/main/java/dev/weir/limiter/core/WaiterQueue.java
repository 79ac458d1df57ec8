package dev.weir.limiter.core;

import org.jspecify.annotations.Nullable;

/** A first-in-first-out queue whose members can leave from anywhere in constant time. Guarded by the gate's lock. */
final class WaiterQueue {

    private @Nullable Waiter<?> head;
    private @Nullable Waiter<?> tail;
    private int size;

    int size() {
        return size;
    }

    @Nullable Waiter<?> peek() {
        return head;
    }

    /** Whether it is queued here, and nobody behind it. */
    boolean isLast(Waiter<?> waiter) {
        return tail == waiter;
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
        size++;
    }

    /** Adds a waiter, and before it those that its links to the previous ones lead to. */
    void addAll(Waiter<?> last) {
        Waiter<?> following = null;
        Waiter<?> waiter = last;
        while (waiter != null) {
            waiter.queued = true;
            waiter.next = following;
            size++;
            following = waiter;
            waiter = waiter.previous;
        }
        following.previous = tail;
        if (tail == null) {
            head = following;
        } else {
            tail.next = following;
        }
        tail = last;
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
        size--;
    }
}
