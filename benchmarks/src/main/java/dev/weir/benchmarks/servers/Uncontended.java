package dev.weir.benchmarks.servers;

import dev.weir.benchmarks.Bar;
import dev.weir.benchmarks.Numbers;
import dev.weir.benchmarks.Plot;
import dev.weir.benchmarks.Report;
import dev.weir.limiter.LimiterScope;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/** What a limit costs that nobody has to wait for: each server bare and with Weir, by turns. */
final class Uncontended {

    private static final int CONNECTIONS = 32; // fewer than permits
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    /** What the endpoints do, and at which rate they are asked while latency is measured: much less than can be served. */
    private enum Job {
        NOTHING("Endpoints that do nothing", "nothing", 0, 2_000),
        FIVE_MILLIS("Endpoints that block for 5 ms", "5ms", 5, 1_000);

        final String title;
        final String fileName;
        final Duration duration;
        final double rate;

        Job(String title, String fileName, int millis, double rate) {
            this.title = title;
            this.fileName = fileName;
            this.duration = Duration.ofMillis(millis);
            this.rate = rate;
        }
    }

    /** A server bare and with a limit. */
    private static final class Pair {
        final String name;
        final boolean mayBlock;
        final Contestant bare;
        final Contestant limited;

        Pair(String name, boolean mayBlock, Variant.Start bare, Variant.Start limited) throws Exception {
            this.name = name;
            this.mayBlock = mayBlock;
            this.bare = new Contestant(bare);
            this.limited = new Contestant(limited);
        }

        void stop() throws Exception {
            bare.site.stop();
            limited.site.stop();
        }
    }

    /** A running server, and what was measured of it. */
    private static final class Contestant {
        final Work work = new Work();
        final Site site;
        final List<Double> throughput = new ArrayList<>();
        final List<Double> p99 = new ArrayList<>();
        Samples latency = new Samples();

        Contestant(Variant.Start start) throws Exception {
            site = start.with(work);
        }

        void forget() {
            throughput.clear();
            p99.clear();
            latency = new Samples();
        }

        void measure(Job job, Duration time, boolean counts) throws IOException {
            work.lasts(job.duration);
            Duration leadIn = time.dividedBy(4);
            Flow flood = Flow.oneAfterAnother(Site.LIMITED + Site.WORK, CONNECTIONS);
            Load.on(site, PATIENCE, leadIn, time, flood);
            Flow drizzle = Flow.rate(Site.LIMITED + Site.WORK, job.rate);
            Load.on(site, PATIENCE, leadIn, time, drizzle);
            if (counts) {
                allServed(flood);
                allServed(drizzle);
                throughput.add(flood.served.size() * 1e9 / time.toNanos());
                p99.add(drizzle.served.percentile(99));
                latency.add(drizzle.served);
            }
        }

        private static void allServed(Flow flow) {
            if (flow.refused + flow.givenUp + flow.failed > 0 || flow.served.size() == 0) {
                throw new IllegalStateException("expected every request to be served, was " + flow);
            }
        }
    }

    private Uncontended() {}

    static void measure(Report report, int rounds, Duration time) throws Exception {
        List<Pair> pairs = new ArrayList<>();
        try {
            pairs.add(
                    new Pair("Jetty", true, work -> JettySite.threads(Site.MANY_THREADS, work), with(JettySite::weir)));
            pairs.add(new Pair("Netty, on the event loop", false, NettySite::loop, with(NettySite::loopWithWeir)));
            pairs.add(new Pair(
                    "Netty, on workers", true, work -> NettySite.pool(Limits.CAPACITY, work), with(NettySite::weir)));
            pairs.add(new Pair(
                    "Tomcat", true, work -> TomcatSite.threads(Site.MANY_THREADS, work), with(TomcatSite::weir)));
            pairs.add(new Pair(
                    "Undertow", true, work -> UndertowSite.threads(Site.MANY_THREADS, work), with(UndertowSite::weir)));
            for (Job job : Job.values()) {
                List<Pair> measured = pairs.stream()
                        .filter(pair -> pair.mayBlock || job.duration.isZero())
                        .toList();
                measure(job, measured, rounds, time);
                write(report, job, measured);
            }
        } finally {
            for (Pair pair : pairs) {
                pair.stop();
            }
        }
    }

    /** Starts a server that closes its limits. */
    private interface LimitedStart {
        Site with(LimiterScope limits, Work work) throws Exception;
    }

    private static Variant.Start with(LimitedStart start) {
        return work -> start.with(Limits.with(settings -> settings), work);
    }

    private static void measure(Job job, List<Pair> pairs, int rounds, Duration time) throws IOException {
        for (Pair pair : pairs) {
            pair.bare.forget();
            pair.limited.forget();
        }
        for (int round = 0; round <= rounds; round++) { // the first warms up
            for (Pair pair : pairs) {
                boolean bareFirst = round % 2 == 0;
                (bareFirst ? pair.bare : pair.limited).measure(job, time, round > 0);
                (bareFirst ? pair.limited : pair.bare).measure(job, time, round > 0);
            }
        }
    }

    private static void write(Report report, Job job, List<Pair> pairs) throws IOException {
        StringBuilder table = new StringBuilder("### " + job.title + "\n\n");
        table.append("| | requests a second, bare | with Weir | part of it | p50, ms, bare | with Weir")
                .append(" | p99, ms, bare | with Weir | times as long |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
        List<Bar> parts = new ArrayList<>();
        for (Pair pair : pairs) {
            DoubleSummaryStatistics part = ratios(pair.limited.throughput, pair.bare.throughput);
            DoubleSummaryStatistics times = ratios(pair.limited.p99, pair.bare.p99);
            parts.add(new Bar(
                    pair.name,
                    median(pair.limited.throughput, pair.bare.throughput),
                    part.getMin(),
                    part.getMax(),
                    true));
            table.append(String.format(
                    Locale.ROOT,
                    "| %s | %,.0f | %,.0f | %s | %.2f | %.2f | %.2f | %.2f | %s |%n",
                    pair.name,
                    median(pair.bare.throughput),
                    median(pair.limited.throughput),
                    range(median(pair.limited.throughput, pair.bare.throughput), part),
                    pair.bare.latency.percentile(50),
                    pair.limited.latency.percentile(50),
                    pair.bare.latency.percentile(99),
                    pair.limited.latency.percentile(99),
                    range(median(pair.limited.p99, pair.bare.p99), times)));
        }
        report.add(table.toString());
        String title = job.title + ": throughput with Weir";
        report.add(
                "servers-" + job.fileName + ".svg",
                title,
                Plot.of(title, "as part of the bare server's, median and range of rounds; longer is better", parts));
        report.write();
    }

    private static String range(double median, DoubleSummaryStatistics seen) {
        return Numbers.brief(median) + " (" + Numbers.brief(seen.getMin()) + "–" + Numbers.brief(seen.getMax()) + ")";
    }

    private static List<Double> quotients(List<Double> limited, List<Double> bare) {
        return IntStream.range(0, bare.size())
                .mapToObj(round -> limited.get(round) / bare.get(round))
                .toList();
    }

    private static DoubleSummaryStatistics ratios(List<Double> limited, List<Double> bare) {
        return quotients(limited, bare).stream().mapToDouble(ratio -> ratio).summaryStatistics();
    }

    private static double median(List<Double> limited, List<Double> bare) {
        return median(quotients(limited, bare));
    }

    private static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        int middle = sorted.size() / 2;
        return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }
}
