package dev.weir.limiter.http;

/** How long an admitted request keeps its permit. */
public enum PermitScope {
    /** Until the handler has returned or thrown: for handlers that do their work before they return. */
    HANDLER,
    /** Until the exchange has {@linkplain Exchange#onComplete completed}, however it ends: for asynchronous handlers. */
    EXCHANGE
}
