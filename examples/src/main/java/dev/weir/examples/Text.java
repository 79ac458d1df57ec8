package dev.weir.examples;

import java.util.Locale;

/** Turns values into text, for people and for machines. */
final class Text {

    private Text() {}

    /** As {@link String#format}, the same in every country. */
    @SuppressWarnings("AnnotateFormatMethod") // the annotation is not worth a dependency
    static String format(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }

    /** Milliseconds without decimals, or with one where that matters. */
    static String millis(double millis) {
        return format(millis < 9.95 ? "%.1f ms" : "%.0f ms", millis);
    }

    static String seconds(double seconds) {
        return format("%.1f s", seconds);
    }

    /** Seconds as the user would type them: 2, not 2.0. */
    static String number(double number) {
        return number == Math.rint(number) ? format("%.0f", number) : format("%s", number);
    }

    /** Text for HTML and XML, inside elements and quoted attributes. */
    static String html(String text) {
        StringBuilder escaped = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '&' -> escaped.append("&amp;");
                case '<' -> escaped.append("&lt;");
                case '>' -> escaped.append("&gt;");
                case '"' -> escaped.append("&quot;");
                case '\'' -> escaped.append("&#39;");
                default -> escaped.append(c);
            }
        }
        return escaped.toString();
    }
}
