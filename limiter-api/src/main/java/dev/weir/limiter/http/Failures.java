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

    /** There is no such file to send. */
    static final class NotFoundException extends IOException {
        private static final long serialVersionUID = 1L;

        NotFoundException(String message) {
            super(message);
        }
    }

    /** Answers, cuts, or lets be; see {@link Exchanges#fail}. */
    static void answer(Exchange exchange, Throwable failure) {
        Throwable cause = unwrap(failure);
        try {
            if (exchange.isEnded()) {
                if (!(cause instanceof IOException)) {
                    log(exchange, "failed after its response had ended", cause);
                }
                return;
            }
            LimitExceededException refusal = find(cause, LimitExceededException.class);
            boolean tooLarge = find(cause, BodyTooLargeException.class) != null;
            boolean malformed = find(cause, MalformedBodyException.class) != null;
            boolean notFound = find(cause, NotFoundException.class) != null;
            boolean unreadable = find(cause, UnreadableException.class) != null;
            boolean expected = refusal != null || tooLarge || malformed || notFound || unreadable;
            if (expected) {
                LOGGER.log(Level.DEBUG, () -> exchange.description() + ": " + cause);
            } else {
                log(exchange, "failed", cause);
            }
            if (unreadable || exchange.isCommitted()) {
                exchange.abort(cause);
            } else if (refusal != null) {
                long seconds = seconds(refusal.retryAfter());
                problem(
                        exchange,
                        503,
                        "Service Unavailable",
                        "The server is at its capacity. Try again later.",
                        Headers.of("Retry-After", Long.toString(seconds)));
            } else if (tooLarge) {
                problem(exchange, 413, "Content Too Large", "The request is larger than allowed.", Headers.of());
            } else if (malformed) {
                problem(exchange, 400, "Bad Request", "The request's body is not well-formed.", Headers.of());
            } else if (notFound) {
                problem(exchange, 404, "Not Found", "There is nothing here.", Headers.of());
            } else {
                problem(
                        exchange,
                        500,
                        "Internal Server Error",
                        "The server failed to answer the request.",
                        Headers.of());
            }
        } catch (Throwable e) {
            log(exchange, "could not be told that it failed", e);
            exchange.abort(cause);
        }
    }

    private static void problem(Exchange exchange, int status, String title, String detail, Headers headers) {
        String body = "{\"type\":\"about:blank\",\"title\":\"" + title + "\",\"status\":" + status + ",\"detail\":\""
                + detail + "\"}";
        Exchanges.send(
                exchange,
                status,
                headers.and("Content-Type", "application/problem+json"),
                body.getBytes(StandardCharsets.US_ASCII));
    }

    /** Never less than was said, and never zero. */
    private static long seconds(Duration retryAfter) {
        return Math.max(1, retryAfter.plusNanos(999_999_999).toSeconds());
    }

    static void log(Exchange exchange, String what, Throwable failure) {
        LOGGER.log(Level.ERROR, exchange.description() + " " + what, failure);
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
