package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.tck.IdleLimiters;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Work that begins or ends in the very moment in which its caller leaves, or its executor gives it up. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RunTaskRaceTest {

    private static final int ROUNDS = 50_000;

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    private final AtomicReference<@Nullable Runnable> given = new AtomicReference<>();
    private final CapacityLimiter limiter = limiters.watchAndClose(
            CapacityLimiter.builder("duel").capacity(1).workers(given::set).build());

    private Crew.Task given() {
        return (Crew.Task) Objects.requireNonNull(given.get());
    }

    /** T1 finds that the work waits, T2 begins it, T1 refuses it: its permit would come back twice. */
    @Test
    void rule_2_2_work_that_an_executor_begins_and_gives_up_at_once_is_run_or_refused_and_not_both() {
        RejectedExecutionException rejection = new RejectedExecutionException("never");
        try (Duel duel = new Duel(ROUNDS)) {
            long refused = 0;
            while (duel.goesOn()) {
                AtomicBoolean ran = new AtomicBoolean();
                AtomicBoolean gaveUp = new AtomicBoolean();
                CompletableFuture<Void> work = Limiters.run(limiter, () -> ran.set(true));
                Crew.Task task = given();

                duel.round(() -> gaveUp.set(task.noWorker(rejection)), task);

                refused += gaveUp.get() ? 1 : 0;
                assertThat(gaveUp.get()).isEqualTo(!ran.get());
                assertThat(work.isCompletedExceptionally()).isEqualTo(gaveUp.get());
                assertThat(limiter.statistics().inUse()).isZero();
            }
            assertThat(limiter.statistics().refused(RefusalReason.NO_WORKER)).isEqualTo(refused);
        }
    }

    /** What a piece of work sees when it begins. */
    private static final class Begin {
        private final AtomicBoolean left = new AtomicBoolean();
        private final AtomicBoolean late = new AtomicBoolean();
        private final AtomicBoolean told = new AtomicBoolean();
        private final AtomicInteger times = new AtomicInteger();

        int run() {
            late.set(left.get());
            told.set(Thread.currentThread().isInterrupted());
            return times.incrementAndGet();
        }
    }

    /** It may begin in the moment in which it is left; but then it was running, and is said to be abandoned. */
    @Test
    void rule_2_3_work_that_is_left_as_it_begins_never_runs_or_is_abandoned() {
        try (Duel duel = new Duel(ROUNDS)) {
            while (duel.goesOn()) {
                Begin begin = new Begin();
                long before = limiter.statistics().abandoned();
                CompletableFuture<Integer> work = Limiters.run(limiter, begin::run);

                duel.round(
                        () -> {
                            work.cancel(false);
                            begin.left.set(true);
                        },
                        given());

                assertThat(begin.late.get() && limiter.statistics().abandoned() == before)
                        .as("began after it was left, and nobody knows")
                        .isFalse();
                assertThat(limiter.statistics().inUse()).isZero();
            }
        }
    }

    /** T1 and T2 find running work, and both cancel it. */
    @Test
    void rule_2_3_work_that_two_cancel_at_once_is_abandoned_once() {
        try (Duel duel = new Duel(ROUNDS)) {
            while (duel.goesOn()) {
                long before = limiter.statistics().abandoned();
                AtomicReference<@Nullable CompletableFuture<Void>> work = new AtomicReference<>();
                work.set(Limiters.run(limiter, () -> {
                    CompletableFuture<Void> self = Objects.requireNonNull(work.get());
                    duel.round(() -> self.cancel(false), () -> self.cancel(false));
                }));

                given().run();

                assertThat(limiter.statistics().abandoned()).isEqualTo(before + 1);
            }
        }
    }

    @Test
    void rule_2_3_interruptible_work_that_is_left_as_it_begins_is_interrupted_and_nothing_after_it() {
        try (Duel duel = new Duel(ROUNDS)) {
            while (duel.goesOn()) {
                Begin begin = new Begin();
                long before = limiter.statistics().abandoned();
                CompletableFuture<Integer> work = Limiters.runInterruptibly(limiter, begin::run);

                duel.round(
                        () -> {
                            work.cancel(true);
                            begin.left.set(true);
                        },
                        given());

                if (begin.late.get()) {
                    assertThat(begin.told).as("interrupted").isTrue();
                    assertThat(limiter.statistics().abandoned()).isEqualTo(before + 1);
                }
                assertThat(duel.isOtherInterrupted())
                        .as("an interrupt is left on the thread")
                        .isFalse();
                assertThat(limiter.statistics().inUse()).isZero();
            }
        }
    }

    @Test
    void rule_2_3_interruptible_work_that_is_left_as_it_ends_leaves_no_interrupt_behind() {
        try (Duel duel = new Duel(ROUNDS)) {
            while (duel.goesOn()) {
                AtomicBoolean running = new AtomicBoolean();
                AtomicBoolean mayEnd = new AtomicBoolean();
                CompletableFuture<Boolean> work = Limiters.runInterruptibly(limiter, () -> {
                    running.set(true);
                    while (!mayEnd.get()) {
                        Thread.onSpinWait();
                    }
                    return true;
                });

                duel.round(
                        () -> {
                            while (!running.get()) {
                                Thread.onSpinWait();
                            }
                            mayEnd.set(true);
                            duel.hesitate();
                            work.cancel(true);
                        },
                        given());

                assertThat(work).isDone();
                assertThat(duel.isOtherInterrupted())
                        .as("an interrupt is left on the thread")
                        .isFalse();
                assertThat(limiter.statistics().inUse()).isZero();
            }
        }
    }

    /** An executor that runs it on two threads at once. */
    @Test
    void rule_1_4_work_that_two_threads_begin_at_once_runs_once_and_gives_one_permit_back() {
        boolean interruptible = false;
        try (Duel duel = new Duel(ROUNDS)) {
            while (duel.goesOn()) {
                Begin begin = new Begin();
                interruptible = !interruptible;
                CompletableFuture<Integer> work = interruptible
                        ? Limiters.runInterruptibly(limiter, begin::run)
                        : Limiters.run(limiter, begin::run);
                Crew.Task task = given();

                duel.round(task, task);

                assertThat(work).isCompletedWithValue(1);
                assertThat(begin.times).hasValue(1);
                assertThat(limiter.statistics().inUse()).isZero();
            }
        }
    }
}
