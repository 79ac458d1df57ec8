package dev.weir.examples;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Reads JSON strictly: what is not well-formed fails the test. */
final class Json {

    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** A value: maps, lists, strings, doubles, booleans and null. */
    record Value(@Nullable Object value) {

        Value get(String name) {
            Map<?, ?> map = (Map<?, ?>) Objects.requireNonNull(value);
            if (!map.containsKey(name)) {
                throw new AssertionError("no " + name + " in " + map.keySet());
            }
            return new Value(map.get(name));
        }

        boolean has(String name) {
            return ((Map<?, ?>) Objects.requireNonNull(value)).containsKey(name);
        }

        List<Value> list() {
            List<Value> values = new ArrayList<>();
            ((List<?>) Objects.requireNonNull(value)).forEach(item -> values.add(new Value(item)));
            return values;
        }

        String string() {
            return (String) Objects.requireNonNull(value);
        }

        double number() {
            return (Double) Objects.requireNonNull(value);
        }

        boolean is() {
            return (Boolean) Objects.requireNonNull(value);
        }

        /** The first of a list whose field has the value. */
        Value with(String name, String wanted) {
            return list().stream()
                    .filter(item -> item.get(name).string().equals(wanted))
                    .findFirst()
                    .orElseThrow(() -> new AssertionError("none with " + name + " " + wanted + " in " + value));
        }
    }

    static Value parse(String text) {
        Json json = new Json(text);
        Value value = new Value(json.value());
        json.skip();
        json.expect(json.at == text.length(), "the end");
        return value;
    }

    private @Nullable Object value() {
        skip();
        return switch (peek()) {
            case '{' -> object();
            case '[' -> array();
            case '"' -> string();
            default -> word();
        };
    }

    private @Nullable Object word() {
        int begin = at;
        while (at < text.length() && ",]} \n\r\t".indexOf(text.charAt(at)) < 0) {
            at++;
        }
        String word = text.substring(begin, at);
        return switch (word) {
            case "true" -> true;
            case "false" -> false;
            case "null" -> null;
            default -> number(word);
        };
    }

    private Double number(String word) {
        expect(word.matches("-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?"), "a value instead of '" + word + "'");
        return Double.valueOf(word);
    }

    private Map<String, @Nullable Object> object() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        at++;
        skip();
        while (peek() != '}') {
            skip();
            String name = string();
            skip();
            expect(peek() == ':', "a colon");
            at++;
            expect(!map.containsKey(name), "no second " + name);
            map.put(name, value());
            next('}');
        }
        at++;
        return map;
    }

    private List<@Nullable Object> array() {
        List<@Nullable Object> list = new ArrayList<>();
        at++;
        skip();
        while (peek() != ']') {
            list.add(value());
            next(']');
        }
        at++;
        return list;
    }

    /** Past a comma that something follows, or in front of the end. */
    private void next(char end) {
        skip();
        if (peek() == ',') {
            at++;
            skip();
            expect(peek() != end, "a value after the comma");
        } else {
            expect(peek() == end, "a comma or " + end);
        }
    }

    private String string() {
        expect(peek() == '"', "a string");
        StringBuilder string = new StringBuilder();
        at++;
        while (peek() != '"') {
            char c = text.charAt(at++);
            expect(c >= ' ', "no control character in a string");
            if (c != '\\') {
                string.append(c);
                continue;
            }
            char escaped = text.charAt(at++);
            switch (escaped) {
                case 'b' -> string.append('\b');
                case 'f' -> string.append('\f');
                case 'n' -> string.append('\n');
                case 'r' -> string.append('\r');
                case 't' -> string.append('\t');
                case 'u' -> {
                    string.append((char) Integer.parseInt(text.substring(at, at + 4), 16));
                    at += 4;
                }
                default -> {
                    expect("\"\\/".indexOf(escaped) >= 0, "an escape of JSON");
                    string.append(escaped);
                }
            }
        }
        at++;
        return string.toString();
    }

    private void skip() {
        while (at < text.length() && " \n\r\t".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private char peek() {
        expect(at < text.length(), "more");
        return text.charAt(at);
    }

    private void expect(boolean as, String what) {
        if (!as) {
            throw new AssertionError("expected " + what + " at " + at + " of " + text);
        }
    }
}
