package dev.weir.benchmarks;

import java.util.Locale;

/** Numbers as people read them. */
public final class Numbers {

    private Numbers() {}

    /** With two or three digits that mean something; "–" when there is none. */
    public static String brief(double value) {
        double size = Math.abs(value);
        if (Double.isNaN(value)) {
            return "–";
        } else if (size >= 99.5) {
            return String.format(Locale.ROOT, "%,.0f", value);
        } else if (size >= 9.95) {
            return String.format(Locale.ROOT, "%.0f", value);
        } else if (size >= 0.995) {
            return String.format(Locale.ROOT, "%.1f", value);
        }
        return String.format(Locale.ROOT, "%.2f", value);
    }
}
