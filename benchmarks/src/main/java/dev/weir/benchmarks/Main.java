package dev.weir.benchmarks;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.NoBenchmarksException;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * Runs the benchmarks and writes what {@code docs/benchmarks.md} is made of: a table and a plot each. Every argument is a
 * regular expression that names benchmarks; without any, all are run, and {@link Iterations} and {@link Scale}, which can also be
 * named. {@code quick} only tries whether they work.
 */
final class Main {

    private static final String QUICK = "quick";
    private static final List<String> MEASURED = List.of("Iterations", "Scale"); // without JMH

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        List<String> chosen = new ArrayList<>(List.of(arguments));
        boolean quick = chosen.remove(QUICK);
        List<String> patterns =
                chosen.stream().filter(name -> !MEASURED.contains(name)).toList();
        Report report = new Report("report.md");
        if (chosen.isEmpty() || !patterns.isEmpty()) {
            Map<Group, List<Score>> groups = run(patterns, quick);
            if (groups.isEmpty()) {
                throw new IllegalArgumentException("No benchmark is called " + patterns + ": expected parts of names of"
                        + " those in this package, such as AcquireBenchmark, or of " + MEASURED + ", and perhaps "
                        + QUICK);
            }
            for (Map.Entry<Group, List<Score>> entry : groups.entrySet()) {
                write(report, entry.getKey(), entry.getValue());
            }
        }
        if (chosen.isEmpty() || chosen.contains("Iterations")) {
            report.add(Iterations.measure(quick));
        }
        if (chosen.isEmpty() || chosen.contains("Scale")) {
            report.add(Scale.measure());
        }
        report.end();
    }

    private static void write(Report report, Group group, List<Score> scores) throws IOException {
        scores.sort(Score.FASTEST_FIRST);
        report.add(Table.of(group, scores));
        String note = group.unit + ", and its 99.9 % confidence interval; " + (group.isTime() ? "shorter" : "longer")
                + " is better";
        List<Bar> bars = scores.stream().map(Score::bar).toList();
        report.add(group.fileName + ".svg", group.title, Plot.of(group.title, note, bars));
    }

    private static Map<Group, List<Score>> run(List<String> patterns, boolean quick) throws RunnerException {
        Map<Group, List<Score>> groups = new EnumMap<>(Group.class);
        for (int threads = 1; threads <= 2; threads++) {
            ChainedOptionsBuilder options = new OptionsBuilder()
                    .threads(threads)
                    .shouldFailOnError(true)
                    .jvmArgsAppend("-Xmx2g");
            patterns.forEach(options::include);
            if (Runtime.version().feature() < 21) {
                options.exclude("[vV]irtual").exclude("helidon");
            }
            if (threads > 1) { // the others bring threads of their own, or compare nobody
                options.exclude("RunBenchmark").exclude("IterateBenchmark").exclude("WatchingBenchmark");
            }
            if (quick) {
                options.forks(1).warmupIterations(1).measurementIterations(2);
            }
            for (RunResult result : results(options)) {
                Score score = Score.of(result);
                groups.computeIfAbsent(score.group(), group -> new ArrayList<>())
                        .add(score);
            }
        }
        return groups;
    }

    private static Collection<RunResult> results(ChainedOptionsBuilder options) throws RunnerException {
        try {
            return new Runner(options.build()).run();
        } catch (NoBenchmarksException e) {
            return List.of(); // the arguments name none for this number of threads
        }
    }
}
