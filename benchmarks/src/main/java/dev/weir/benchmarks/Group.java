package dev.weir.benchmarks;

import org.openjdk.jmh.results.RunResult;

/** Benchmarks that compare: a table and a plot. */
enum Group {
    ACQUIRE("A permit taken and given back", "One thread, permits free.", "acquire", "million a second", 1e-6),
    ACQUIRE_TWO(
            "A permit taken and given back by two threads",
            "Permits free; both together.",
            "acquire-two-threads",
            "million a second",
            1e-6),
    RUN(
            "10,000 small tasks through 8 permits",
            "All handed in at once, by one thread.",
            "run",
            "million a second",
            1e-6),
    ROUND_TRIP("One round trip", "A task handed in, and its result awaited.", "round-trip", "thousand a second", 1e-3),
    ITERATE(
            "Items that cost nothing",
            "One iteration of 100,000 through 4 permits, and a reader that asks for so many at a time, on the thread that draws; or a task for each on a pool of 4 threads.",
            "iterate",
            "million a second",
            1e-6),
    WATCHED_ACQUIRE("Being watched: a permit", "Taken and given back.", "watching-acquire", "ns", 0),
    WATCHED_RUN("Being watched: a small task", "Run with 7 others at once.", "watching-run", "ns", 0),
    WATCHED_LONGER(
            "Being watched: a task of some ten microseconds",
            "Run with 7 others at once.",
            "watching-run-longer",
            "ns",
            0),
    WATCHED_LONG(
            "Being watched: a task of some hundred microseconds",
            "Run with 7 others at once.",
            "watching-run-long",
            "ns",
            0);

    final String title;
    final String about;
    final String fileName;
    final String unit;

    /** Units in an operation a second; 0 where time is measured. */
    final double scale;

    Group(String title, String about, String fileName, String unit, double scale) {
        this.title = title;
        this.about = about;
        this.fileName = fileName;
        this.unit = unit;
        this.scale = scale;
    }

    /** Whether only Weir is measured, watched by one or another. */
    boolean isWatched() {
        return this == WATCHED_ACQUIRE || this == WATCHED_RUN || this == WATCHED_LONGER || this == WATCHED_LONG;
    }

    boolean isTime() {
        return scale == 0;
    }

    /** The one that a result belongs to. */
    static Group of(RunResult run) {
        String benchmark = run.getParams().getBenchmark();
        boolean two = run.getParams().getThreads() > 1;
        if (benchmark.contains("AcquireBenchmark")) {
            return two ? ACQUIRE_TWO : ACQUIRE;
        } else if (benchmark.contains("RunBenchmark")) {
            return benchmark.contains("roundTrip") ? ROUND_TRIP : RUN;
        } else if (benchmark.contains("WatchingBenchmark")) {
            return switch (benchmark.substring(benchmark.lastIndexOf('.') + 1)) {
                case "acquire" -> WATCHED_ACQUIRE;
                case "run" -> WATCHED_RUN;
                case "runLonger" -> WATCHED_LONGER;
                default -> WATCHED_LONG;
            };
        } else if (benchmark.contains("IterateBenchmark")) {
            return ITERATE;
        }
        throw new IllegalArgumentException("benchmark: expected one with a group, was " + benchmark);
    }
}
