package dev.weir.limiter.http;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The value of a header field with parameters, such as {@code form-data; name="f"}.
 *
 * <p>What two parsers could read differently is refused: a parameter that comes twice, blanks around the equals sign, a quoted
 * string with something behind it. A value that is not quoted may have other characters than a token has, since boundaries do,
 * but none that separates or quotes.
 *
 * <p>A backslash in a quoted string keeps the next character from ending it. Only before a quote it is removed: browsers used to
 * send the paths of Windows as they are.
 */
final class HeaderValue {

    private static final String NOT_UNQUOTED = "\",;\\ \t";

    private final String value;
    private final Map<String, String> parameters;

    private HeaderValue(String value, Map<String, String> parameters) {
        this.value = value;
        this.parameters = parameters;
    }

    /**
     * Parses a value.
     *
     * @param field what it is the value of, for messages
     * @param text the value, without control characters other than tabs
     */
    static HeaderValue parse(String field, String text) throws MalformedBodyException {
        Map<String, String> parameters = new HashMap<>();
        int first = text.indexOf(';');
        int at = first < 0 ? text.length() : first;
        String value = lowerCase(text.substring(0, at).trim());
        while (at < text.length()) {
            at = afterBlanks(text, at + 1);
            if (at == text.length() || text.charAt(at) == ';') {
                continue; // HTTP allows that there is nothing between two semicolons
            }
            int equals = text.indexOf('=', at);
            String name = equals < 0 ? "" : text.substring(at, equals);
            if (!Headers.isToken(name)) {
                throw new MalformedBodyException(field + ": expected name=value behind a semicolon");
            }
            int end = end(text, equals + 1);
            at = afterBlanks(text, end);
            if (end == equals + 1 || (at < text.length() && text.charAt(at) != ';')) {
                throw new MalformedBodyException(field + ": expected " + name
                        + " to be a word or a quoted string, and a semicolon or nothing behind it");
            }
            if (parameters.put(lowerCase(name), unquoted(text.substring(equals + 1, end))) != null) {
                throw new MalformedBodyException(field + ": expected " + name + " once");
            }
        }
        return new HeaderValue(value, parameters);
    }

    private static String lowerCase(String text) {
        return text.toLowerCase(Locale.ROOT);
    }

    private static int afterBlanks(String text, int from) {
        int at = from;
        while (at < text.length() && (text.charAt(at) == ' ' || text.charAt(at) == '\t')) {
            at++;
        }
        return at;
    }

    /** Where a parameter's value ends; where it begins, if it is none. */
    private static int end(String text, int from) {
        int at = from;
        if (at < text.length() && text.charAt(at) == '"') {
            do {
                at += text.charAt(at) == '\\' ? 2 : 1;
            } while (at < text.length() && text.charAt(at) != '"');
            return at < text.length() ? at + 1 : from;
        }
        while (at < text.length() && NOT_UNQUOTED.indexOf(text.charAt(at)) < 0) {
            at++;
        }
        return at;
    }

    private static String unquoted(String text) {
        if (!text.startsWith("\"")) {
            return text;
        }
        StringBuilder content = new StringBuilder();
        int end = text.length() - 1;
        for (int at = 1; at < end; at++) {
            if (text.charAt(at) == '\\') {
                at++;
                if (text.charAt(at) != '"') {
                    content.append('\\');
                }
            }
            content.append(text.charAt(at));
        }
        return content.toString();
    }

    /** What comes before the parameters, in lower case. */
    String value() {
        return value;
    }

    /**
     * The value of a parameter, unquoted.
     *
     * @param name the name in lower case
     */
    Optional<String> parameter(String name) {
        return Optional.ofNullable(parameters.get(name));
    }
}
