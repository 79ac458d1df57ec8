package dev.weir.examples;

import dev.weir.examples.Chart.Point;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;

/** The runs as one HTML file without anything from elsewhere. */
final class Report {

    private static final String FRAME = Resources.text("report.html");

    private final Summary summary;
    private final String server;

    Report(Summary summary, String server) {
        this.summary = summary;
        this.server = server;
    }

    void write(Path file) throws IOException {
        Path directory = file.getParent();
        if (directory != null) {
            Files.createDirectories(directory);
        }
        Files.write(file, html().getBytes(StandardCharsets.UTF_8));
    }

    String html() {
        Result any = summary.results().get(0);
        return Resources.fill(
                FRAME,
                Map.of(
                        "title",
                        Text.format(
                                "%d requests leave %s s of work behind. Who has to wait?",
                                any.tasks(), Text.number(any.taskSeconds())),
                        "server",
                        Text.html(server),
                        "java",
                        Text.html(System.getProperty("java.version")),
                        "cores",
                        Integer.toString(Runtime.getRuntime().availableProcessors()),
                        "bars",
                        bars(),
                        "columns",
                        columns(),
                        "growth",
                        growth(),
                        "table",
                        table(),
                        "verdicts",
                        verdicts()));
    }

    // ------------------------------------------------------------------ the answer

    private String bars() {
        List<Result> shown = summary.results().stream()
                .filter(result -> result.setup() != Setup.RESIZED)
                .toList();
        StringBuilder html = new StringBuilder();
        bar(html, shown, "Slowest of the " + shown.get(0).tasks() + " answers", "/hello", Result::slowestAnswer);
        bar(html, shown, "Somebody else's quick request", "/fast, p99", result -> result.fast(0.99));
        bar(
                html,
                shown,
                "A streamed answer",
                "/stream",
                result -> result.stream().millis());
        bar(html, shown, "A file", "/file, 1 MiB", result -> result.file().millis());
        bar(
                html,
                shown,
                "An upload",
                "/upload, 3 MiB",
                result -> result.upload().millis());
        return html.toString();
    }

    private static void bar(
            StringBuilder html, List<Result> shown, String name, String path, ToDoubleFunction<Result> value) {
        double longest = shown.stream()
                .flatMapToDouble(result -> DoubleStream.of(
                        result.slowestAnswer(),
                        result.fast(0.99),
                        result.stream().millis(),
                        result.file().millis(),
                        result.upload().millis()))
                .max()
                .orElse(1);
        html.append("<div class=\"what\"><b>")
                .append(Text.html(name))
                .append("</b> <small>")
                .append(Text.html(path))
                .append("</small></div><div class=\"pair\">");
        for (Result result : shown) {
            double millis = value.applyAsDouble(result);
            html.append(Text.format(
                    "<div class=\"bar %s\"><i style=\"width:%.2f%%\"></i><span>%s</span></div>",
                    style(result), 75 * millis / longest, Text.millis(millis)));
        }
        html.append("</div>\n");
    }

    private static String style(Result result) {
        return result.setup() == Setup.SHARED ? "one" : "weir";
    }

    // ------------------------------------------------------------------ why

    private String columns() {
        List<Result> shown = summary.results().stream()
                .filter(result -> result.setup() != Setup.RESIZED)
                .toList();
        double maxX = max(shown, Result::workDone) * 1.02;
        double permits = max(shown, Report::mostPermits);
        double latency = max(shown, result -> Math.max(result.fast(1), dips(result)));
        StringBuilder html = new StringBuilder();
        for (Result result : shown) {
            html.append("<section class=\"column\"><h3 class=\"")
                    .append(style(result))
                    .append("\">")
                    .append(Text.html(result.setup().title()))
                    .append("</h3><p>")
                    .append(Text.html(
                            result.setup() == Setup.SHARED
                                    ? "The tasks take all 40 permits, and everything else queues behind them."
                                    : "The tasks fill their own limiter. The other three stay all but empty."))
                    .append("</p>\n")
                    .append(use(result, maxX, permits))
                    .append(latency(result, maxX, latency))
                    .append("</section>\n");
        }
        return html.toString();
    }

    private static double max(List<Result> results, ToDoubleFunction<Result> value) {
        return results.stream().mapToDouble(value).max().orElse(1);
    }

    private static double mostPermits(Result result) {
        return result.samples().stream()
                .flatMap(sample -> sample.limiters().stream())
                .mapToDouble(use -> Math.max(use.inUse(), use.waiting()))
                .max()
                .orElse(1);
    }

    private static double dips(Result result) {
        return Math.max(
                result.stream().millis(),
                Math.max(result.file().millis(), result.upload().millis()));
    }

