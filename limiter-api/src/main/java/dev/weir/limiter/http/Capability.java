package dev.weir.limiter.http;

/** What a server can do for one exchange. Whatever a server cannot do is missing here; it is never a silent difference. */
public enum Capability {
    /**
     * A client that leaves while its request waits or runs is noticed without reading or writing. Without it the request keeps
     * its place, and is run.
     */
    DISCONNECT_WHILE_WAITING,
    /** A client that shuts down its sending side after the request is taken to have left. */
    HALF_CLOSE_IS_DISCONNECT,
    /**
     * {@link Outcome#SENT} is told apart from {@link Outcome#ABORTED} with certainty. Without it background work may begin before
     * the last byte was handed to the transport.
     */
    SENT_CONFIRMED,
    /** {@link Exchange#read} never blocks a thread. Without it an upload holds its permit while it waits for bytes. */
    NON_BLOCKING_BODY,
    /**
     * {@code 100 Continue} is not sent before the first {@link Exchange#read}. Without it a client may be told to go on first, and
     * be refused then.
     */
    CONTINUE_AFTER_ADMISSION,
    /** {@link Exchange#abort} of a committed response can be seen by the client. Without it the response may look whole. */
    ABORT_COMMITTED,
    /** The connection carries several exchanges at a time, and the failure of one leaves the others alone. */
    MULTIPLEXED,
    /** The connection stays usable after a refusal, at least of a request without a body. */
    KEEPALIVE_AFTER_503
}
