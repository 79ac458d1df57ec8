package dev.weir.limiter.tck;

import dev.weir.limiter.ContextCarrier;

/** A thread-local that is carried to the work. */
final class TestContext implements ContextCarrier {

    static final String NONE = "none";

    private final ThreadLocal<String> value = ThreadLocal.withInitial(() -> NONE);

    String get() {
        return value.get();
    }

    void set(String to) {
        value.set(to);
    }

    void clear() {
        value.remove();
    }

    @Override
    public Snapshot capture() {
        String captured = value.get();
        return () -> {
            String before = value.get();
            value.set(captured);
            return () -> value.set(before);
        };
    }
}
