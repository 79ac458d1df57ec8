package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.jetbrains.lincheck.LincheckAssertionError;
import org.jetbrains.lincheck.datastructures.IntGen;
import org.jetbrains.lincheck.datastructures.ModelCheckingOptions;
import org.jetbrains.lincheck.datastructures.Operation;
import org.jetbrains.lincheck.datastructures.Options;
import org.jetbrains.lincheck.datastructures.Param;
import org.jetbrains.lincheck.datastructures.StressOptions;
import org.jetbrains.lincheck.datastructures.ThreadIdGen;
import org.junit.jupiter.api.Test;

/**
 * Whatever threads do to a gate looks as if they had done it one after another: Lincheck compares with {@link SequentialGate},
 * by interleaving at every access to memory and by running in parallel. Each way of checking has to find a fault first.
 */
class GateLincheckTest {

    /** The gate as it is. */
    @Param(name = "thread", gen = ThreadIdGen.class)
    @Param(name = "capacity", gen = IntGen.class, conf = "0:3")
    public static class Sound extends GateOperations {

        @Override
        @Operation
        public boolean tryTake(@Param(name = "thread") int thread) {
            return super.tryTake(thread);
        }

        @Override
        @Operation
        public String ask(@Param(name = "thread") int thread) {
            return super.ask(thread);
        }

        @Override
        @Operation
        public String leave(@Param(name = "thread") int thread) {
            return super.leave(thread);
        }

        @Override
        @Operation
        public String release(@Param(name = "thread") int thread) {
            return super.release(thread);
        }

        @Override
        @Operation
        public int resize(@Param(name = "capacity") int capacity) {
            return super.resize(capacity);
        }

        @Override
        @Operation
        public void settleLedger() {
            super.settleLedger();
        }

        @Override
        @Operation
        public String statistics() {
            return super.statistics();
        }
    }

    /** A canary: it looks, and then takes. */
    @Param(name = "thread", gen = ThreadIdGen.class)
    @Param(name = "capacity", gen = IntGen.class, conf = "0:3")
    public static class LooksFirst extends Sound {

        @Override
        @Operation
        public String ask(@Param(name = "thread") int thread) {
            Gate.Snapshot now = gate.snapshot();
            if (now.waiting() == 0 && now.inUse() < now.capacity()) {
                return tryTake(thread) ? "GRANTED" : "QUEUE_FULL"; // somebody else has taken it
            }
            return super.ask(thread);
        }
    }

    private static ModelCheckingOptions interleaved() {
        return new ModelCheckingOptions()
                .iterations(40)
                .invocationsPerIteration(1_000)
                .loopBound(1_000); // whoever finds the gate locked spins for longer than Lincheck expects
    }

    private static StressOptions parallel() {
        return new StressOptions().iterations(40).invocationsPerIteration(3_000);
    }

    private static <O extends Options<O, ?>> O sized(O options) {
        return options.threads(2)
                .actorsPerThread(4)
                .actorsBefore(2)
                .actorsAfter(2)
                .sequentialSpecification(SequentialGate.class);
    }

    @Test
    void rule_1_2_and_1_3_every_interleaving_is_as_one_after_another() {
        sized(interleaved()).check(Sound.class);
    }

    @Test
    void rule_1_2_and_1_3_every_parallel_run_is_as_one_after_another() {
        sized(parallel()).check(Sound.class);
    }

    @Test
    void canary_interleaving_finds_a_look_before_the_step() {
        assertThatThrownBy(() -> sized(interleaved()).check(LooksFirst.class))
                .isInstanceOf(LincheckAssertionError.class);
    }

    @Test
    void canary_running_in_parallel_finds_a_look_before_the_step() {
        assertThatThrownBy(() -> sized(parallel()).check(LooksFirst.class)).isInstanceOf(LincheckAssertionError.class);
    }
}
