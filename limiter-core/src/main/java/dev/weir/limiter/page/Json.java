package dev.weir.limiter.page;

import java.util.Locale;
import java.util.OptionalLong;

/** Writes JSON. */
final class Json {

    private final StringBuilder text = new StringBuilder(4096);
    private boolean first = true;

    /** Begins an object or an array. */
    Json open(char bracket) {
        separate();
        text.append(bracket);
        first = true;
        return this;
    }

    Json close(char bracket) {
        text.append(bracket);
        first = false;
        return this;
    }

    /** The name of what comes next. */
    Json name(String name) {
        separate();
        quote(name);
        text.append(": ");
        first = true;
        return this;
    }

    Json value(String value) {
        separate();
        quote(value);
        return this;
    }

    Json value(long value) {
        return raw(Long.toString(value));
    }

    Json value(boolean value) {
        return raw(Boolean.toString(value));
    }

    /** With three decimals. */
    Json value(double value) {
        return raw(String.format(Locale.ROOT, "%.3f", value));
    }

    /** Null when there is none. */
    Json value(OptionalLong value) {
        return value.isPresent() ? value(value.getAsLong()) : raw("null");
    }

    private Json raw(String value) {
        separate();
        text.append(value);
        return this;
    }

    private void separate() {
        if (!first) {
            text.append(", ");
        }
        first = false;
    }

    private void quote(String value) {
        text.append('"');
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c == '"' || c == '\\') {
                text.append('\\').append(c);
            } else if (c < ' ' || Character.isSurrogate(c)) {
                text.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                text.append(c);
            }
        }
        text.append('"');
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
