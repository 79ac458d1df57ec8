package dev.weir.examples;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Deadlock;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.PermitHolder;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.logging.LogManager;

/**
 * Uses a server at random for as long as one likes, and then looks whether anything has grown or was lost: heap, threads, file
 * descriptors, temporary files, permits. Clients come and go in the middle of requests and answers, read and write slowly, and
 * send nonsense; handlers fail; limiters are resized all the time.
 *
 * <pre>{@code
 * mvn -B -ntp -q -Psoak -pl examples -am compile -Dexec.args='--server=netty --seconds=1800'
 * }</pre>
 *
 * <p>With {@code --uploads=DIRECTORY} on a file system of a few megabytes, the disk is full most of the time.
 */
public final class Soak {

    private static final int CLIENTS = 12;
    private static final Duration IDLE_TIMEOUT = Duration.ofSeconds(90);
    private static final Duration OVERDUE = Duration.ofSeconds(30);
    private static final Duration SETTLING_TIME = Duration.ofSeconds(30);

    /** What classes, buffers and pools of the servers may still grow by after the warm-up. */
    private static final long HEAP_ALLOWANCE = 16L << 20;

    private static final int THREAD_ALLOWANCE = 40;
    private static final int DESCRIPTOR_ALLOWANCE = 20;

    private final PrintStream out;
    private final ServerKind kind;
    private final int seconds;
    private final long seed;
    private final Path uploads;
    private final SoakTally tally = new SoakTally();
    private final Queue<String> reports = new ConcurrentLinkedQueue<>();

    Soak(PrintStream out, ServerKind kind, int seconds, long seed, Path uploads) {
        this.out = out;
        this.kind = kind;
        this.seconds = seconds;
        this.seed = seed;
        this.uploads = uploads;
    }

