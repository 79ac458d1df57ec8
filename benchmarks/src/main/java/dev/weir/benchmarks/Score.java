package dev.weir.benchmarks;

import java.util.Comparator;
import java.util.Locale;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;

/**
 * What one benchmark came to.
 *
 * @param group the kind of work; only scores of one group compare
 * @param name who did it
 * @param score operations per unit of time
 * @param error half the width of the 99.9 % confidence interval
 */
record Score(String group, String name, double score, double error, String unit) {

    static final Comparator<Score> FASTEST_FIRST =
            Comparator.comparingDouble(Score::score).reversed();

    static Score of(RunResult run) {
        Result<?> result = run.getPrimaryResult();
        String benchmark = run.getParams().getBenchmark();
        int dot = benchmark.lastIndexOf('.');
        String method = benchmark.substring(dot + 1);
        String kind = benchmark
                .substring(benchmark.lastIndexOf('.', dot - 1) + 1, dot)
                .replace("Benchmark", "")
                .toLowerCase(Locale.ROOT);
        String parameters = String.join(
                " ",
                run.getParams().getParamsKeys().stream()
                        .map(key -> key + "=" + run.getParams().getParam(key))
                        .toList());
        boolean roundTrip = method.startsWith("roundTrip");
        return new Score(
                roundTrip ? "round trip" : kind,
                (method + " " + parameters).trim(),
                result.getScore(),
                result.getScoreError(),
                result.getScoreUnit());
    }

    boolean isOurs() {
        return name.toLowerCase(Locale.ROOT).contains("weir") || group.equals("iterate");
    }
}
