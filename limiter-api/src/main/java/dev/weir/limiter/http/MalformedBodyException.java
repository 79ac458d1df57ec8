package dev.weir.limiter.http;

import java.io.IOException;

/** A request body is not what its head says: cut short, without a boundary, or not well-formed. Answered with 400. */
public class MalformedBodyException extends IOException {

    private static final long serialVersionUID = 1L;

    /**
     * Says what is wrong.
     *
     * @param message what is wrong
     */
    public MalformedBodyException(String message) {
        super(message);
    }

    /**
     * Says what is wrong, and who found out.
     *
     * @param message what is wrong
     * @param cause what the parser said
     */
    public MalformedBodyException(String message, Throwable cause) {
        super(message, cause);
    }
}
