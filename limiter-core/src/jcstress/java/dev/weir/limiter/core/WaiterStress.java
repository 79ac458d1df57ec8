package dev.weir.limiter.core;

import dev.weir.limiter.Permit;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.ILL_Result;
import org.openjdk.jcstress.infra.results.LII_Result;
import org.openjdk.jcstress.infra.results.LLLL_Result;
import org.openjdk.jcstress.infra.results.ZII_Result;

/** Races of a waiter: rules 1.2 and 1.5. */
public final class WaiterStress {

    private WaiterStress() {}

    @JCStressTest
    @Description("Somebody leaves while his permit comes: he has it, or the next one has.")
    @Outcome(id = "granted, waiting, 1, 1", expect = Expect.ACCEPTABLE, desc = "granted first")
    @Outcome(id = "cancelled, granted, 1, 1", expect = Expect.ACCEPTABLE, desc = "left first, or handed on")
    @Outcome(expect = Expect.FORBIDDEN, desc = "a permit was lost, or there is one too many")
    @State
    public static class GrantAgainstCancel {
        private final StressedLimiter limiter = new StressedLimiter(1);
        private final Permit permit = limiter.take();
        private final CompletableFuture<Permit> first = limiter.queue();
        private final CompletableFuture<Permit> second = limiter.queue();

        @Actor
        public void giveBack() {
            permit.close();
        }

        @Actor
        public void leave() {
            first.cancel(false);
        }

        @Arbiter
        public void look(LLLL_Result result) {
            result.r1 = StressedLimiter.outcome(first);
            result.r2 = StressedLimiter.outcome(second);
            result.r3 = limiter.inUse();
            result.r4 = limiter.recorded();
        }
    }

    @JCStressTest
    @Description("The wait limit passes while the permit comes: one of them decides.")
    @Outcome(id = "granted, 1, 1", expect = Expect.ACCEPTABLE, desc = "granted first")
    @Outcome(id = "refused, 0, 0", expect = Expect.ACCEPTABLE, desc = "refused first: the permit is free")
    @Outcome(expect = Expect.FORBIDDEN, desc = "a permit was lost, or somebody waits for ever")
    @State
    public static class GrantAgainstWaitLimit {
        private final StressedLimiter limiter = new StressedLimiter(1);
        private final Permit permit = limiter.take();
        private final CompletableFuture<Permit> waiting = limiter.queue();

        @Actor
        public void giveBack() {
            permit.close();
        }

        @Actor
        public void expire() {
            limiter.expireAll();
        }

        @Arbiter
        public void look(LII_Result result) {
            result.r1 = StressedLimiter.outcome(waiting);
            result.r2 = limiter.inUse();
            result.r3 = limiter.recorded();
        }
    }

    @JCStressTest
    @Description("A blocked thread's own time passes while its permit comes.")
    @Outcome(id = "true, 1, 1", expect = Expect.ACCEPTABLE, desc = "granted in time")
    @Outcome(id = "false, 0, 0", expect = Expect.ACCEPTABLE, desc = "too late: the permit is free")
    @Outcome(expect = Expect.FORBIDDEN, desc = "a permit was lost")
    @State
    public static class GrantAgainstOwnLimit {
        private static final Duration SHORT = Duration.ofNanos(1_000);
        private final StressedLimiter limiter = new StressedLimiter(1);
        private final Permit permit = limiter.take();

        @Actor
        public void giveBack() {
            permit.close();
        }

        @Actor
        public void waitShortly(ZII_Result result) {
            result.r1 = limiter.takesWithin(SHORT);
        }

        @Arbiter
        public void look(ZII_Result result) {
            result.r2 = limiter.inUse();
            result.r3 = limiter.recorded();
        }
    }

    @JCStressTest
    @Description("Somebody queues while the only permit comes back: he has it.")
    @Outcome(id = "granted, 1, 1", expect = Expect.ACCEPTABLE, desc = "at once, or by the release")
    @Outcome(expect = Expect.FORBIDDEN, desc = "he was forgotten")
    @State
    public static class QueueAgainstRelease {
        private final StressedLimiter limiter = new StressedLimiter(1);
        private final Permit permit = limiter.take();

        @Actor
        public void giveBack() {
            permit.close();
        }

        @Actor
        public void ask(LII_Result result) {
            result.r1 = limiter.queue();
        }

        @Arbiter
        @SuppressWarnings("unchecked")
        public void look(LII_Result result) {
            result.r1 = StressedLimiter.outcome((CompletableFuture<Permit>) result.r1);
            result.r2 = limiter.inUse();
            result.r3 = limiter.recorded();
        }
    }

    @JCStressTest
    @Description("Two queue at once, and one looks: it is behind the other if it sees it wait, or it may be.")
    @Outcome(id = "1, waiting, granted", expect = Expect.ACCEPTABLE, desc = "alone, and first")
    @Outcome(id = "2, granted, waiting", expect = Expect.ACCEPTABLE, desc = "second")
    @Outcome(id = "2, waiting, granted", expect = Expect.ACCEPTABLE, desc = "first, and looked late")
    @Outcome(expect = Expect.FORBIDDEN, desc = "somebody came before it who was not there")
    @State
    public static class QueueAgainstQueue {
        private final StressedLimiter limiter = new StressedLimiter(1);
        private final Permit permit = limiter.take();
        private final CompletableFuture<Permit> none = new CompletableFuture<>();
        private CompletableFuture<Permit> one = none; // as the next, written by one actor
        private CompletableFuture<Permit> other = none;

        @Actor
        public void ask() {
            one = limiter.queue();
        }

        @Actor
        public void askAndLook(ILL_Result result) {
            other = limiter.queue();
            result.r1 = limiter.waiting();
        }

        @Arbiter
        public void look(ILL_Result result) {
            permit.close();
            result.r2 = StressedLimiter.outcome(one);
            result.r3 = StressedLimiter.outcome(other);
        }
    }

    @JCStressTest
    @Description(
            "Two queue behind the only waiter while the permit goes to him: both wait, and are served in their order.")
    @Outcome(id = "2, granted, granted, 0", expect = Expect.ACCEPTABLE, desc = "in the inbox, or taken in, or queued")
    @Outcome(expect = Expect.FORBIDDEN, desc = "somebody was forgotten, or barged in")
    @State
    public static class QueueBehindAgainstRelease {
        private final StressedLimiter limiter = new StressedLimiter(1);
        private final Permit permit = limiter.take();
        private final CompletableFuture<Permit> first = limiter.queue();
        private CompletableFuture<Permit> second = first; // as the next, written by one actor
        private CompletableFuture<Permit> third = first;

        @Actor
        public void giveBack() {
            permit.close();
        }

        @Actor
        public void ask() {
            second = limiter.queue();
            third = limiter.queue();
        }

        @Arbiter
        public void look(LLLL_Result result) {
            result.r1 = limiter.waiting();
            StressedLimiter.giveBack(first);
            StressedLimiter.giveBack(second);
            StressedLimiter.giveBack(third);
            result.r2 = StressedLimiter.outcome(second);
            result.r3 = StressedLimiter.outcome(third);
            result.r4 = limiter.inUse();
        }
    }
}