    private static String use(Result result, double maxX, double maxY) {
        Chart chart = new Chart("Permits in use and waiting, over time", "permits", maxX, maxY);
        Map<String, List<Sample.Use>> byName = new TreeMap<>();
        List<Double> times = result.samples().stream().map(Sample::at).toList();
        List<String> names = new ArrayList<>();
        for (Sample sample : result.samples()) {
            for (Sample.Use use : sample.limiters()) {
                byName.computeIfAbsent(use.name(), name -> {
                            names.add(name);
                            return new ArrayList<>();
                        })
                        .add(use);
            }
        }
        // The fullest first, so that the others are drawn over it.
        names.sort((a, b) -> Integer.compare(sum(byName, b), sum(byName, a)));
        for (String name : names) {
            chart.area(
                    "c-" + name,
                    name + " in use",
                    points(times, byName.getOrDefault(name, List.of()), Sample.Use::inUse));
        }
        for (String name : names) {
            List<Sample.Use> uses = byName.getOrDefault(name, List.of());
            if (uses.stream().anyMatch(use -> use.waiting() > 5)) {
                chart.line("c-" + name, name + " waiting", points(times, uses, Sample.Use::waiting));
            }
        }
        return "<h4>Permits in use, and how many wait</h4>" + chart.html();
    }

    private static int sum(Map<String, List<Sample.Use>> uses, String name) {
        return uses.getOrDefault(name, List.of()).stream()
                .mapToInt(Sample.Use::inUse)
                .sum();
    }

    private static List<Point> points(List<Double> times, List<Sample.Use> uses, ToDoubleFunction<Sample.Use> value) {
        List<Point> points = new ArrayList<>();
        for (int i = 0; i < Math.min(times.size(), uses.size()); i++) {
            points.add(new Point(times.get(i), value.applyAsDouble(uses.get(i))));
        }
        return points;
    }

    private static String latency(Result result, double maxX, double maxY) {
        Chart chart = new Chart("How long requests took, by when they were sent", "milliseconds", maxX, maxY);
        chart.dots(
                style(result),
                "/fast (5 ms of work), one dot a request",
                result.fast().stream()
                        .map(answer -> new Point(answer.at(), answer.millis()))
                        .toList());
        double longest = dips(result);
        chart.label(
                "dip",
                new Point(result.stream().at(), longest),
                "/stream, /file and /upload: at most " + Text.millis(longest));
        return "<h4>How long others wait for an answer</h4>" + chart.html();
    }

    // ------------------------------------------------------------------ growing

    private String growth() {
        Optional<Result> fixed = summary.of(Setup.WEIR);
        Optional<Result> resized = summary.of(Setup.RESIZED);
        if (fixed.isEmpty() || resized.isEmpty()) {
            return "";
        }
        List<Result> both = List.of(fixed.get(), resized.get());
        double maxX = max(both, Result::workDone) * 1.02;
        Chart chart = new Chart(
                "Background tasks started, over time",
                "running number",
                maxX,
                fixed.get().tasks() * 1.1);
        chart.line("plain", "capacity 40", starts(fixed.get(), maxX));
        chart.line("weir", "resize(100) while it runs", starts(resized.get(), maxX));
        resized.get().resizedAt().ifPresent(at -> chart.moment(at, "resize(100)"));
        for (int wave : fixed.get().waves()) {
            label(chart, fixed.get(), "plain", wave);
        }
        label(chart, resized.get(), "weir", resized.get().taskStarts().size());
        return "<h2>More at once, while it runs</h2>\n<div class=\"growth\"><div class=\"single\"><h4>Background tasks started so"
                + " far</h4>" + chart.html()
                + "</div>\n<p>After <code>resize(100)</code> the waiting tasks started within <b>"
                + Text.millis(resized.get().admittedAfterResize()) + "</b>, and all work was done after <b>"
                + Text.seconds(resized.get().workDone()) + "</b> instead of "
                + Text.seconds(fixed.get().workDone())
                + ". Nothing was restarted, and no request had to come again.</p></div>";
    }

    private static void label(Chart chart, Result result, String style, int number) {
        if (number > 0) {
            chart.label(style, new Point(result.taskStarts().get(number - 1), number), Integer.toString(number));
        }
    }

    private static List<Point> starts(Result result, double maxX) {
        List<Point> points = new ArrayList<>();
        points.add(new Point(0, 0));
        for (int i = 0; i < result.taskStarts().size(); i++) {
            points.add(new Point(result.taskStarts().get(i), i + 1));
        }
        points.add(new Point(maxX, result.taskStarts().size()));
        return points;
    }

    // ------------------------------------------------------------------ the figures

    private String table() {
        StringBuilder html = new StringBuilder("<table><thead><tr><th></th>");
        for (Result result : summary.results()) {
            html.append("<th>").append(Text.html(result.setup().brief())).append("</th>");
        }
        html.append("</tr></thead><tbody>\n");
        for (Summary.Row row : summary.rows()) {
            html.append("<tr><th>").append(Text.html(row.name())).append("</th>");
            for (String value : row.values()) {
                html.append("<td>").append(Text.html(value)).append("</td>");
            }
            html.append("</tr>\n");
        }
        return html.append("</tbody></table>").toString();
    }

    private String verdicts() {
        List<Summary.Verdict> verdicts = summary.verdicts();
        if (verdicts.isEmpty()) {
            return "";
        }
        StringBuilder html = new StringBuilder("<h3>Targets for Weir's defaults</h3><ul class=\"verdicts\">\n");
        for (Summary.Verdict verdict : verdicts) {
            html.append(Text.format(
                    "<li class=\"%s\"><b>%s</b> %s: %s</li>%n",
                    verdict.passed() ? "pass" : "fail",
                    verdict.passed() ? "PASS" : "FAIL",
                    Text.html(verdict.target()),
                    Text.html(verdict.measured())));
        }
        return html.append("</ul>").toString();
    }
}
