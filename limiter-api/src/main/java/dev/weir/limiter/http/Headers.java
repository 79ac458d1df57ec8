package dev.weir.limiter.http;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * The header fields of a response: names and values in order, a name may come more than once. Immutable. Names are compared
 * without case. Names and values that could break out of their line are refused.
 */
public final class Headers {

    private static final String TOKEN_PUNCTUATION = "!#$%&'*+-.^_`|~";

    private static final Headers NONE = new Headers(List.of());

    private final List<Map.Entry<String, String>> fields;

    private Headers(List<Map.Entry<String, String>> fields) {
        this.fields = fields;
    }

    /**
     * No fields.
     *
     * @return the empty headers
     */
    public static Headers of() {
        return NONE;
    }

    /**
     * One field.
     *
     * @param name its name
     * @param value its value
     * @return the headers
     * @throws IllegalArgumentException when the name or the value is not well-formed
     */
    public static Headers of(String name, String value) {
        return NONE.and(name, value);
    }

    /**
     * These fields and one more; a field of that name stays too.
     *
     * @param name its name
     * @param value its value
     * @return new headers
     * @throws IllegalArgumentException when the name or the value is not well-formed
     */
    public Headers and(String name, String value) {
        check(name, value);
        List<Map.Entry<String, String>> more = new ArrayList<>(fields.size() + 1);
        more.addAll(fields);
        more.add(Map.entry(name, value));
        return new Headers(more);
    }

    /**
     * These fields, and one more unless there is one of that name.
     *
     * @param name its name
     * @param value its value
     * @return new headers, or these
     * @throws IllegalArgumentException when the name or the value is not well-formed
     */
    public Headers orElse(String name, String value) {
        return first(name).isPresent() ? this : and(name, value);
    }

    /**
     * The value of the first field of a name.
     *
     * @param name the name, in any case
     * @return its value
     */
    public Optional<String> first(String name) {
        for (Map.Entry<String, String> field : fields) {
            if (field.getKey().equalsIgnoreCase(name)) {
                return Optional.of(field.getValue());
            }
        }
        return Optional.empty();
    }

    /**
     * Calls back for each field in order.
     *
     * @param action takes name and value
     */
    public void forEach(BiConsumer<? super String, ? super String> action) {
        fields.forEach(field -> action.accept(field.getKey(), field.getValue()));
    }

    private static void check(String name, String value) {
        if (!isToken(name)) {
            throw new IllegalArgumentException("name: expected the name of a header field, was '" + name + "'");
        }
        for (int i = 0; i < value.length(); i++) {
            if (!isValueChar(value.charAt(i))) {
                throw new IllegalArgumentException(
                        "value of " + name + ": expected visible characters of ISO-8859-1, blanks and tabs");
            }
        }
    }

    private static boolean isValueChar(char c) {
        return c == '\t' || (c >= ' ' && c <= 0xff && c != 0x7f);
    }

    /** Whether a text can be the name of a header field, or of a parameter in one. */
    static boolean isToken(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (!isTokenChar(text.charAt(i))) {
                return false;
            }
        }
        return !text.isEmpty();
    }

    private static boolean isTokenChar(char c) {
        return (c >= 'a' && c <= 'z')
                || (c >= 'A' && c <= 'Z')
                || (c >= '0' && c <= '9')
                || TOKEN_PUNCTUATION.indexOf(c) >= 0;
    }

    @Override
    public String toString() {
        return fields.toString();
    }
}
