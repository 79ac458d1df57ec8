package dev.weir.limiter.page;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;

/**
 * The past of one number as a small picture in SVG. Time is cut into columns at fixed moments; each shows the highest number
 * there was in it, so that no peak is lost.
 */
final class Plot {

    private static final int COLUMNS = 150;
    private static final int HEIGHT = 40;
    private static final double NOT_YET = -1;

    /** From one look to the next is a second; what happened since the last tick is known when the next has passed. */
    private static final double LEAST_SECONDS = 0.5;

    private final long width; // of a column, in nanoseconds
    private final int columns;
    private final List<Sample> samples = new ArrayList<>();
    private final long last; // the column of now

    /**
     * A picture.
     *
     * @param seconds how far it goes back
     * @param past samples, oldest first
     * @param now the last of all
     */
    Plot(int seconds, List<Sample> past, Sample now) {
        this.columns = Math.max(1, Math.min(COLUMNS, seconds / 2));
        this.width = seconds * 1_000_000_000L / columns;
        this.last = Math.floorDiv(now.nanos(), width);
        samples.addAll(past);
        samples.add(now);
    }

    /** The highest number of each column, carried on where there was no sample. */
    double[] columns(ToDoubleFunction<Sample> number) {
        double[] values = new double[columns];
        Arrays.fill(values, NOT_YET);
        for (Sample sample : samples) {
            int column = column(sample);
            if (column >= 0 && column < columns) {
                values[column] = Math.max(values[column], number.applyAsDouble(sample));
            }
        }
        for (int i = 1; i < columns; i++) {
            if (values[i] == NOT_YET) {
                values[i] = values[i - 1];
            }
        }
        return values;
    }

    /** As {@link #columns}, of a total: by how much it grew each second. */
    double[] growth(ToDoubleFunction<Sample> total) {
        double[] values = columns(sample -> 0);
        for (int i = 1; i < samples.size(); i++) {
            Sample sample = samples.get(i);
            Sample before = samples.get(i - 1);
            int column = column(sample);
            double seconds = sample.secondsSince(before);
            if (column >= 0 && column < columns && seconds >= LEAST_SECONDS) {
                double rate = (total.applyAsDouble(sample) - total.applyAsDouble(before)) / seconds;
                values[column] = Math.max(values[column], rate);
            }
        }
        return values;
    }

    private int column(Sample sample) {
        return (int) (columns - 1 - (last - Math.floorDiv(sample.nanos(), width)));
    }

    static double highest(double[] values) {
        return Math.max(0, Arrays.stream(values).max().orElse(0));
    }

    /** The picture without a limit. */
    String svg(double[] values) {
        return svg(values, new double[0], highest(values));
    }

    /** The picture: the space below the values and, dashed, a limit; shaded as far back as anything is known. */
    String svg(double[] values, double[] limit, double top) {
        int begin = 0;
        while (begin < columns && values[begin] == NOT_YET) {
            begin++;
        }
        return "<svg class=\"plot\" viewBox=\"0 0 " + columns + " " + HEIGHT
                + "\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"known\" x=\"" + begin
                + "\" width=\"" + (columns - begin) + "\" height=\"" + HEIGHT + "\"/>"
                + (highest(values) > 0 ? path("area", values, begin, top, true) : "")
                + (limit.length > 0 ? path("limit", limit, begin, top, false) : "") + "</svg>";
    }

    private static String path(String style, double[] values, int begin, double top, boolean closed) {
        StringBuilder path = new StringBuilder();
        double before = NOT_YET;
        for (int i = begin; i < values.length; i++) {
            if (values[i] != before) {
                String y = y(values[i], top);
                if (!path.isEmpty()) {
                    path.append('H').append(i).append('V').append(y);
                } else if (closed) {
                    path.append('M')
                            .append(i)
                            .append(' ')
                            .append(HEIGHT)
                            .append('V')
                            .append(y);
                } else {
                    path.append('M').append(i).append(' ').append(y);
                }
                before = values[i];
            }
        }
        path.append('H').append(values.length);
        if (closed) {
            path.append('V').append(HEIGHT);
        }
        return "<path class=\"" + style + "\" d=\"" + path + "\"/>";
    }

    private static String y(double value, double top) {
        // Room for the line itself at the upper edge.
        return String.format(Locale.ROOT, "%.1f", top == 0 ? HEIGHT : HEIGHT - (HEIGHT - 2) * Math.min(1, value / top));
    }
}
