package dev.weir.examples;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;

/** The runs side by side, and whether the figures are what they should be. */
final class Summary {

    private static final double ANSWER_LIMIT = 1000;
    private static final double FAST_LIMIT = 100;
    private static final double DIP_LIMIT = 500;
    private static final double RESIZE_LIMIT = 250;

    /**
     * A line of the table.
     *
     * @param name what was measured
     * @param values what came out, one for each run
     */
    record Row(String name, List<String> values) {}

    /**
     * A figure and its target.
     *
     * @param passed whether it was met
     * @param target what is asked for
     * @param measured what came out
     */
    record Verdict(boolean passed, String target, String measured) {
        @Override
        public String toString() {
            return (passed ? "PASS  " : "FAIL  ") + target + ": " + measured;
        }
    }

    private final List<Result> results;

    Summary(List<Result> results) {
        this.results = List.copyOf(results);
    }

    List<Result> results() {
        return results;
    }

    Optional<Result> of(Setup setup) {
        return results.stream().filter(result -> result.setup() == setup).findFirst();
    }

    List<Row> rows() {
        List<Row> rows = new ArrayList<>();
        rows.add(row("slowest answer of /hello", result -> Text.millis(result.slowestAnswer())));
        rows.add(row("/fast (5 ms) before the load, p99", result -> Text.millis(result.idle(0.99))));
        rows.add(row("/fast (5 ms), p50", result -> Text.millis(result.fast(0.50))));
        rows.add(row("/fast (5 ms), p99", result -> Text.millis(result.fast(0.99))));
        rows.add(row("/stream", result -> Text.millis(result.stream().millis())));
        rows.add(row("/file, 1 MiB", result -> Text.millis(result.file().millis())));
        rows.add(row("/upload, 3 MiB", result -> Text.millis(result.upload().millis())));
        rows.add(row("background work done after", result -> Text.seconds(result.workDone())));
        rows.add(row("running numbers, wave by wave", Result::wavesText));
        rows.add(row("requests without a good answer", result -> Long.toString(result.failures())));
        return rows;
    }

    private Row row(String name, Function<Result, String> value) {
        return new Row(name, results.stream().map(value).toList());
    }

    String table() {
        List<Row> lines = new ArrayList<>();
        lines.add(new Row(
                "", results.stream().map(result -> result.setup().brief()).toList()));
        lines.addAll(rows());
        int names = lines.stream().mapToInt(row -> row.name().length()).max().orElse(0);
        StringBuilder table = new StringBuilder();
        for (Row line : lines) {
            table.append(Text.format("  %-" + names + "s", line.name()));
            for (String value : line.values()) {
                table.append(Text.format("  %20s", value));
            }
            table.append(System.lineSeparator());
        }
        return table.toString();
    }

    /** What Weir promises for this load; empty when it was not run. */
    List<Verdict> verdicts() {
        List<Verdict> verdicts = new ArrayList<>();
        of(Setup.WEIR).ifPresent(weir -> {
            verdicts.add(below("slowest answer of /hello", ANSWER_LIMIT, weir.slowestAnswer()));
            verdicts.add(new Verdict(
                    weir.waves().equals(expectedWaves(weir.tasks())),
                    "running numbers " + expectedWaves(weir.tasks()),
                    weir.waves().toString()));
            verdicts.add(below("p99 of /fast", FAST_LIMIT, weir.fast(0.99)));
            verdicts.add(below("/stream", DIP_LIMIT, weir.stream().millis()));
            verdicts.add(below("/file, 1 MiB", DIP_LIMIT, weir.file().millis()));
            verdicts.add(below("/upload, 3 MiB", DIP_LIMIT, weir.upload().millis()));
            verdicts.add(new Verdict(
                    weir.failures() == 0,
                    "every request answered with 200",
                    weir.failures() == 0 ? "yes" : weir.failures() + " were not"));
        });
        of(Setup.RESIZED)
                .filter(resized -> resized.tasks() > 40)
                .ifPresent(resized -> verdicts.add(below(
                        "resize(100) starts the waiting " + (Math.min(100, resized.tasks()) - 40),
                        RESIZE_LIMIT,
                        resized.admittedAfterResize())));
        return verdicts;
    }

    /** What to think of missed figures, if the machine was slow before the load began. */
    Optional<String> excuse() {
        double idle =
                results.stream().mapToDouble(result -> result.idle(0.99)).max().orElse(0);
        return idle < FAST_LIMIT / 2
                ? Optional.empty()
                : Optional.of("The machine is busy with something else: /fast took up to " + Text.millis(idle)
                        + " before any load.");
    }

    /** Whether any figure missed its target. */
    boolean missed() {
        return verdicts().stream().anyMatch(verdict -> !verdict.passed());
    }

    private static Verdict below(String name, double limit, double millis) {
        return new Verdict(millis < limit, name + " under " + Text.millis(limit), Text.millis(millis));
    }

    /** Forty at a time. */
    private static List<Integer> expectedWaves(int tasks) {
        List<Integer> waves = new ArrayList<>();
        for (int reached = 40; reached < tasks; reached += 40) {
            waves.add(reached);
        }
        waves.add(tasks);
        return waves;
    }
}
