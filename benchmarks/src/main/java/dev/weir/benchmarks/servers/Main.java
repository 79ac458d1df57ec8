package dev.weir.benchmarks.servers;

import dev.weir.benchmarks.Report;
import java.time.Duration;
import java.util.List;
import java.util.logging.LogManager;

/**
 * Measures servers with and without limits. Arguments name what: {@code uncontended}, {@code overload}, {@code background}; without
 * any, all of them. {@code quick} only tries whether it works.
 */
final class Main {

    private static final List<String> KNOWN = List.of("uncontended", "overload", "background", "quick");

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        LogManager.getLogManager().reset(); // servers are stopped while they have much to do, and say so
        List<String> chosen = List.of(arguments);
        for (String name : chosen) {
            if (!KNOWN.contains(name)) {
                throw new IllegalArgumentException("'" + name + "': expected one of " + KNOWN);
            }
        }
        boolean quick = chosen.contains("quick");
        boolean all = chosen.size() == (quick ? 1 : 0);
        Duration time = Duration.ofMillis(quick ? 300 : 1_000);
        Report report = new Report("servers.md");
        if (all || chosen.contains("uncontended")) {
            Uncontended.measure(report, quick ? 1 : 4, time);
        }
        if (all || chosen.contains("overload")) {
            Overload.measure(report, quick ? 1 : 2, time.multipliedBy(2));
        }
        if (all || chosen.contains("background")) {
            Background.measure(report, Duration.ofSeconds(2));
        }
        report.end();
        System.exit(0); // servers leave threads behind
    }
}
