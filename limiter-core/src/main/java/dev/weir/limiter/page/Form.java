package dev.weir.limiter.page;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.StringTokenizer;

/** The fields of a body as forms in HTML send it: {@code limiter=background&capacity=100}. */
final class Form {

    private final Map<String, String> fields = new HashMap<>();

    private Form() {}

    /**
     * Parses a body.
     *
     * @throws IllegalArgumentException when it is not well-formed, or has a field twice; the message says what was expected
     */
    static Form parse(String body) {
        Form form = new Form();
        StringTokenizer pairs = new StringTokenizer(body.strip(), "&");
        while (pairs.hasMoreTokens()) {
            String pair = pairs.nextToken();
            int equals = pair.indexOf('=');
            if (equals < 0) {
                throw new IllegalArgumentException("the body: expected name=value, joined by &");
            }
            String name = decode(pair.substring(0, equals));
            if (form.fields.put(name, decode(pair.substring(equals + 1))) != null) {
                throw new IllegalArgumentException(name + ": expected once");
            }
        }
        return form;
    }

    private static String decode(String text) {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("the body: expected characters escaped with a percent sign", e);
        }
    }

    Optional<String> field(String name) {
        return Optional.ofNullable(fields.get(name));
    }
}
