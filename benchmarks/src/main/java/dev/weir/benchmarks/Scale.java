package dev.weir.benchmarks;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Permit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.CompletableFuture;

/** What waiters cost: bytes each, and the time to ask and to leave, from ten waiters to a million; and idle limiters. */
final class Scale {

    private static final int[] WAITERS = {10, 10_000, 1_000_000};
    private static final int PAIRS = 200_000;
    private static final int LIMITERS = 10_000;

    private Scale() {}

    static String measure() {
        StringBuilder table = new StringBuilder(
                "## Waiters\n\n| waiters | bytes each | threads more | ns to ask and leave again |\n|--:|--:|--:|--:|\n");
        measure(10_000); // warms up
        for (int waiters : WAITERS) {
            table.append(measure(waiters));
        }
        long before = used();
        List<CapacityLimiter> limiters = new ArrayList<>();
        for (int i = 0; i < LIMITERS; i++) {
            limiters.add(CapacityLimiter.of("limiter-" + i, 1));
        }
        long each = (used() - before) / LIMITERS;
        limiters.forEach(CapacityLimiter::close);
        return table.append(
                        String.format(Locale.ROOT, "%n%,d idle limiters in one JVM: %,d bytes each.%n", LIMITERS, each))
                .toString();
    }

    private static String measure(int waiters) {
        CapacityLimiter limiter = CapacityLimiter.builder("scale")
                .capacity(0)
                .maxWaiting(waiters + 1)
                .build();
        List<CompletableFuture<Permit>> waiting = new ArrayList<>(waiters);
        int threads = Thread.activeCount();
        long before = used();
        for (int i = 0; i < waiters; i++) {
            waiting.add(limiter.acquireAsync());
        }
        long bytes = (used() - before) / waiters;
        int more = Thread.activeCount() - threads;
        Random random = new Random(1);
        long start = System.nanoTime();
        for (int i = 0; i < PAIRS; i++) {
            int place = random.nextInt(waiters); // leaves from anywhere in the queue, and asks anew at its end
            waiting.get(place).cancel(false);
            waiting.set(place, limiter.acquireAsync());
        }
        long nanos = (System.nanoTime() - start) / PAIRS;
        waiting.forEach(future -> future.cancel(false));
        limiter.close();
        return String.format(Locale.ROOT, "| %,d | %,d | %d | %,d |%n", waiters, bytes, more, nanos);
    }

    private static long used() {
        Runtime runtime = Runtime.getRuntime();
        for (int i = 0; i < 3; i++) {
            System.gc();
        }
        return runtime.totalMemory() - runtime.freeMemory();
    }
}
