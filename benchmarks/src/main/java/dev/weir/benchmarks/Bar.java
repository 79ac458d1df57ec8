package dev.weir.benchmarks;

/**
 * A bar of a plot.
 *
 * @param label what it stands for
 * @param value how long it is
 * @param low from here
 * @param high to here, the value was seen or is to be expected
 * @param isOurs whether it is Weir's
 */
public record Bar(String label, double value, double low, double high, boolean isOurs) {

    /** A value of which no spread is known. */
    public static Bar exact(String label, double value, boolean isOurs) {
        return new Bar(label, value, value, value, isOurs);
    }
}
