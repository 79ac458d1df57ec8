package dev.weir.limiter;

/**
 * Is told which limiters a scope has. All methods default to doing nothing.
 *
 * <p>Called on the thread that did it, after the fact, outside every lock. What a listener throws is logged and changes no
 * result.
 */
public interface ScopeListener {

    /**
     * A named group was declared for the first time. Told before {@link LimiterScope#limiter(String, int)} returns to whoever
     * declared it.
     *
     * @param limiter the group's limiter
     */
    default void added(CapacityLimiter limiter) {}

    /** The scope was closed, and with it the limiters it had created. */
    default void closed() {}
}
