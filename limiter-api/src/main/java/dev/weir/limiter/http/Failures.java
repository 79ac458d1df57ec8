package dev.weir.limiter.http;

import dev.weir.limiter.LimitExceededException;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/** What the client is told when something fails: the one place that maps errors to answers. */
final class Failures {

    private static final System.Logger LOGGER = System.getLogger(Exchange.class.getName());

    /** Deeper chains are taken for cycles. */
    private static final int MAX_CAUSES = 32;

    private Failures() {}

    /** The client cannot be read from: there is nobody to answer. */
    static final class UnreadableException extends IOException {
        private static final long serialVersionUID = 1L;

        UnreadableException(Throwable cause) {
            super("the request's body could not be read", cause);
        }
    }

    /** The server takes no more requests. */
    static final class StoppingException extends IOException {
        private static final long serialVersionUID = 1L;

        StoppingException() {
            super("the server is stopping");
        }
    }

    /** There is no such file to send. */
    static final class NotFoundException extends IOException {
        private static final long serialVersionUID = 1L;

        NotFoundException(String message) {
            super(message);
        }
    }

    /** What is said to the client; nothing of what happened inside. */
    private enum Problem {
        BAD_REQUEST(400, "Bad Request", "The request's body is not well-formed."),
        NOT_FOUND(404, "Not Found", "There is nothing here."),
        TOO_LARGE(413, "Content Too Large", "The request is larger than allowed."),
        FAILED(500, "Internal Server Error", "The server failed to answer the request."),
        REFUSED(503, "Service Unavailable", "The server is at its capacity. Try again later."),
        STOPPING(503, "Service Unavailable", "The server is stopping. Try again later.");

        final int status;
        private final String body;

        Problem(int status, String title, String detail) {
            this.status = status;
            this.body = "{\"type\":\"about:blank\",\"title\":\"" + title + "\",\"status\":" + status + ",\"detail\":\""
                    + detail + "\"}";
        }

        byte[] body() {
            return body.getBytes(StandardCharsets.US_ASCII);
        }

        static Problem of(Throwable failure) {
            if (find(failure, LimitExceededException.class) != null) {
                return REFUSED;
            }
            if (find(failure, StoppingException.class) != null) {
                return STOPPING;
            }
            if (find(failure, BodyTooLargeException.class) != null) {
                return TOO_LARGE;
            }
            if (find(failure, MalformedBodyException.class) != null) {
                return BAD_REQUEST;
            }
            return find(failure, NotFoundException.class) != null ? NOT_FOUND : FAILED;
        }
    }

    /** Answers, cuts, or lets be; see {@link Exchanges#fail}. */
    static void answer(Exchange exchange, Throwable failure) {
        Throwable cause = unwrap(failure);
        try {
            boolean unreadable = find(cause, UnreadableException.class) != null;
            Problem problem = Problem.of(cause);
            if (problem != Problem.FAILED || unreadable) {
                LOGGER.log(Level.DEBUG, () -> exchange.description() + ": " + cause);
            } else if (!exchange.isAborted()) { // after an abort, failing is what everything does
                log(exchange, "failed", cause);
            }
            if (exchange.isAnswered()) {
                return;
            }
            if (unreadable || exchange.isCommitted()) {
                exchange.abort(cause);
            } else {
                Exchanges.send(exchange, problem.status, headers(exchange, problem, cause), problem.body());
            }
        } catch (Throwable e) {
            if (!exchange.isAnswered()) {
                log(exchange, "could not be told that it failed", e);
                exchange.abort(cause);
            }
        }
    }

    private static Headers headers(Exchange exchange, Problem problem, Throwable cause) {
        Headers headers = Headers.of("Content-Type", "application/problem+json");
        LimitExceededException refusal = find(cause, LimitExceededException.class);
        if (refusal != null) {
            return headers.and("Retry-After", Long.toString(seconds(refusal.retryAfter())));
        }
        if (problem == Problem.STOPPING) {
            Headers later = headers.and("Retry-After", "1");
            return exchange.protocol().startsWith("HTTP/1") ? later.and("Connection", "close") : later;
        }
        return headers;
    }

    /** Never less than was said, and never zero. */
    private static long seconds(Duration retryAfter) {
        return Math.max(1, retryAfter.plusNanos(999_999_999).toSeconds());
    }

    static void log(Exchange exchange, String what, Throwable failure) {
        LOGGER.log(Level.ERROR, exchange.description() + " " + what, failure);
    }

    static void logCallback(Exchange exchange, Throwable failure) {
        LOGGER.log(Level.WARNING, "A callback of " + exchange.description() + " failed", failure);
    }

    static Throwable unwrap(Throwable failure) {
        Throwable cause = failure;
        while ((cause instanceof CompletionException || cause instanceof ExecutionException)
                && cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause;
    }

    static <T extends Throwable> @Nullable T find(Throwable failure, Class<T> type) {
        Throwable cause = failure;
        for (int i = 0; cause != null && i < MAX_CAUSES; i++) {
            if (type.isInstance(cause)) {
                return type.cast(cause);
            }
            cause = cause.getCause();
        }
        return null;
    }
}
