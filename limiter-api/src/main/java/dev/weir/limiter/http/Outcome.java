package dev.weir.limiter.http;

/** How an exchange ended. */
public enum Outcome {
    /** The whole response was handed to the transport. */
    SENT,
    /** The response was cut, or never begun. */
    ABORTED,
    /** The server said that the exchange is over, but not how. */
    UNCONFIRMED
}
