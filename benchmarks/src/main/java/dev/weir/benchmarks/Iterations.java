package dev.weir.benchmarks;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import java.util.Arrays;
import java.util.Iterator;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** What iterations do beside throughput: admissions per item, and how long items take from the iterator to the reader. */
final class Iterations {

    /** How long an item takes to be made. */
    private enum Cost {
        NOTHING("nothing", 200_000) {
            @Override
            long nanos(int item) {
                return 0;
            }
        },
        RANDOM("0 to 2 ms, at random", 1_000) {
            @Override
            long nanos(int item) { // nothing every other time; the same in each run
                return Math.max(0, new SplittableRandom(item).nextInt(-2_000_000, 2_000_000));
            }
        },
        MILLISECOND("1 ms", 1_000) {
            @Override
            long nanos(int item) {
                return 1_000_000;
            }
        };

        final String title;
        final int items;

        Cost(String title, int items) {
            this.title = title;
            this.items = items;
        }

        abstract long nanos(int item);
    }

    private static final int[] DEMANDS = {1, 16, 1024};
    private static final int FIRSTS = 2_000;

    private Iterations() {}

    static String measure(boolean quick) throws Exception {
        StringBuilder table = new StringBuilder("## Items\n\n| an item takes | asked for at a time | items a second |");
        table.append(" admissions per 1,000 items | to the reader, p50, µs | p99, µs |\n|---|--:|--:|--:|--:|--:|\n");
        int part = quick ? 10 : 1;
        try (CapacityLimiter limiter = CapacityLimiter.of("streaming", 4)) {
            for (int demand : DEMANDS) { // warms up
                one(limiter, Cost.NOTHING, Cost.NOTHING.items / part, demand);
                one(limiter, Cost.NOTHING, Cost.NOTHING.items / part, demand);
            }
            for (Cost cost : Cost.values()) {
                for (int demand : DEMANDS) {
                    table.append(one(limiter, cost, cost.items / part, demand).row(cost, demand));
                }
            }
            table.append('\n').append(firsts(limiter, FIRSTS / part));
        }
        return table.toString();
    }

    private static Reader one(CapacityLimiter limiter, Cost cost, int items, int demand) throws Exception {
        long before = limiter.statistics().acquired();
        Reader reader = new Reader(items, demand);
        Limiters.iterate(limiter, () -> new Source(cost, items)).subscribe(reader);
        reader.ended.get(60, TimeUnit.SECONDS);
        reader.admissions = limiter.statistics().acquired() - before;
        return reader;
    }

    /** One after another, with pauses, as requests come. */
    private static String firsts(CapacityLimiter limiter, int count) throws Exception {
        long[] first = new long[count];
        for (int i = 0; i < 2 * count; i++) { // the first half warms up
            Reader reader = new Reader(1, 1);
            Limiters.iterate(limiter, () -> new Source(Cost.NOTHING, 1)).subscribe(reader);
            reader.ended.get(60, TimeUnit.SECONDS);
            first[i % count] = reader.firstAt - reader.subscribedAt;
            LockSupport.parkNanos(100_000);
        }
        Arrays.sort(first);
        return String.format(
                Locale.ROOT,
                "From the subscription to the first item: p50 %.0f µs, p99 %.0f µs.%n",
                first[count / 2] / 1e3,
                first[count * 99 / 100] / 1e3);
    }

    /** Items that say when they were made. */
    private static final class Source implements Iterator<Long> {
        private final Cost cost;
        private final int items;
        private int drawn;

        Source(Cost cost, int items) {
            this.cost = cost;
            this.items = items;
        }

        @Override
        public boolean hasNext() {
            return drawn < items;
        }

        @Override
        public Long next() {
            long nanos = cost.nanos(drawn++);
            if (nanos > 0) {
                LockSupport.parkNanos(nanos); // as a blocking source would; the kernel adds some 50 µs
            }
            return System.nanoTime();
        }
    }

    /** Asks for more when it has what it asked for, on whatever thread it is told, as a response does whose socket takes everything. */
    private static final class Reader implements Flow.Subscriber<Long> {
        final CompletableFuture<Void> ended = new CompletableFuture<>();
        final long subscribedAt = System.nanoTime();
        private final CompletableFuture<Flow.Subscription> subscription = new CompletableFuture<>();
        private final long[] delays;
        private final int demand;
        private int received;
        long firstAt;
        private long lastAt;
        long admissions;

        Reader(int items, int demand) {
            this.delays = new long[items];
            this.demand = demand;
        }

        @Override
        public void onSubscribe(Flow.Subscription given) {
            subscription.complete(given);
            given.request(demand);
        }

        @Override
        public void onNext(Long madeAt) {
            lastAt = System.nanoTime();
            if (received == 0) {
                firstAt = lastAt;
            }
            delays[received++] = lastAt - madeAt;
            if (received % demand == 0) {
                subscription.join().request(demand);
            }
        }

        @Override
        public void onError(Throwable failure) {
            ended.completeExceptionally(failure);
        }

        @Override
        public void onComplete() {
            ended.complete(null);
        }

        String row(Cost cost, int asked) {
            if (received != delays.length) {
                throw new IllegalStateException("items: expected " + delays.length + ", received " + received);
            }
            Arrays.sort(delays);
            return String.format(
                    Locale.ROOT,
                    "| %s | %,d | %,.0f | %s | %.1f | %.1f |%n",
                    cost.title,
                    asked,
                    received * 1e9 / (lastAt - subscribedAt),
                    Numbers.brief(admissions * 1e3 / received),
                    delays[received / 2] / 1e3,
                    delays[received * 99 / 100] / 1e3);
        }
    }
}
