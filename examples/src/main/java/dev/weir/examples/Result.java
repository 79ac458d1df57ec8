package dev.weir.examples;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/**
 * What was measured in one run. Times are seconds since the load began.
 *
 * @param setup how the application was set up
 * @param tasks how many requests to {@code /hello} were sent
 * @param taskSeconds how long each background task took
 * @param samples the limiters over time
 * @param idle the answers of the unrelated endpoint before the load began
 * @param hello the answers to the load
 * @param fast the answers to the unrelated endpoint
 * @param stream the stream's answer
 * @param file the file's answer
 * @param upload the upload's answer
 * @param taskStarts when each background task started, in order
 * @param workDone when the last background task had ended
 * @param resizedAt when the background limiter was resized, if it was
 */
record Result(
        Setup setup,
        int tasks,
        double taskSeconds,
        List<Sample> samples,
        List<Answer> idle,
        List<Answer> hello,
        List<Answer> fast,
        Answer stream,
        Answer file,
        Answer upload,
        List<Double> taskStarts,
        double workDone,
        OptionalDouble resizedAt) {

    double slowestAnswer() {
        return hello.stream().mapToDouble(Answer::millis).max().orElse(Double.NaN);
    }

    /** The latency of the unrelated endpoint that the given share of its requests did not exceed. */
    double fast(double share) {
        return percentile(fast, share);
    }

    /** The same before the load began: what the machine alone is responsible for. */
    double idle(double share) {
        return percentile(idle, share);
    }

    private static double percentile(List<Answer> answers, double share) {
        return percentile(answers.stream().mapToDouble(Answer::millis).toArray(), share);
    }

    /** By nearest rank. */
    static double percentile(double[] values, double share) {
        if (values.length == 0) {
            return Double.NaN;
        }
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[Math.max(0, (int) Math.ceil(share * sorted.length) - 1)];
    }

    /** How many requests of any kind got no answer of status 200. */
    long failures() {
        List<Answer> all = new ArrayList<>(hello);
        all.addAll(idle);
        all.addAll(fast);
        all.addAll(List.of(stream, file, upload));
        return all.stream().filter(answer -> !answer.ok()).count();
    }

    /** The running numbers reached by each wave of starting tasks: 40, 80, 100 for the seed's load on 40 permits. */
    List<Integer> waves() {
        List<Integer> reached = new ArrayList<>();
        for (int i = 1; i <= taskStarts.size(); i++) {
            if (i == taskStarts.size() || taskStarts.get(i) - taskStarts.get(i - 1) > taskSeconds / 10) {
                reached.add(i);
            }
        }
        return reached;
    }

    String wavesText() {
        return waves().stream().map(String::valueOf).collect(Collectors.joining(" · "));
    }

    /** Milliseconds from the resize to 100 until every task it made room for had started. */
    double admittedAfterResize() {
        int last = Math.min(100, tasks);
        if (resizedAt.isEmpty() || taskStarts.size() < last) {
            return Double.NaN;
        }
        return (taskStarts.get(last - 1) - resizedAt.getAsDouble()) * 1000;
    }
}