    /**
     * Runs the soak.
     *
     * @param arguments {@code --server=NAME}, {@code --seconds=N}, {@code --seed=N}, {@code --uploads=DIRECTORY}
     * @throws Exception when the server does not start or stop
     */
    public static void main(String[] arguments) throws Exception {
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "off"); // failures are planted by the thousand
        LogManager.getLogManager().reset();
        ServerKind kind = ServerKind.JETTY;
        int seconds = 60;
        long seed = System.nanoTime();
        Path uploads = null;
        for (String argument : arguments) {
            String value = argument.substring(argument.indexOf('=') + 1);
            if (argument.startsWith("--server=")) {
                kind = ServerKind.named(value)
                        .orElseThrow(() ->
                                new IllegalArgumentException(argument + ": expected one of " + ServerKind.names()));
            } else if (argument.startsWith("--seconds=")) {
                seconds = Integer.parseInt(value);
            } else if (argument.startsWith("--seed=")) {
                seed = Long.parseLong(value);
            } else if (argument.startsWith("--uploads=")) {
                uploads = Path.of(value);
            } else {
                throw new IllegalArgumentException(
                        argument + ": expected --server=NAME, --seconds=N, --seed=N or --uploads=DIRECTORY");
            }
        }
        Path directory = uploads == null ? Files.createTempDirectory("weir-soak") : uploads;
        List<String> failures = new Soak(System.out, kind, seconds, seed, directory).run();
        failures.forEach(failure -> System.out.println("  LOST  " + failure));
        System.out.println(failures.isEmpty() ? "  PASS  nothing has grown, nothing was lost" : "  FAIL");
        if (uploads == null) {
            Files.deleteIfExists(directory);
        }
        if (!failures.isEmpty()) {
            System.exit(1);
        }
    }

    /**
     * Warms up, reads what the idle server uses, loads it, and reads again.
     *
     * @return what was lost or has grown
     */
    List<String> run() throws Exception {
        LimiterScope limiters = LimiterScope.builder()
                .capacity(4)
                .each(limiter -> limiter.maxWaiting(50)
                        .maxWait(Duration.ofSeconds(5))
                        .trackHolders(OVERDUE)
                        .listener(new Reporter()))
                .open();
        Server server = kind.create();
        int port = server.start(new SoakApplication(limiters, uploads).routes(), 0);
        out.println(Text.format("Soak on %s for %d s, seed %d", kind.title(), seconds, seed));
        List<String> failures = new ArrayList<>();
        try {
            load(port, limiters, Math.max(3, seconds / 10), "warm-up");
            awaitIdle(limiters, failures);
            SoakReading before = SoakReading.take(uploads);
            out.println("  idle      " + before);
            load(port, limiters, seconds, "load");
            awaitIdle(limiters, failures);
            failures.addAll(growth(before));
            out.println("  " + tally.total() + " requests: " + tally);
        } finally {
            server.stop();
            limiters.close();
        }
        reports.forEach(report -> failures.add("reported: " + report));
        if (tally.unanswered() > 0) {
            failures.add(tally.unanswered() + " requests got no answer in a minute");
        }
        if (tally.cuts() > tally.total() / 20) {
            failures.add(tally.cuts() + " of " + tally.total() + " requests were cut before an answer");
        }
        return failures;
    }

    private void load(int port, LimiterScope limiters, int loadSeconds, String phase) throws Exception {
        long end = System.nanoTime() + Duration.ofSeconds(loadSeconds).toNanos();
        List<Thread> clients = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
            SoakClient client = new SoakClient(port, seed + i, tally, () -> System.nanoTime() - end < 0);
            clients.add(new Thread(client, "soak-client-" + i));
        }
        clients.forEach(Thread::start);
        Random random = new Random(seed);
        List<CapacityLimiter> all = List.copyOf(limiters.limiters());
        long nextLine = System.nanoTime();
        long between = Duration.ofSeconds(Math.max(1, loadSeconds / 5)).toNanos();
        while (System.nanoTime() - end < 0) {
            all.get(random.nextInt(all.size())).resize(1 + random.nextInt(8));
            if (System.nanoTime() - nextLine >= 0) {
                nextLine += between;
                out.println(Text.format("  %-8s  ", phase) + SoakReading.take(uploads) + ", " + tally.total()
                        + " requests");
            }
            SeedApplication.pause(20);
        }
        for (Thread client : clients) {
            client.join();
        }
    }

    /** Waits until nobody uses the limiters. */
    private static void awaitIdle(LimiterScope limiters, List<String> failures) throws InterruptedException {
        if (!limiters.awaitIdle(IDLE_TIMEOUT)) {
            for (CapacityLimiter limiter : limiters.limiters()) {
                if (limiter.statistics().inUse() > 0 || limiter.statistics().waiting() > 0) {
                    failures.add("not idle: " + limiter + " " + limiter.holders());
                }
            }
        }
    }

    /** What is still more than before when a server has had the time to close connections and to remove files. */
    private List<String> growth(SoakReading before) throws IOException {
        long end = System.nanoTime() + SETTLING_TIME.toNanos();
        while (true) {
            SoakReading now = SoakReading.take(uploads);
            List<String> growth = growth(before, now);
            if (growth.isEmpty() || System.nanoTime() - end >= 0) {
                out.println("  idle      " + now);
                return growth;
            }
            SeedApplication.pause(200);
        }
    }

    private static List<String> growth(SoakReading before, SoakReading now) {
        List<String> growth = new ArrayList<>();
        if (now.heap() > before.heap() + HEAP_ALLOWANCE) {
            growth.add("heap: from " + before.heap() + " to " + now.heap() + " bytes");
        }
        if (now.threads() > before.threads() + THREAD_ALLOWANCE) {
            growth.add("threads: from " + before.threads() + " to " + now.threads());
        }
        if (now.descriptors() > before.descriptors() + DESCRIPTOR_ALLOWANCE) {
            growth.add("descriptors: from " + before.descriptors() + " to " + now.descriptors());
        }
        if (now.files() > 0) {
            growth.add(now.files() + " directories of uploads");
        }
        return growth;
    }

    /** What no limiter may report in a soak. */
    private final class Reporter implements LimiterListener {

        @Override
        public void overdue(CapacityLimiter limiter, PermitHolder holder) {
            reports.add("overdue: " + holder);
        }

        @Override
        public void dropped(CapacityLimiter limiter, PermitHolder holder) {
            reports.add("dropped: " + holder);
        }

        @Override
        public void deadlocked(CapacityLimiter limiter, Deadlock deadlock) {
            reports.add(deadlock.toString());
        }
    }
}
