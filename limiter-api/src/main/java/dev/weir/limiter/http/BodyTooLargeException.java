package dev.weir.limiter.http;

import java.io.IOException;

/** A request body, or something in it, is larger than allowed. Answered with 413. */
public class BodyTooLargeException extends IOException {

    private static final long serialVersionUID = 1L;

    /**
     * Says what was too large.
     *
     * @param message what was too large, and what is allowed
     */
    public BodyTooLargeException(String message) {
        super(message);
    }
}
