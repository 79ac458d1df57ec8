package dev.weir.benchmarks;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;

/**
 * What one benchmark came to.
 *
 * @param group the kind of work; only scores of one group compare
 * @param method the benchmark's name in the code
 * @param label what readers know it by; code is between backticks
 * @param value in the group's unit
 * @param error half the width of the 99.9 % confidence interval
 */
record Score(Group group, String method, String label, double value, double error) {

    static final Comparator<Score> FASTEST_FIRST =
            Comparator.comparingDouble(score -> score.group.isTime() ? score.value : -score.value);

    private static final Map<String, String> LABELS = Map.ofEntries(
            Map.entry("semaphore", "JDK `Semaphore`"),
            Map.entry("resilience4jUnfair", "Resilience4j bulkhead, unfair"),
            Map.entry("resilience4jFair", "Resilience4j bulkhead, fair"),
            Map.entry("resilience4jWithListener", "Resilience4j bulkhead, with a listener"),
            Map.entry("failsafe", "Failsafe bulkhead"),
            Map.entry("netflix", "Netflix `SimpleLimiter`"),
            Map.entry("helidon", "Helidon `FixedLimit`"),
            Map.entry("weirBlocking", "Weir, `acquire`"),
            Map.entry("weirTracked", "Weir, holders tracked"),
            Map.entry("weirWithListener", "Weir, with a listener"),
            Map.entry("weirExecutor", "Weir, `executor`"),
            Map.entry("weirVirtual", "Weir, `run` on virtual threads"),
            Map.entry("fixedThreadPool", "`newFixedThreadPool(8)`"),
            Map.entry("resilience4jThreadPoolBulkhead", "Resilience4j `ThreadPoolBulkhead`"),
            Map.entry("kotlinLimitedParallelism", "Kotlin `limitedParallelism(8)`"),
            Map.entry("virtualThreadsWithSemaphore", "Virtual threads and a `Semaphore`"),
            Map.entry("roundTripWeir", "Weir, `run`"),
            Map.entry("roundTripFixedThreadPool", "`newFixedThreadPool(8)`"),
            Map.entry("items", "Weir, `iterate`"),
            Map.entry("aHopForEachItem", "A hop to a pool for each"));

    private static final Map<String, String> PARAMETERS = Map.ofEntries(
            Map.entry("NOBODY", "nobody watches"),
            Map.entry("RECORDER_OF_OTHERS", "Flight Recorder, of other events"),
            Map.entry("RECORDER", "Flight Recorder, with the thresholds of our events"),
            Map.entry("RECORDER_OF_ALL", "Flight Recorder, of every wait and permit"),
            Map.entry("METRICS", "Micrometer"),
            Map.entry("METRICS_WITH_HISTOGRAMS", "Micrometer, with histograms"),
            Map.entry("METRICS_OF_TOTALS", "Micrometer, totals only"),
            Map.entry("HOLDERS", "holders tracked"),
            Map.entry("OBSERVATION", "Micrometer Observation"),
            Map.entry("OBSERVATION_WITH_LONG_TASKS", "Micrometer Observation, with its list of what is going on"),
            Map.entry("EVERYTHING", "all of this"));

    static Score of(RunResult run) {
        Result<?> result = run.getPrimaryResult();
        String benchmark = run.getParams().getBenchmark();
        Group group = Group.of(run);
        String method = benchmark.substring(benchmark.lastIndexOf('.') + 1);
        double scale = group.isTime() ? 1 : group.scale * perSecond(result.getScoreUnit());
        return new Score(
                group, method, label(group, method, run), result.getScore() * scale, result.getScoreError() * scale);
    }

    private static String label(Group group, String method, RunResult run) {
        List<String> parameters = run.getParams().getParamsKeys().stream()
                .map(key -> run.getParams().getParam(key))
                .map(value -> PARAMETERS.getOrDefault(value, value + " at a time"))
                .toList();
        return switch (group) {
            case WATCHED_ACQUIRE, WATCHED_RUN, WATCHED_LONGER, WATCHED_LONG -> String.join(", ", parameters);
            case ITERATE ->
                Stream.concat(Stream.of(label(group, method)), parameters.stream())
                        .collect(Collectors.joining(", "));
            default -> label(group, method);
        };
    }

    private static String label(Group group, String method) {
        if (method.equals("weir")) {
            return group == Group.RUN ? "Weir, `run`" : "Weir, `tryAcquire`";
        }
        return LABELS.getOrDefault(method, method);
    }

    private static double perSecond(String unit) {
        return switch (unit) {
            case "ops/s" -> 1;
            case "ops/ms" -> 1e3;
            case "ops/us" -> 1e6;
            default -> throw new IllegalArgumentException("unit: expected ops/s, ops/ms or ops/us, was " + unit);
        };
    }

    boolean isOurs() {
        return label.startsWith("Weir") || group.isWatched();
    }

    /** The benchmark of ours that does the same, if that is not simply the fastest. */
    Optional<String> counterpart() {
        return method.equals("resilience4jWithListener") ? Optional.of("weirWithListener") : Optional.empty();
    }

    Bar bar() {
        String plain = label.replace("`", "");
        return new Bar(plain, value, value - error, value + error, isOurs());
    }

    String cell() {
        String bold = label.startsWith("Weir") ? label.replaceFirst("Weir", "**Weir**") : label;
        return String.format(
                Locale.ROOT, "%s | %s | %.0f %%", bold, Numbers.brief(value), Math.ceil(100 * error / value));
    }
}
