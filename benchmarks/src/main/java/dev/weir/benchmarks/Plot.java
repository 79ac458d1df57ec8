package dev.weir.benchmarks;

import java.util.List;
import java.util.Locale;

/** Scores of one group as bars. */
final class Plot {

    private static final int WIDTH = 720;
    private static final int LABELS = 260;
    private static final int ROW = 26;
    private static final int TOP = 40;

    private Plot() {}

    static String of(String title, List<Score> fastestFirst) {
        int height = TOP + ROW * fastestFirst.size() + 10;
        double most = fastestFirst.stream().mapToDouble(Score::score).max().orElse(1);
        StringBuilder svg = new StringBuilder();
        line(
                svg,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\">",
                WIDTH,
                height);
        line(svg, "<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>", WIDTH, height);
        line(
                svg,
                "<text x=\"10\" y=\"24\" font-size=\"15\">%s, %s: longer is faster</text>",
                title,
                fastestFirst.get(0).unit());
        int y = TOP;
        for (Score score : fastestFirst) {
            double length = (WIDTH - LABELS - 90) * score.score() / most;
            line(svg, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>", LABELS - 8, y + 16, score.name());
            line(
                    svg,
                    "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>",
                    LABELS,
                    y + 3,
                    length,
                    ROW - 8,
                    score.isOurs() ? "#1f6feb" : "#9aa4af");
            line(svg, "<text x=\"%.1f\" y=\"%d\">%.2f</text>", LABELS + length + 6, y + 16, score.score());
            y += ROW;
        }
        return svg.append("</svg>\n").toString();
    }

    @SuppressWarnings("AnnotateFormatMethod") // the annotation would be a dependency
    private static void line(StringBuilder svg, String format, Object... values) {
        svg.append(String.format(Locale.ROOT, format, values)).append('\n');
    }
}
