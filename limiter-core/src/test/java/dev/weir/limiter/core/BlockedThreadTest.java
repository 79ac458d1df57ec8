package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.tck.IdleLimiters;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Threads that wait for a permit. */
@Timeout(60)
class BlockedThreadTest {

    private static final int SECONDS = 10;

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    private final CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.of("blocking", 1));

    private void assertSleepsUntilThereIsAPermit(Callable<Permit> acquire) throws Exception {
        FutureTask<Boolean> acquired = new FutureTask<>(() -> {
            acquire.call().close();
            return true;
        });
        Thread thread = new Thread(acquired, "blocked-thread-test");
        thread.setDaemon(true);
        try (Permit held = limiter.acquire()) {
            thread.start();
            await("what a thread dump says").until(() -> held.limiter().equals(LockSupport.getBlocker(thread)));
        }
        assertThat(acquired.get(SECONDS, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void rule_1_5_a_thread_that_waits_sleeps_and_a_thread_dump_says_for_which_limiter() throws Exception {
        assertSleepsUntilThereIsAPermit(limiter::acquire);
    }

    @Test
    void rule_1_5_a_thread_that_waits_for_a_time_sleeps_and_a_thread_dump_says_for_which_limiter() throws Exception {
        assertSleepsUntilThereIsAPermit(
                () -> limiter.tryAcquire(Duration.ofHours(1)).orElseThrow());
    }

    /** The exception says it: the flag would say it a second time, to whatever the thread does next. */
    @Test
    void rule_1_5_a_thread_that_is_interrupted_while_it_waits_is_told_once() throws Exception {
        FutureTask<Boolean> stillInterrupted = new FutureTask<>(() -> {
            assertThatExceptionOfType(InterruptedException.class).isThrownBy(limiter::acquire);
            return Thread.currentThread().isInterrupted();
        });
        Thread thread = new Thread(stillInterrupted, "blocked-thread-test");
        thread.setDaemon(true);
        try (Permit held = limiter.acquire()) {
            thread.start();
            await().until(() -> held.limiter().statistics().waiting() == 1);
            thread.interrupt();
            assertThat(stillInterrupted.get(SECONDS, TimeUnit.SECONDS)).isFalse();
        }
    }

    @Test
    void rule_1_6_the_refusal_of_a_thread_that_waits_says_where_it_waited() throws Exception {
        FutureTask<StackTraceElement[]> refused = new FutureTask<>(() -> {
            try {
                limiter.acquire().close();
                return new StackTraceElement[0];
            } catch (LimitExceededException e) {
                return e.getStackTrace();
            }
        });
        Thread thread = new Thread(refused, "blocked-thread-test");
        thread.setDaemon(true);
        try (Permit held = limiter.acquire()) {
            thread.start();
            await().until(() -> held.limiter().statistics().waiting() == 1);
            limiter.close();
            assertThat(refused.get(SECONDS, TimeUnit.SECONDS))
                    .anyMatch(frame -> frame.getClassName().equals(BlockedThreadTest.class.getName()));
        }
    }

    private static boolean namesThisTest(Throwable refusal) {
        return Stream.of(refusal.getStackTrace())
                .anyMatch(frame -> frame.getClassName().equals(BlockedThreadTest.class.getName()));
    }

    @Test
    void rule_1_6_a_thread_that_is_refused_at_once_or_has_waited_for_too_long_is_told_where_and_counted_once()
            throws Exception {
        CapacityLimiter impatient = limiters.watchAndClose(CapacityLimiter.builder("impatient")
                .capacity(0)
                .maxWait(Duration.ofMillis(5))
                .build());
        CapacityLimiter full = limiters.watchAndClose(
                CapacityLimiter.builder("full").capacity(0).maxWaiting(0).build());

        assertThatExceptionOfType(LimitExceededException.class)
                .isThrownBy(impatient::acquire)
                .matches(BlockedThreadTest::namesThisTest)
                .matches(refusal -> refusal.reason() == RefusalReason.WAIT_TIMEOUT);
        assertThatExceptionOfType(LimitExceededException.class)
                .isThrownBy(full::acquire)
                .matches(BlockedThreadTest::namesThisTest)
                .matches(refusal -> refusal.reason() == RefusalReason.QUEUE_FULL);

        assertThat(impatient.statistics().refused(RefusalReason.WAIT_TIMEOUT)).isEqualTo(1);
        assertThat(full.statistics().refused(RefusalReason.QUEUE_FULL)).isEqualTo(1);
    }

    @Test
    void rule_1_6_whoever_would_wait_for_longer_than_the_limiter_lets_him_waits_as_long_as_it_does() throws Exception {
        CapacityLimiter impatient = limiters.watchAndClose(CapacityLimiter.builder("impatient")
                .capacity(0)
                .maxWait(Duration.ofMillis(5))
                .build());
        assertThat(impatient.tryAcquire(Duration.ofHours(1))).isEmpty();
        assertThat(impatient.statistics().refused(RefusalReason.WAIT_TIMEOUT)).isEqualTo(1);
        assertThat(impatient.tryAcquire(Duration.ofMillis(1))).isEmpty();
        assertThat(impatient.statistics().refused(RefusalReason.WAIT_TIMEOUT)).isEqualTo(1);
        assertThat(impatient.statistics().withdrawn()).as("of its own accord").isEqualTo(1);
    }

    @Test
    void rule_1_9_a_thread_that_was_interrupted_before_is_told_once_and_for_which_limiter() {
        Thread.currentThread().interrupt();
        assertThatExceptionOfType(InterruptedException.class)
                .isThrownBy(limiter::acquire)
                .withMessage("interrupted before waiting for limiter 'blocking'");
        assertThat(Thread.interrupted()).isFalse();
    }

    /** What runs code of others has to wait for the end of such code on the same thread; a thread does not. */
    @Test
    void rule_1_2_a_dependent_that_frees_a_permit_may_wait_for_the_thread_that_gets_it() throws Exception {
        Permit held = limiter.acquire();
        FutureTask<String> blocked = new FutureTask<>(() -> {
            try (Permit permit = limiter.acquire()) {
                return permit.limiter().name();
            }
        });
        CompletableFuture<String> told = limiter.acquireAsync().thenApply(permit -> {
            permit.close();
            try {
                return blocked.get(SECONDS, TimeUnit.SECONDS);
            } catch (Exception e) {
                throw new AssertionError(e);
            }
        });
        Thread thread = new Thread(blocked, "blocked-thread-test");
        thread.setDaemon(true);
        thread.start();
        await().until(() -> limiter.statistics().waiting() == 2);

        held.close();

        assertThat(told).isCompletedWithValue("blocking");
    }
}
