package dev.weir.limiter.servlet;

import jakarta.servlet.ServletException;

/** Thrown into a container to make it cut a response that cannot be finished. Says what failed; its own trace says nothing. */
final class CutException extends ServletException {

    private static final long serialVersionUID = 1L;

    CutException(String exchange, Throwable cause) {
        super("cutting the response of " + exchange + ": " + cause, cause);
    }

    @Override
    @SuppressWarnings("UnsynchronizedOverridesSynchronized")
    public Throwable fillInStackTrace() {
        return this;
    }
}
