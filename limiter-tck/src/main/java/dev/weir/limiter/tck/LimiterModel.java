package dev.weir.limiter.tck;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.spi.WorkLimiter;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/**
 * A random program for one thread, run on a limiter and on the simplest model of one: two counts and a queue. After each step
 * everybody's fate and all numbers must agree.
 */
final class LimiterModel {

    static final int MAX_WAITING = 6;

    private static final int MAX_CAPACITY = 5;
    private static final int STEPS_SHOWN = 30;

    private enum Fate {
        WAITING,
        HOLDING,
        /** Granted to one whose dependent gave it back at once, or given back since. */
        OVER,
        QUEUE_FULL,
        CLOSED,
        CANCELLED
    }

    /** Somebody who asked, as the limiter answered and as the model expects. */
    private static final class Asker {
        final int number;
        final boolean exempt;
        /** Its dependent gives the permit back within the grant. */
        final boolean brief;

        final CompletableFuture<Permit> answer;
        final CompletableFuture<Void> brieflyHeld;
        Fate expected = Fate.WAITING;

        Asker(int number, boolean exempt, boolean brief, CompletableFuture<Permit> answer) {
            this.number = number;
            this.exempt = exempt;
            this.brief = brief;
            this.answer = answer;
            this.brieflyHeld = brief ? answer.thenAccept(Permit::close) : CompletableFuture.allOf();
        }
    }

    private final CapacityLimiter limiter;
    private final Random random;
    private final Deque<String> steps = new ArrayDeque<>();
    private final List<Asker> all = new ArrayList<>();

    // The model.
    private int capacity;
    private int inUse;
    private boolean closed;
    private final Deque<Asker> queue = new ArrayDeque<>();
    private long acquired;
    private long released;
    private long withdrawn;
    private final Map<RefusalReason, Long> refused = new EnumMap<>(RefusalReason.class);

    LimiterModel(CapacityLimiter limiter, long seed) {
        this.limiter = limiter;
        this.random = new Random(seed);
        this.capacity = limiter.capacity();
    }

    /** Runs the program, and ends with everything given back. */
    void run(int length) {
        try {
            for (int i = 0; i < length; i++) {
                boolean interrupted = random.nextInt(10) == 0;
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
                step();
                check(Thread.interrupted(), interrupted, "the interrupt flag");
                compare();
            }
            leave();
        } catch (Throwable e) {
            throw new AssertionError("after " + steps + ": " + e.getMessage(), e);
        }
    }

    private void step() {
        switch (random.nextInt(20)) {
            case 0, 1, 2 -> tryAcquire();
            case 3, 4, 5, 6, 7 -> ask(false);
            case 8, 9 -> ask(true);
            case 10, 11, 12, 13, 14 -> pick(Fate.HOLDING).ifPresent(this::giveBack);
            case 15, 16 -> pick(Fate.WAITING).ifPresent(this::cancel);
            case 17 -> pick(Fate.OVER).ifPresent(this::giveBackAgain);
            case 18 -> resize(random.nextInt(MAX_CAPACITY + 1));
            default -> {
                if (random.nextInt(40) == 0) {
                    close();
                }
            }
        }
    }

    private void note(String step) {
        steps.add(step);
        if (steps.size() > STEPS_SHOWN) {
            steps.remove();
        }
    }

    private Optional<Asker> pick(Fate fate) {
        List<Asker> found = all.stream().filter(asker -> asker.expected == fate).toList();
        return found.isEmpty() ? Optional.empty() : Optional.of(found.get(random.nextInt(found.size())));
    }

    // ---- what can be done ----

    private void tryAcquire() {
        note("tryAcquire");
        Optional<Permit> permit = limiter.tryAcquire();
        boolean expected = !closed && queue.isEmpty() && inUse < capacity;
        check(permit.isPresent(), expected, "tryAcquire");
        if (expected) {
            Asker asker = new Asker(all.size(), false, false, CompletableFuture.completedFuture(permit.orElseThrow()));
            all.add(asker);
            grant(asker);
        }
    }

