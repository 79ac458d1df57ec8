package dev.weir.limiter.core;

/**
 * A thread that is blocked until a waiter is done, without a time limit, and in the middle of work under permits. One for each
 * wait: as long as it is registered the thread has not gone on, even if it may.
 */
final class BlockedWait {

    final Deadlocks registry;
    final Thread thread = Thread.currentThread();
    final Waiter<?> waiter;
    final GateLimiter limiter;
    final Held held;
    volatile boolean reported; // as part of a deadlock that nobody could break

    BlockedWait(Deadlocks registry, Waiter<?> waiter, GateLimiter limiter, Held held) {
        this.registry = registry;
        this.waiter = waiter;
        this.limiter = limiter;
        this.held = held;
    }
}
