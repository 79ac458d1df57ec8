package dev.weir.limiter.page;

import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Objects;

/** What is the same in every page: style and script, and the headers that allow these and nothing else. */
final class Frame {

    static final String CSS = resource("page.css");
    static final String JS = resource("page.js");

    /** Changes with style and script: a browser that shows an older page loads the new one. */
    static final String VERSION = hash(CSS + JS).substring(0, 8);

    /** For every answer: it is of the moment, for nobody else, and what it says it is. */
    static final Headers ANSWER = Headers.of("Cache-Control", "no-store")
            .and("Vary", "Accept")
            .and("X-Content-Type-Options", "nosniff")
            .and("Referrer-Policy", "no-referrer")
            .and(
                    "Content-Security-Policy",
                    "default-src 'none'; style-src 'sha256-" + hash(CSS) + "'; script-src 'sha256-" + hash(JS)
                            + "'; connect-src 'self'; img-src data:; form-action 'none'; frame-ancestors 'none';"
                            + " base-uri 'none'");

    private Frame() {}

    /** Answers with one line. */
    static void text(Exchange exchange, int status, Headers headers, String line) {
        body(exchange, status, headers, "text/plain;charset=utf-8", line + "\n");
    }

    static void body(Exchange exchange, int status, Headers headers, String type, String body) {
        Exchanges.send(exchange, status, headers.and("Content-Type", type), body.getBytes(StandardCharsets.UTF_8));
    }

    private static String resource(String name) {
        try (InputStream in = Objects.requireNonNull(Frame.class.getResourceAsStream(name), name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String hash(String text) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            return Base64.getEncoder().encodeToString(digest.digest(text.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }
}
