package dev.weir.limiter.http;

/** What a server can do for one exchange. Whatever a server cannot do is missing here; it is never a silent difference. */
public enum Capability {
    /** A client that leaves while its request waits or runs is noticed without reading or writing. */
    DISCONNECT_WHILE_WAITING,
    /** A client that shuts down its sending side after the request is taken to have left. */
    HALF_CLOSE_IS_DISCONNECT,
    /** {@link Outcome#SENT} is told apart from {@link Outcome#ABORTED} with certainty. */
    SENT_CONFIRMED,
    /** {@link Exchange#read} never blocks a thread. */
    NON_BLOCKING_BODY,
    /** {@code 100 Continue} is not sent before the first {@link Exchange#read}. */
    CONTINUE_AFTER_ADMISSION,
    /** {@link Exchange#abort} of a committed response can be seen by the client. */
    ABORT_COMMITTED,
    /** The connection carries several exchanges at a time, and the failure of one leaves the others alone. */
    MULTIPLEXED,
    /** The connection stays usable after a refusal, at least of a request without a body. */
    KEEPALIVE_AFTER_503
}
