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
        Waiter<?> first = last;
        first.queued = true;
        size++;
        for (Waiter<?> before = first.previous; before != null; before = first.previous) {
            before.next = first;
            before.queued = true;
            size++;
            first = before;
        }
        first.previous = tail;
        if (tail == null) {
            head = first;
        } else {
            tail.next = first;
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
