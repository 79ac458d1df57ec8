package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.examples.Summary.Verdict;
import java.util.Collections;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The arithmetic behind the figures, on invented ones. */
class SummaryTest {

    private static final Answer QUICK = new Answer(0.1, 20, 200);
    private static final Answer SLOW = new Answer(0.1, 2000, 200);

    @Test
    void seedsLoadOnFortyPermitsHasThreeWaves() {
        assertThat(result(Setup.WEIR, QUICK).waves()).containsExactly(40, 80, 100);
        assertThat(result(Setup.WEIR, QUICK).wavesText()).isEqualTo("40 · 80 · 100");
    }

    @Test
    void percentileIsByNearestRank() {
        double[] hundred = IntStream.rangeClosed(1, 100).mapToDouble(i -> i).toArray();

        assertThat(Result.percentile(hundred, 0.50)).isEqualTo(50);
        assertThat(Result.percentile(hundred, 0.99)).isEqualTo(99);
        assertThat(Result.percentile(new double[] {7}, 0.99)).isEqualTo(7);
        assertThat(Result.percentile(new double[0], 0.99)).isNaN();
    }

    @Test
    void goodFiguresPass() {
        Summary summary = new Summary(List.of(result(Setup.SHARED, SLOW), result(Setup.WEIR, QUICK), resized(0.52)));

        assertThat(summary.verdicts()).hasSize(8).allMatch(Verdict::passed);
        assertThat(summary.missed()).isFalse();
    }

    @Test
    void slowAnswersAreMissed() {
        Summary summary = new Summary(List.of(result(Setup.WEIR, SLOW)));

        assertThat(summary.missed()).isTrue();
        assertThat(summary.verdicts())
                .filteredOn(verdict -> !verdict.passed())
                .extracting(Verdict::toString)
                .containsExactly(
                        "FAIL  slowest answer of /hello under 1000 ms: 2000 ms",
                        "FAIL  p99 of /fast under 100 ms: 2000 ms",
                        "FAIL  /stream under 500 ms: 2000 ms",
                        "FAIL  /file, 1 MiB under 500 ms: 2000 ms",
                        "FAIL  /upload, 3 MiB under 500 ms: 2000 ms");
    }

    @Test
    void lateGrowthIsMissed() {
        assertThat(new Summary(List.of(resized(0.9))).verdicts())
                .extracting(Verdict::toString)
                .containsExactly("FAIL  resize(100) starts the waiting 60 under 250 ms: 400 ms");
    }

    @Test
    void answerOfAnotherStatusIsMissed() {
        Summary summary = new Summary(List.of(result(Setup.WEIR, new Answer(0.1, 20, 503))));

        assertThat(summary.missed()).isTrue();
    }

    @Test
    void slowMachineIsNoticedBeforeTheLoad() {
        Result calm = result(Setup.WEIR, QUICK);
        Result busy = new Result(
                calm.setup(),
                calm.tasks(),
                calm.taskSeconds(),
                calm.samples(),
                List.of(SLOW),
                calm.hello(),
                calm.fast(),
                calm.stream(),
                calm.file(),
                calm.upload(),
                calm.taskStarts(),
                calm.workDone(),
                calm.resizedAt());

        assertThat(new Summary(List.of(calm)).excuse()).isEmpty();
        assertThat(new Summary(List.of(busy)).excuse())
                .hasValueSatisfying(note -> assertThat(note).contains("2000 ms"));
    }

    @Test
    void nothingIsJudgedWithoutWeir() {
        assertThat(new Summary(List.of(result(Setup.SHARED, SLOW))).verdicts()).isEmpty();
    }

    private static Result result(Setup setup, Answer each) {
        List<Double> starts = IntStream.range(0, 100)
                .mapToDouble(i -> 2.0 * Math.floorDiv(i, 40) + i * 0.0001)
                .boxed()
                .toList();
        return result(setup, each, starts, OptionalDouble.empty());
    }

    private static Result resized(double lastStart) {
        List<Double> starts = DoubleStream.concat(
                        DoubleStream.generate(() -> 0.05).limit(40),
                        DoubleStream.generate(() -> lastStart).limit(60))
                .boxed()
                .toList();
        return result(Setup.RESIZED, QUICK, starts, OptionalDouble.of(0.5));
    }

    private static Result result(Setup setup, Answer each, List<Double> starts, OptionalDouble resizedAt) {
        return new Result(
                setup,
                100,
                2,
                List.of(),
                Collections.nCopies(50, QUICK),
                Collections.nCopies(100, each),
                Collections.nCopies(300, each),
                each,
                each,
                each,
                starts,
                6.1,
                resizedAt);
    }
}
