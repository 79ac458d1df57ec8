package dev.weir.benchmarks;

import java.util.List;
import java.util.Locale;

/** Bars with error bars, as SVG. The colours follow the reader's choice of a light or a dark scheme, the ground too. */
public final class Plot {

    private static final int WIDTH = 760;
    private static final double CHARACTER = 7.2;
    private static final int VALUES = 80;
    private static final int ROW = 26;
    private static final int TOP = 58;
    private static final int BOTTOM = 12;

    private static final String STYLE = """
            <style>
              text { font: 13px system-ui, sans-serif; fill: #1f2328 }
              .title { font-size: 15px; font-weight: 600 }
              .note, .value { fill: #59636e }
              .ground { fill: #ffffff }
              .weir { fill: #0969da }
              .label-weir { font-weight: 600 }
              .peer { fill: #afb8c1 }
              .spread { stroke: #1f2328; stroke-width: 1.5; fill: none }
              @media (prefers-color-scheme: dark) {
                text { fill: #f0f6fc }
                .note, .value { fill: #9198a1 }
                .ground { fill: #0d1117 }
                .weir { fill: #4493f8 }
                .peer { fill: #59636e }
                .spread { stroke: #f0f6fc }
              }
            </style>
            """;

    private Plot() {}

    /**
     * Draws bars.
     *
     * @param title what is measured
     * @param note the unit, and which way is better
     */
    public static String of(String title, String note, List<Bar> bars) {
        int height = TOP + ROW * bars.size() + BOTTOM;
        double most = bars.stream().mapToDouble(Bar::high).max().orElse(1);
        int labels = 24
                + (int) (CHARACTER
                        * bars.stream()
                                .mapToInt(bar -> bar.label().length())
                                .max()
                                .orElse(0));
        double scale = (WIDTH - labels - VALUES) / Math.max(most, Double.MIN_NORMAL);
        StringBuilder svg = new StringBuilder();
        line(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\">", WIDTH, height);
        line(svg, "<title>%s, %s</title>", escaped(title), escaped(note));
        svg.append(STYLE);
        line(svg, "<rect class=\"ground\" width=\"%d\" height=\"%d\" rx=\"6\"/>", WIDTH, height);
        line(svg, "<text class=\"title\" x=\"12\" y=\"24\">%s</text>", escaped(title));
        line(svg, "<text class=\"note\" x=\"12\" y=\"43\">%s</text>", escaped(note));
        int y = TOP;
        for (Bar bar : bars) {
            draw(svg, bar, labels, y, scale);
            y += ROW;
        }
        return svg.append("</svg>\n").toString();
    }

    private static void draw(StringBuilder svg, Bar bar, int labels, int y, double scale) {
        double end = labels + bar.value() * scale;
        double from = labels + Math.max(0, bar.low()) * scale;
        double to = labels + bar.high() * scale;
        int middle = y + ROW / 2;
        line(
                svg,
                "<text class=\"label-%s\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>",
                kind(bar),
                labels - 8,
                middle + 5,
                escaped(bar.label()));
        line(
                svg,
                "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>",
                kind(bar),
                labels,
                y + 4,
                Math.max(1, end - labels),
                ROW - 8);
        if (bar.high() > bar.low()) {
            line(svg, "<path class=\"spread\" d=\"M%.1f %d v8 m0 -4 H%.1f m0 -4 v8\"/>", from, middle - 4, to);
        }
        line(
                svg,
                "<text class=\"value\" x=\"%.1f\" y=\"%d\">%s</text>",
                Math.max(end, to) + 7,
                middle + 5,
                Numbers.brief(bar.value()));
    }

    private static String kind(Bar bar) {
        return bar.isOurs() ? "weir" : "peer";
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }

    @SuppressWarnings("AnnotateFormatMethod") // the annotation would be a dependency
    private static void line(StringBuilder svg, String format, Object... values) {
        svg.append(String.format(Locale.ROOT, format, values)).append('\n');
    }
}
