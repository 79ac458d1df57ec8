package dev.weir.benchmarks.servers;

import dev.weir.benchmarks.Bar;
import dev.weir.benchmarks.Numbers;
import dev.weir.benchmarks.Plot;
import dev.weir.benchmarks.Report;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What a limit is worth when three times as many requests come as it lets through: 40 permits, work of 200 ms, and so 200
 * served a second at best, 600 asked for. Clients give up after two seconds.
 */
final class Overload {

    private static final Duration JOB = Duration.ofMillis(200);
    private static final double CAPACITY = Limits.CAPACITY * 1000.0 / JOB.toMillis();
    private static final double OFFERED = 3 * CAPACITY;
    private static final double HEALTH_RATE = 50;
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    /** Until the longest queue is full, and those who gave up early have been replaced. */
    private static final Duration LEAD_IN = Duration.ofMillis(3_500);

    /** What was measured of a variant. */
    private static final class Outcome {
        final Variant variant;
        final Samples served = new Samples();
        final Samples health = new Samples();
        double seconds;
        int refused;
        int givenUp;
        int failed;
        int mostAtOnce;
        double least = Double.POSITIVE_INFINITY;
        double most;

        Outcome(Variant variant) {
            this.variant = variant;
        }

        void add(Flow flow, Flow checks, Work work, Duration time) {
            double second = time.toNanos() / 1e9;
            seconds += second;
            served.add(flow.served);
            refused += flow.refused;
            givenUp += flow.givenUp;
            failed += flow.failed;
            health.add(checks.served);
            for (int i = checks.givenUp + checks.failed + checks.refused; i > 0; i--) {
                health.add(PATIENCE.toNanos());
            }
            mostAtOnce = Math.max(mostAtOnce, work.mostAtOnce());
            least = Math.min(least, flow.served.size() / second);
            most = Math.max(most, flow.served.size() / second);
        }

        double goodput() {
            return served.size() / seconds;
        }

        Bar goodputBar() {
            return new Bar(label(), goodput(), least, most, variant.isOurs());
        }

        Bar healthBar() {
            return Bar.exact(label(), health.percentile(99), variant.isOurs());
        }

        private String label() {
            return variant.server() + ": " + variant.limit();
        }
    }

    private Overload() {}

    static void measure(Report report, int rounds, Duration time) throws Exception {
        List<Outcome> outcomes = Variant.all().stream().map(Outcome::new).toList();
        for (int round = 0; round < rounds; round++) {
            for (Outcome outcome : outcomes) {
                Work work = new Work();
                work.lasts(JOB);
                Site site = outcome.variant.start().with(work);
                try {
                    Flow flow = Flow.rate(Site.LIMITED + Site.WORK, OFFERED);
                    Flow checks = Flow.rate(Site.HEALTH, HEALTH_RATE);
                    Load.on(site, PATIENCE, LEAD_IN, time, flow, checks);
                    outcome.add(flow, checks, work, time);
                } finally {
                    site.stop();
                }
            }
        }
        write(report, outcomes);
    }

    private static void write(Report report, List<Outcome> outcomes) throws IOException {
        StringBuilder table = new StringBuilder("### Three times too many requests\n\n");
        table.append(
                        "| | served a second | refused | given up | failed | p50 of those served, ms | p99 | health check, p99, ms")
                .append(" | most at once |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
        for (Outcome outcome : outcomes) {
            String name = outcome.variant.isOurs()
                    ? outcome.variant.limit().replace("Weir", "**Weir**")
                    : outcome.variant.limit();
            table.append(String.format(
                    Locale.ROOT,
                    "| %s: %s | %.0f | %.0f | %.0f | %.0f | %s | %s | %s | %d |%n",
                    outcome.variant.server(),
                    name,
                    outcome.goodput(),
                    outcome.refused / outcome.seconds,
                    outcome.givenUp / outcome.seconds,
                    outcome.failed / outcome.seconds,
                    Numbers.brief(outcome.served.percentile(50)),
                    Numbers.brief(outcome.served.percentile(99)),
                    health(outcome.health.percentile(99)),
                    outcome.mostAtOnce));
        }
        report.add(table.toString());
        plots(report, outcomes);
        report.write();
    }

    private static String health(double millis) {
        return millis >= PATIENCE.toMillis() ? "none in " + PATIENCE.toSeconds() + " s" : Numbers.brief(millis);
    }

    private static void plots(Report report, List<Outcome> outcomes) throws IOException {
        List<Bar> goodput = new ArrayList<>();
        List<Bar> health = new ArrayList<>();
        for (Outcome outcome : outcomes) {
            goodput.add(outcome.goodputBar());
            health.add(outcome.healthBar());
        }
        String served = "Three times too many requests: served in time";
        report.add(
                "servers-overload-served.svg",
                served,
                Plot.of(served, "a second, of 200 at best; mean and range of rounds; longer is better", goodput));
        String checks = "Three times too many requests: the health check";
        report.add(
                "servers-overload-health.svg",
                checks,
                Plot.of(checks, "99 of 100 are answered within so many ms; shorter is better", health));
    }
}
