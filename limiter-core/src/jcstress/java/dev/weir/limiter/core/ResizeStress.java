package dev.weir.limiter.core;

import dev.weir.limiter.Permit;
import java.util.concurrent.CompletableFuture;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.Description;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.LII_Result;
import org.openjdk.jcstress.infra.results.LLLL_Result;

/** Races of a resize: rule 1.3. */
public final class ResizeStress {

    private ResizeStress() {}

    @JCStressTest
    @Description("A permit is taken while the capacity shrinks: never after that.")
    @Outcome(id = "1, true, 1, 1", expect = Expect.ACCEPTABLE, desc = "taken first")
    @Outcome(id = "0, false, 0, 0", expect = Expect.ACCEPTABLE, desc = "shrunk first")
    @Outcome(expect = Expect.FORBIDDEN, desc = "admitted above the capacity")
    @State
    public static class ShrinkAgainstAcquire {
        private final StressedLimiter limiter = new StressedLimiter(1);

        @Actor
        public void shrink(LLLL_Result result) {
            limiter.resize(0);
            result.r1 = limiter.inUse();
        }

        @Actor
        public void take(LLLL_Result result) {
            result.r2 = limiter.tryTake();
        }

        @Arbiter
        public void look(LLLL_Result result) {
            result.r3 = limiter.inUse();
            result.r4 = limiter.recorded();
        }
    }

    @JCStressTest
    @Description("A permit comes back while the capacity shrinks below what is in use.")
    @Outcome(id = "granted, 2, 2", expect = Expect.ACCEPTABLE, desc = "passed on first: nothing is revoked")
    @Outcome(id = "waiting, 1, 1", expect = Expect.ACCEPTABLE, desc = "shrunk first")
    @Outcome(expect = Expect.FORBIDDEN, desc = "admitted above the capacity, or a permit was lost")
    @State
    public static class ShrinkAgainstRelease {
        private final StressedLimiter limiter = new StressedLimiter(2);
        private final Permit permit = limiter.take();
        private final Permit other = limiter.take();
        private final CompletableFuture<Permit> waiting = limiter.queue();

        @Actor
        public void shrink() {
            limiter.resize(1);
        }

        @Actor
        public void giveBack() {
            permit.close();
        }

        @Arbiter
        public void look(LII_Result result) {
            result.r1 = StressedLimiter.outcome(waiting);
            result.r2 = limiter.inUse();
            result.r3 = limiter.recorded();
            other.close();
        }
    }

    @JCStressTest
    @Description("Somebody queues behind another while the capacity grows to two: nobody is forgotten.")
    @Outcome(id = "granted, granted, 2, 2", expect = Expect.ACCEPTABLE, desc = "both are admitted")
    @Outcome(expect = Expect.FORBIDDEN, desc = "one was forgotten")
    @State
    public static class GrowAgainstQueue {
        private final StressedLimiter limiter = new StressedLimiter(0);
        private final CompletableFuture<Permit> first = limiter.queue();

        @Actor
        public void grow() {
            limiter.resize(2);
        }

        @Actor
        public void ask(LLLL_Result result) {
            result.r2 = limiter.queue();
        }

        @Arbiter
        @SuppressWarnings("unchecked")
        public void look(LLLL_Result result) {
            result.r1 = StressedLimiter.outcome(first);
            result.r2 = StressedLimiter.outcome((CompletableFuture<Permit>) result.r2);
            result.r3 = limiter.inUse();
            result.r4 = limiter.recorded();
        }
    }

    @JCStressTest
    @Description("Somebody asks while the capacity grows from nothing: he is admitted.")
    @Outcome(id = "granted, 1, 1", expect = Expect.ACCEPTABLE, desc = "at once, or by the resize")
    @Outcome(expect = Expect.FORBIDDEN, desc = "he was forgotten")
    @State
    public static class GrowAgainstFirst {
        private final StressedLimiter limiter = new StressedLimiter(0);

        @Actor
        public void grow() {
            limiter.resize(1);
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
}