    private void ask(boolean continuing) {
        boolean exempt = continuing && limiter instanceof WorkLimiter;
        boolean brief = random.nextInt(4) == 0;
        note((brief ? "briefly " : "") + (exempt ? "continue " : "acquire ") + all.size());
        CompletableFuture<Permit> answer =
                exempt ? ((WorkLimiter) limiter).acquireContinuation() : limiter.acquireAsync();
        Asker asker = new Asker(all.size(), exempt, brief, answer);
        all.add(asker);
        if (closed && !exempt) {
            refuse(asker, Fate.CLOSED, RefusalReason.CLOSED);
        } else if (queue.isEmpty() && inUse < capacity) {
            grant(asker);
        } else if (!exempt && queue.size() >= MAX_WAITING) {
            refuse(asker, Fate.QUEUE_FULL, RefusalReason.QUEUE_FULL);
        } else {
            queue.add(asker);
        }
    }

    private void giveBack(Asker asker) {
        note("give back " + asker.number);
        asker.answer.join().close();
        asker.expected = Fate.OVER;
        inUse--;
        released++;
        grantFree();
    }

    private void giveBackAgain(Asker asker) {
        note("give back again " + asker.number);
        asker.answer.join().close();
    }

    private void cancel(Asker asker) {
        note("cancel " + asker.number);
        check(asker.answer.cancel(false), true, "cancelling " + asker.number);
        asker.expected = Fate.CANCELLED;
        queue.remove(asker);
        withdrawn++;
    }

    private void resize(int newCapacity) {
        note("resize to " + newCapacity);
        limiter.resize(newCapacity);
        capacity = newCapacity;
        grantFree();
    }

    private void close() {
        note("close");
        limiter.close();
        closed = true;
        for (Asker asker : List.copyOf(queue)) {
            if (!asker.exempt) {
                queue.remove(asker);
                refuse(asker, Fate.CLOSED, RefusalReason.CLOSED);
            }
        }
    }

    // ---- what the model does then ----

    private void grantFree() {
        while (inUse < capacity && !queue.isEmpty()) {
            grant(queue.remove());
        }
    }

    private void grant(Asker asker) {
        acquired++;
        if (asker.brief) {
            asker.expected = Fate.OVER;
            released++;
        } else {
            asker.expected = Fate.HOLDING;
            inUse++;
        }
    }

    private void refuse(Asker asker, Fate fate, RefusalReason reason) {
        asker.expected = fate;
        refused.merge(reason, 1L, Long::sum);
    }

    // ---- what must agree ----

    private void compare() {
        for (Asker asker : all) {
            check(fate(asker), asker.expected, "the fate of " + asker.number);
        }
        LimiterStatistics now = limiter.statistics();
        check(now.capacity(), capacity, "capacity");
        check(now.inUse(), inUse, "in use");
        check(now.available(), capacity - inUse, "available");
        check(now.waiting(), queue.size(), "waiting");
        check(now.acquired(), acquired, "acquired");
        check(now.released(), released, "released");
        check(now.withdrawn(), withdrawn, "withdrawn");
        for (RefusalReason reason : RefusalReason.values()) {
            check(now.refused(reason), refused.getOrDefault(reason, 0L), "refused: " + reason);
        }
    }

    private static Fate fate(Asker asker) {
        if (!asker.answer.isDone()) {
            return Fate.WAITING;
        }
        if (asker.answer.isCancelled()) {
            return Fate.CANCELLED;
        }
        try {
            Objects.requireNonNull(asker.answer.join());
            if (asker.brief) {
                check(asker.brieflyHeld.isDone(), true, "the dependent of " + asker.number + " has run");
            }
            return asker.brief || asker.expected == Fate.OVER ? Fate.OVER : Fate.HOLDING;
        } catch (CompletionException e) {
            if (e.getCause() instanceof LimitExceededException refusal) {
                return Fate.valueOf(refusal.reason().name());
            }
            throw e;
        }
    }

    private void leave() {
        note("leave");
        resize(MAX_CAPACITY);
        for (Optional<Asker> next = pick(Fate.HOLDING); next.isPresent(); next = pick(Fate.HOLDING)) {
            giveBack(next.get());
        }
        compare();
        check(queue.size() + inUse, 0, "waiting and in use at the end");
    }

    private static void check(@Nullable Object actual, Object expected, String what) {
        if (!expected.equals(actual)) {
            throw new AssertionError(what + ": expected " + expected + ", was " + actual);
        }
    }
}
