package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Deadlock;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.tck.IdleLimiters;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Nested use at random, with somebody who looks for deadlocks without a pause. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class DeadlockStressTest {

    private static final int THREADS = 6;

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private final long seed = Long.getLong("weir.stress.seed", System.nanoTime());
    private final Deadlocks deadlocks = new Deadlocks((nanos, task) -> {}, Runnable::run);
    private final List<Deadlock> reports = new CopyOnWriteArrayList<>();
    private final AtomicLong looks = new AtomicLong();
    private final AtomicLong looksAtSomebody = new AtomicLong();
    private @Nullable Deadlocks before;
    private volatile boolean ended;
    private @Nullable Thread looker;

    @BeforeEach
    void lookAllTheTime() {
        before = Deadlocks.use(deadlocks);
        Thread thread = new Thread(() -> {
            while (!ended) {
                looks.incrementAndGet();
                if (deadlocks.listed().size() > 1) {
                    looksAtSomebody.incrementAndGet();
                }
                deadlocks.breakAll();
            }
        });
        thread.setDaemon(true);
        thread.start();
        looker = thread;
    }

    @AfterEach
    void end() throws InterruptedException {
        if (before != null) {
            Deadlocks.use(before);
        }
        ended = true;
        if (looker != null) {
            looker.join(10_000);
        }
        await().until(() -> deadlocks.listed().isEmpty());
    }

    private CapacityLimiter limiter(String name, int capacity) {
        return idle.watchAndClose(CapacityLimiter.builder(name)
                .capacity(capacity)
                .listener(new LimiterListener() {
                    @Override
                    public void deadlocked(CapacityLimiter limiter, Deadlock deadlock) {
                        reports.add(deadlock);
                    }
                })
                .build());
    }

    /** Runs something on threads of the test's own, all of which have to end. */
    private void onThreads(Step step) throws Exception {
        List<CompletableFuture<Void>> all = new ArrayList<>();
        Random seeds = new Random(seed);
        for (int i = 0; i < THREADS; i++) {
            Random random = new Random(seeds.nextLong());
            CompletableFuture<Void> end = new CompletableFuture<>();
            Thread thread = new Thread(() -> {
                try {
                    step.run(random);
                    end.complete(null);
                } catch (Throwable e) {
                    end.completeExceptionally(e);
                }
            });
            thread.setDaemon(true);
            thread.start();
            all.add(end);
        }
        for (CompletableFuture<Void> one : all) {
            one.get(100, TimeUnit.SECONDS);
        }
    }

    @FunctionalInterface
    private interface Step {
        void run(Random random) throws Exception;
    }

    /** Waits under a limiter, in one of the ways there are. */
    private static void nest(CapacityLimiter limiter, int way, Step inner, Random random) throws Exception {
        switch (way) {
            case 0 -> Limiters.run(limiter, () -> call(inner, random)).join();
            case 1 -> Limiters.run(limiter, () -> call(inner, random)).get();
            case 2 -> Limiters.call(limiter, () -> call(inner, random));
            case 3 -> Limiters.finish(limiter, () -> call(inner, random)).join();
            case 4 -> limiter.acquire().close();
            default -> limiter.acquireAsync().join().close();
        }
    }

    private static boolean call(Step step, Random random) throws Exception {
        step.run(random);
        return true;
    }

    /**
     * There is never a ring: all go through the limiters in one order, then all in the other, and so on. But whoever takes a wait of
     * one round for one of the next sees rings all the time.
     */
    @Test
    void rule_2_4_no_alarm_where_there_is_no_ring() throws Exception {
        List<CapacityLimiter> order = List.of(limiter("A", 1), limiter("B", 2), limiter("C", 1));
        List<CapacityLimiter> reverse = new ArrayList<>(order);
        Collections.reverse(reverse);
        CyclicBarrier round = new CyclicBarrier(THREADS);
        int rounds = Integer.getInteger("weir.deadlock.rounds", 1_500);

        onThreads(random -> {
            for (int i = 0; i < rounds; i++) {
                climb(i % 2 == 0 ? order : reverse, 0, random);
                round.await(30, TimeUnit.SECONDS);
            }
        });

        System.out.println("weir.deadlock: " + looks + " looks, " + looksAtSomebody + " at several, seed " + seed);
        assertThat(reports).as("seed %d", seed).isEmpty();
        assertThat(looksAtSomebody).as("looks that saw something").hasPositiveValue();
        assertThat(order)
                .allSatisfy(
                        limiter -> assertThat(limiter.statistics().refused()).isZero());
    }

    private static void climb(List<CapacityLimiter> limiters, int level, Random random) throws Exception {
        if (level < limiters.size()) {
            nest(limiters.get(level), random.nextInt(3), next -> climb(limiters, level + 1, next), random);
        }
    }

    /** Rings all the time: every piece of work ends all the same, with its result or with a refusal that says why. */
    @Test
    void rule_2_4_everything_ends_where_there_are_rings() throws Exception {
        List<CapacityLimiter> limiters = List.of(limiter("A", 1), limiter("B", 2), limiter("C", 1), limiter("D", 2));
        AtomicInteger refused = new AtomicInteger();
        int pieces = Integer.getInteger("weir.deadlock.pieces", 400);

        onThreads(random -> {
            for (int i = 0; i < pieces; i++) {
                try {
                    nest(limiters.get(random.nextInt(4)), random.nextInt(4), next -> wander(limiters, 3, next), random);
                } catch (Exception e) {
                    assertIsRefusal(e);
                    refused.incrementAndGet();
                }
            }
        });

        long refusals = limiters.stream()
                .mapToLong(limiter -> limiter.statistics().refused(RefusalReason.WOULD_DEADLOCK))
                .sum();
        await().until(() -> reports.size() == refusals); // the listener hears of it after the one who was refused
        System.out.println("weir.deadlock: " + refusals + " rings, " + refused + " refused, seed " + seed);
        assertThat(reports).as("seed %d", seed).isNotEmpty();
        assertThat(reports)
                .allSatisfy(report -> assertThat(report.members())
                        .filteredOn(Deadlock.Member::refused)
                        .hasSize(1));
    }

    private static void wander(List<CapacityLimiter> limiters, int levels, Random random) throws Exception {
        if (levels > 0) {
            nest(
                    limiters.get(random.nextInt(limiters.size())),
                    random.nextInt(6),
                    next -> wander(limiters, levels - 1, next),
                    random);
        }
    }

    private static void assertIsRefusal(Exception e) {
        Throwable cause = e;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        assertThat(cause)
                .isInstanceOfSatisfying(
                        LimitExceededException.class,
                        refusal -> assertThat(refusal.reason()).isEqualTo(RefusalReason.WOULD_DEADLOCK));
    }
}
