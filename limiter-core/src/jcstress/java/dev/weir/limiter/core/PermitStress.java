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
import org.openjdk.jcstress.infra.results.III_Result;
import org.openjdk.jcstress.infra.results.LLLL_Result;

/** Races of a permit: rule 1.4. */
public final class PermitStress {

    private PermitStress() {}

    @JCStressTest
    @Description("A permit is closed by two threads: it is given back once.")
    @Outcome(id = "1, 1, 1", expect = Expect.ACCEPTABLE, desc = "one of two permits is still in use")
    @Outcome(expect = Expect.FORBIDDEN, desc = "given back twice, or not at all")
    @State
    public static class ClosedTwice {
        private final StressedLimiter limiter = new StressedLimiter(2);
        private final Permit permit = limiter.take();
        private final Permit other = limiter.take();

        @Actor
        public void one() {
            permit.close();
        }

        @Actor
        public void two() {
            permit.close();
        }

        @Arbiter
        public void look(III_Result result) {
            result.r1 = limiter.inUse();
            result.r2 = limiter.recorded();
            result.r3 = (int) limiter.limiter().statistics().released();
            other.close();
        }
    }

    @JCStressTest
    @Description("A permit is closed by who took it and by another, who takes the next one: it is given back once.")
    @Outcome(id = "2, 2, 1", expect = Expect.ACCEPTABLE, desc = "two of the three permits are still in use")
    @Outcome(expect = Expect.FORBIDDEN, desc = "given back twice, or not at all")
    @State
    public static class ClosedByItsOwnerAndAnother {
        private final StressedLimiter limiter = new StressedLimiter(3);
        private final Permit other = limiter.take();
        private volatile Permit shared;

        @Actor
        public void owner() {
            Permit permit = limiter.take();
            shared = permit;
            permit.close();
        }

        @Actor
        public void another() {
            Permit permit = shared;
            if (permit != null) {
                permit.close();
            }
            limiter.take();
        }

        @Arbiter
        public void look(III_Result result) {
            result.r1 = limiter.inUse();
            result.r2 = limiter.recorded();
            result.r3 = (int) limiter.limiter().statistics().released();
            other.close();
        }
    }

    @JCStressTest
    @Description("A permit is closed by who took it and by another, while two wait: one is admitted.")
    @Outcome(id = "granted, waiting, 1, 1", expect = Expect.ACCEPTABLE, desc = "the first has it")
    @Outcome(expect = Expect.FORBIDDEN, desc = "two were admitted, or nobody, or not the first")
    @State
    public static class ClosedByItsOwnerAndAnotherWhileTwoWait {
        private final StressedLimiter limiter = new StressedLimiter(1);
        private CompletableFuture<Permit> first;
        private CompletableFuture<Permit> second;
        private volatile Permit shared;

        @Actor
        public void owner() {
            Permit permit = limiter.take();
            first = limiter.queue();
            second = limiter.queue();
            shared = permit;
            permit.close();
        }

        @Actor
        public void another() {
            Permit permit = shared;
            if (permit != null) {
                permit.close();
            }
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
    @Description("A permit is closed by two threads while two wait: one is admitted.")
    @Outcome(id = "granted, waiting, 1, 1", expect = Expect.ACCEPTABLE, desc = "the first has it")
    @Outcome(expect = Expect.FORBIDDEN, desc = "two were admitted, or nobody, or not the first")
    @State
    public static class ClosedTwiceWhileTwoWait {
        private final StressedLimiter limiter = new StressedLimiter(1);
        private final Permit permit = limiter.take();
        private final CompletableFuture<Permit> first = limiter.queue();
        private final CompletableFuture<Permit> second = limiter.queue();

        @Actor
        public void one() {
            permit.close();
        }

        @Actor
        public void two() {
            permit.close();
        }

        @Arbiter
        public void look(LLLL_Result result) {
            result.r1 = StressedLimiter.outcome(first);
            result.r2 = StressedLimiter.outcome(second);
            result.r3 = limiter.inUse();
            result.r4 = limiter.recorded();
        }
    }
}
