package dev.weir.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.NoBenchmarksException;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * Runs the benchmarks and writes what {@code docs/benchmarks.md} is made of: a table and a plot each, into {@code
 * target/report}. Every argument is a regular expression that names benchmarks; without any, all are run, and {@link Scale}.
 */
final class Main {

    private Main() {}

    public static void main(String[] arguments) throws RunnerException, IOException {
        Path folder = Files.createDirectories(Path.of("target", "report"));
        StringBuilder text = new StringBuilder();
        text.append("Java ").append(Runtime.version()).append(", ");
        text.append(Runtime.getRuntime().availableProcessors()).append(" processors\n");
        for (Map.Entry<String, List<Score>> group : run(arguments).entrySet()) {
            List<Score> scores = group.getValue();
            text.append('\n').append(Table.of(group.getKey(), scores));
            Files.writeString(
                    folder.resolve(group.getKey().replace(' ', '-') + ".svg"), Plot.of(group.getKey(), scores));
        }
        if (arguments.length == 0) {
            text.append('\n').append(Scale.measure());
        }
        Files.writeString(folder.resolve("report.md"), text);
        System.out.println(text);
        System.out.println("Written to " + folder.toAbsolutePath());
    }

    /** By benchmark class and thread count. */
    private static Map<String, List<Score>> run(String[] patterns) throws RunnerException {
        Map<String, List<Score>> groups = new TreeMap<>();
        for (int threads = 1; threads <= 2; threads++) {
            ChainedOptionsBuilder options = new OptionsBuilder()
                    .threads(threads)
                    .shouldFailOnError(true)
                    .jvmArgsAppend("-Xmx2g");
            for (String pattern : patterns) {
                options.include(pattern);
            }
            if (Runtime.version().feature() < 21) {
                options.exclude("[vV]irtual");
            }
            if (threads > 1) {
                options.exclude("RunBenchmark").exclude("IterateBenchmark"); // they bring threads of their own
            }
            for (RunResult result : results(options)) {
                Score score = Score.of(result);
                groups.computeIfAbsent(score.group() + " " + threads, key -> new ArrayList<>())
                        .add(score);
            }
        }
        groups.values().forEach(scores -> scores.sort(Score.FASTEST_FIRST));
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
