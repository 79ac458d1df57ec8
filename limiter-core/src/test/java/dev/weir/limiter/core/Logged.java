package dev.weir.limiter.core;

import java.util.concurrent.atomic.AtomicInteger;

/** A failure that counts how often it was logged, by itself or as the cause of another. Wants {@link Warnings}. */
final class Logged extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final String message;
    private final AtomicInteger times = new AtomicInteger();

    Logged(String message) {
        super(message, null, true, false);
        this.message = message;
    }

    int times() {
        return times.get();
    }

    @Override
    public String getMessage() {
        if (StackWalker.getInstance()
                .walk(frames -> frames.anyMatch(frame -> frame.getClassName().startsWith("java.util.logging.")))) {
            times.incrementAndGet();
        }
        return message;
    }
}
