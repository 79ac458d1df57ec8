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
import java.util.concurrent.TimeUnit;

/**
 * Endpoints that answer at once and leave work behind, three times as much as 40 can do, for two seconds. Weir runs it under a
 * limiter of its own; without such a thing it is the thread of the request that goes on.
 */
final class Background {

    private static final Duration JOB = Duration.ofMillis(200);
    private static final double OFFERED = 600;
    private static final double HEALTH_RATE = 50;
    private static final Duration PATIENCE = Duration.ofSeconds(15);
    private static final Duration AT_MOST = Duration.ofSeconds(15);

    private record Outcome(Variant variant, Flow flow, Flow checks, Work work, double seconds) {}

    private Background() {}

    static void measure(Report report, Duration time) throws Exception {
        List<Outcome> outcomes = new ArrayList<>();
        for (Variant variant : Variant.asTheyCome()) {
            outcomes.add(measure(variant, time));
        }
        write(report, outcomes);
    }

    private static Outcome measure(Variant variant, Duration time) throws Exception {
        Work work = new Work();
        work.lasts(JOB);
        Site site = variant.start().with(work);
        try {
            Flow flow = Flow.strangers(Site.LIMITED + Site.LEAVE, OFFERED);
            Flow checks = Flow.rate(Site.HEALTH, HEALTH_RATE);
            long start = System.nanoTime();
            Load.on(site, PATIENCE, Duration.ZERO, time, flow, checks);
            while (work.done() < flow.served.size() && System.nanoTime() - start < AT_MOST.toNanos()) {
                TimeUnit.MILLISECONDS.sleep(5);
            }
            return new Outcome(variant, flow, checks, work, (System.nanoTime() - start) / 1e9);
        } finally {
            site.stop();
        }
    }

    private static void write(Report report, List<Outcome> outcomes) throws IOException {
        StringBuilder table = new StringBuilder("### Work that is left behind\n\n");
        table.append(
                        "| | answered | p50 of the answers, ms | p99 | health check, p99, ms | most work at once | work done")
                .append(" | after, s |\n|---|--:|--:|--:|--:|--:|--:|--:|\n");
        List<Bar> bars = new ArrayList<>();
        for (Outcome outcome : outcomes) {
            Variant variant = outcome.variant;
            String name = variant.isOurs() ? "**Weir**" : variant.limit();
            table.append(String.format(
                    Locale.ROOT,
                    "| %s: %s | %d | %s | %s | %s | %d | %d | %.1f |%n",
                    variant.server(),
                    name,
                    outcome.flow.served.size(),
                    Numbers.brief(outcome.flow.served.percentile(50)),
                    Numbers.brief(outcome.flow.served.percentile(99)),
                    Numbers.brief(outcome.checks.served.percentile(99)),
                    outcome.work.mostAtOnce(),
                    outcome.work.done(),
                    outcome.seconds));
            bars.add(Bar.exact(
                    variant.server() + ": " + variant.limit(), outcome.flow.served.percentile(99), variant.isOurs()));
        }
        report.add(table.toString());
        String title = "Work that is left behind: the answers";
        report.add(
                "servers-background.svg",
                title,
                Plot.of(title, "99 of 100 come within so many ms; shorter is better", bars));
        report.write();
    }
}
