package dev.weir.limiter;

/** Something that was added to a limiter or a scope while it was in use, and can be taken away again. Thread-safe. */
@FunctionalInterface
public interface Registration extends AutoCloseable {

    /** Takes it away. Calls under way may still end after this has returned. Closing again has no effect. */
    @Override
    void close();
}
