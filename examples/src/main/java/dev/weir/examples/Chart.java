package dev.weir.examples;

import java.util.ArrayList;
import java.util.List;

/** A plot of values over time, as SVG inside HTML. Colours are CSS classes of the page around it. */
final class Chart {

    private static final int WIDTH = 560;
    private static final int HEIGHT = 250;
    private static final int LEFT = 56;
    private static final int RIGHT = 14;
    private static final int TOP = 14;
    private static final int BOTTOM = 40;

    /** A point of a line: seconds, and a value. */
    record Point(double x, double y) {}

    private final String title;
    private final String unit;
    private final double maxX;
    private final double maxY;
    private final StringBuilder shapes = new StringBuilder();
    private final List<String> legend = new ArrayList<>();

    /**
     * An empty chart.
     *
     * @param title for those who cannot see it
     * @param unit what the vertical axis shows
     * @param maxX the end of the horizontal axis, in seconds
     * @param maxY the least value that has to fit
     */
    Chart(String title, String unit, double maxX, double maxY) {
        this.title = title;
        this.unit = unit;
        this.maxX = maxX;
        this.maxY = roundUp(maxY);
    }

    /** The next of 1, 2, 2.5, 5, 10 and so on that is large enough for four steps of the axis. */
    private static double roundUp(double value) {
        double step = step(Math.max(value, 1), 4);
        return Math.ceil(Math.max(value, 1) / step) * step;
    }

    private static double step(double range, int steps) {
        double rough = range / steps;
        double magnitude = Math.pow(10, Math.floor(Math.log10(rough)));
        for (double factor : new double[] {1, 2, 2.5, 5}) {
            if (factor * magnitude >= rough) {
                return factor * magnitude;
            }
        }
        return 10 * magnitude;
    }

    /** The space below values that stay until the next one. */
    Chart area(String style, String name, List<Point> points) {
        shapes.append("<path class=\"area ").append(style).append("\" d=\"").append(steps(points));
        if (!points.isEmpty()) {
            shapes.append(Text.format(
                    "L%.1f %.1f", x(points.get(points.size() - 1).x()), y(0)));
            shapes.append(Text.format("L%.1f %.1fZ", x(points.get(0).x()), y(0)));
        }
        shapes.append("\"/>");
        return explain("area " + style, name);
    }

    /** Values that stay until the next one. */
    Chart line(String style, String name, List<Point> points) {
        shapes.append("<path class=\"line ")
                .append(style)
                .append("\" d=\"")
                .append(steps(points))
                .append("\"/>");
        return explain("line " + style, name);
    }

    Chart dots(String style, String name, List<Point> points) {
        for (Point point : points) {
            shapes.append(Text.format(
                    "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.4\"/>", style, x(point.x()), y(point.y())));
        }
        return explain("area " + style, name);
    }

    /** A single point with a word beside it. */
    Chart label(String style, Point point, String text) {
        boolean late = point.x() > 0.75 * maxX;
        shapes.append(Text.format(
                "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>", style, x(point.x()), y(point.y())));
        shapes.append(Text.format(
                "<text class=\"label\" x=\"%.1f\" y=\"%.1f\"%s>%s</text>",
                x(point.x()) + (late ? -8 : 8),
                y(point.y()) - 6 < TOP + 6 ? TOP + 10 : y(point.y()) - 6,
                late ? " text-anchor=\"end\"" : "",
                Text.html(text)));
        return this;
    }

    /** A moment at which something was done. */
    Chart moment(double at, String text) {
        shapes.append(Text.format(
                "<path class=\"moment\" d=\"M%.1f %dV%d\"/><text class=\"label\" x=\"%.1f\" y=\"%d\">%s</text>",
                x(at), TOP, HEIGHT - BOTTOM, x(at) + 5, HEIGHT - BOTTOM - 8, Text.html(text)));
        return this;
    }

    private Chart explain(String style, String name) {
        legend.add("<span><svg width=\"22\" height=\"12\" aria-hidden=\"true\">"
                + (style.startsWith("area")
                        ? "<rect class=\"" + style + "\" x=\"1\" y=\"1\" width=\"20\" height=\"10\"/>"
                        : "<path class=\"" + style + "\" d=\"M1 6H21\"/>")
                + "</svg>" + Text.html(name) + "</span>");
        return this;
    }

    String html() {
        StringBuilder svg = new StringBuilder("<figure class=\"chart\"><div class=\"legend\">")
                .append(String.join("", legend))
                .append("</div>")
                .append(Text.format(
                        "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">", WIDTH, HEIGHT, Text.html(title)));
        double stepY = step(maxY, 4);
        for (double value = 0; value <= maxY + stepY / 100; value += stepY) {
            svg.append(Text.format(
                    "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text class=\"axis\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f</text>",
                    LEFT, y(value), WIDTH - RIGHT, LEFT - 7, y(value) + 4, value));
        }
        double stepX = step(maxX, 7);
        for (double second = 0; second <= maxX + stepX / 100; second += stepX) {
            svg.append(Text.format(
                    "<path class=\"grid\" d=\"M%.1f %dv5\"/><text class=\"axis\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s s</text>",
                    x(second), HEIGHT - BOTTOM, x(second), HEIGHT - BOTTOM + 18, trimmed(second)));
        }
        svg.append(Text.format(
                "<text class=\"axis\" transform=\"translate(13 %d) rotate(-90)\" text-anchor=\"middle\">%s</text>",
                (TOP + HEIGHT - BOTTOM) / 2, Text.html(unit)));
        return svg.append(shapes).append("</svg></figure>\n").toString();
    }

    /** Without decimals that say nothing. */
    private static String trimmed(double second) {
        return Text.format("%.2f", second).replaceAll("\\.?0+$", "");
    }

    private String steps(List<Point> points) {
        StringBuilder path = new StringBuilder();
        for (Point point : points) {
            path.append(
                    path.isEmpty()
                            ? Text.format("M%.1f %.1f", x(point.x()), y(point.y()))
                            : Text.format("H%.1fV%.1f", x(point.x()), y(point.y())));
        }
        return path.toString();
    }

    private double x(double seconds) {
        return LEFT + Math.max(0, Math.min(1, seconds / maxX)) * (WIDTH - LEFT - RIGHT);
    }

    private double y(double value) {
        return HEIGHT - BOTTOM - Math.max(0, Math.min(1, value / maxY)) * (HEIGHT - TOP - BOTTOM);
    }
}
