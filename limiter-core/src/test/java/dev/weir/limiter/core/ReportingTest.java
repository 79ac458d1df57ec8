package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.tck.IdleLimiters;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What goes wrong where no caller looks is logged, and once. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ReportingTest {

    private static final int SECONDS = 10;

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    @RegisterExtension
    final Warnings warnings = new Warnings();

    private final Logged failure = new Logged("where nobody looks");

    private CapacityLimiter limiter(Executor workers) {
        return limiters.watchAndClose(CapacityLimiter.builder("reporting")
                .capacity(1)
                .workers(workers)
                .build());
    }

    private static void awaitOpen(CountDownLatch latch) {
        try {
            assertThat(latch.await(SECONDS, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void rule_4_2_background_work_that_fails_is_logged_once() {
        CompletableFuture<Void> work = Limiters.background(limiter(Runnable::run), () -> {
            throw failure;
        });

        assertThat(work).isCompletedExceptionally();
        assertThat(failure.times()).isEqualTo(1);
    }

    @Test
    void rule_4_2_background_work_that_gets_no_worker_is_logged_once() {
        CompletableFuture<Void> work = Limiters.background(
                limiter(task -> {
                    throw failure;
                }),
                () -> {});

        assertThat(work).isCompletedExceptionally();
        assertThat(failure.times()).isEqualTo(1);
    }

    /** Its caller leaves where the refusal is counted, and need not be told any more. */
    @Test
    void rule_4_2_background_work_that_gets_no_worker_and_was_left_is_not_logged() throws Exception {
        AtomicReference<@Nullable CompletableFuture<Void>> left = new AtomicReference<>();
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("reporting")
                .capacity(1)
                .workers(task -> {
                    throw failure;
                })
                .listener(new LimiterListener() {
                    @Override
                    public void refused(CapacityLimiter from, RefusalReason reason) {
                        Objects.requireNonNull(left.get()).cancel(false);
                    }
                })
                .build());
        Permit held = limiter.acquire();
        left.set(Limiters.background(limiter, () -> {}));

        held.close();

        assertThat(left.get()).isCancelled();
        assertThat(failure.times()).isZero();
    }

    @Test
    void rule_2_3_the_failure_of_background_work_whose_caller_left_is_logged_once() {
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch mayFail = new CountDownLatch(1);
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.of("reporting", 1));
        CompletableFuture<Void> work = Limiters.background(limiter, () -> {
            running.countDown();
            awaitOpen(mayFail);
            throw failure;
        });
        awaitOpen(running);
        work.cancel(false);
        CompletableFuture<Void> next = Limiters.run(limiter, () -> {}); // on the same worker, which is passed it
        mayFail.countDown();

        assertThat(next).succeedsWithin(SECONDS, TimeUnit.SECONDS);
        await().untilAsserted(() -> assertThat(failure.times()).isEqualTo(1));
    }

    @Test
    void rule_2_2_work_that_fails_before_a_caller_is_for_the_caller_to_log() {
        CompletableFuture<Void> work = Limiters.run(limiter(Runnable::run), () -> {
            throw failure;
        });

        assertThat(work).isCompletedExceptionally();
        assertThat(failure.times()).isZero();
    }

    @Test
    void rule_2_2_a_handler_of_uncaught_exceptions_that_fails_is_logged_and_harms_nobody() {
        Thread thread = Thread.currentThread();
        Thread.UncaughtExceptionHandler before = thread.getUncaughtExceptionHandler();
        thread.setUncaughtExceptionHandler((where, uncaught) -> {
            throw failure;
        });
        try {
            Limiters.executor(limiter(Runnable::run)).execute(() -> {
                throw new IllegalStateException("the task's own");
            });
        } finally {
            thread.setUncaughtExceptionHandler(before);
        }

        assertThat(failure.times()).isEqualTo(1);
    }

    @Test
    void rule_2_2_a_handler_of_uncaught_exceptions_that_ends_with_an_error_harms_nobody() {
        Thread thread = Thread.currentThread();
        Thread.UncaughtExceptionHandler before = thread.getUncaughtExceptionHandler();
        thread.setUncaughtExceptionHandler((where, uncaught) -> {
            throw new AssertionError(failure);
        });
        try {
            Limiters.executor(limiter(Runnable::run)).execute(() -> {
                throw new IllegalStateException("the task's own");
            });
        } finally {
            thread.setUncaughtExceptionHandler(before);
        }

        assertThat(failure.times()).isPositive();
    }

    @Test
    void rule_2_4_a_deadlock_is_logged_with_its_report() {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.of("reporting", 1));
        CompletableFuture<Void> work = Limiters.run(limiter, () -> {
            limiter.acquire().close();
            return null;
        });

        assertThat(work).failsWithin(SECONDS, TimeUnit.SECONDS);
        assertThat(warnings.messages()).singleElement().asString().contains("'reporting'", "ReportingTest.java:");
    }

    /** Wants everything, and notes how it ended. */
    private static class Reader implements Flow.Subscriber<Integer> {
        final List<Object> ends = new ArrayList<>();

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(Integer item) {}

        @Override
        public void onError(Throwable reason) {
            ends.add(reason);
        }

        @Override
        public void onComplete() {
            ends.add("complete");
        }
    }

    private void read(Stream<Integer> items, Flow.Subscriber<Integer> reader) {
        AtomicInteger closed = new AtomicInteger();
        Limiters.iterate(limiter(Runnable::run), items.onClose(closed::incrementAndGet))
                .subscribe(reader);
        assertThat(closed).as("times closed").hasValue(1);
    }

    @Test
    void rule_3_4_a_subscriber_that_fails_when_it_gets_its_subscription_is_logged_and_the_source_closed() {
        Reader reader = new Reader() {
            @Override
            public void onSubscribe(Flow.Subscription subscription) {
                throw failure;
            }
        };

        read(Stream.of(1), reader);

        assertThat(failure.times()).isEqualTo(1);
        assertThat(reader.ends).isEmpty();
    }

    @Test
    void rule_3_4_a_subscriber_that_fails_over_an_item_is_logged_and_the_source_closed() {
        Reader reader = new Reader() {
            @Override
            public void onNext(Integer item) {
                throw failure;
            }
        };

        read(Stream.of(1, 2), reader);

        assertThat(failure.times()).isEqualTo(1);
        assertThat(reader.ends).isEmpty();
    }

    @Test
    void rule_3_4_a_subscriber_that_fails_when_it_is_refused_is_logged_and_the_source_closed() throws Exception {
        CapacityLimiter full = limiters.watchAndClose(
                CapacityLimiter.builder("full").capacity(1).maxWaiting(0).build());
        CountDownLatch closed = new CountDownLatch(1);
        try (Permit held = full.acquire()) {
            Limiters.iterate(full, Stream.of(1).onClose(closed::countDown)).subscribe(new Reader() {
                @Override
                public void onError(Throwable reason) {
                    throw failure;
                }
            });
            assertThat(held.limiter()).isSameAs(full);
        }
        awaitOpen(closed);
        assertThat(failure.times()).isEqualTo(1);
    }

    @Test
    void rule_3_4_a_subscriber_that_fails_over_a_failure_is_logged() {
        read(Stream.of(0).map(number -> 1 / number), new Reader() {
            @Override
            public void onError(Throwable reason) {
                throw failure;
            }
        });

        assertThat(failure.times()).isEqualTo(1);
    }

    /** A reader that has left is told nothing, of what it did wrong before either. */
    @Test
    void rule_3_4_a_source_that_fails_after_its_subscriber_has_asked_for_nonsense_and_left_is_logged() {
        Left reader = new Left();

        read(
                Stream.of(1).peek(item -> {
                    reader.begun.get(0).request(-1);
                    reader.leave();
                    throw failure;
                }),
                reader);

        assertThat(failure.times()).isEqualTo(1);
        assertThat(reader.ends).isEmpty();
    }

    /** The reader hears of its nonsense, or has left: the source is not to blame. */
    @Test
    void rule_3_4_nonsense_of_a_subscriber_that_leaves_while_its_source_is_closed_is_no_failure_of_the_source() {
        Left reader = new Left();

        read(Stream.of(1).peek(item -> reader.begun.get(0).request(-1)).onClose(reader::leave), reader);

        assertThat(warnings.messages()).isEmpty();
        assertThat(reader.ends).isEmpty();
    }

    @Test
    void rule_3_4_a_subscriber_that_fails_at_the_end_is_logged() {
        read(Stream.of(1), new Reader() {
            @Override
            public void onComplete() {
                throw failure;
            }
        });

        assertThat(failure.times()).isEqualTo(1);
    }

    @Test
    void rule_3_4_a_subscriber_that_ends_with_an_error_wherever_it_is_called_harms_nobody() {
        AssertionError error = new AssertionError("the subscriber's");
        List<Throwable> escaped = new ArrayList<>();
        Executor workers = task -> {
            try {
                task.run();
            } catch (Throwable e) {
                escaped.add(e);
            }
        };
        List<Reader> readers = List.of(
                new Reader() {
                    @Override
                    public void onSubscribe(Flow.Subscription subscription) {
                        throw error;
                    }
                },
                new Reader() {
                    @Override
                    public void onNext(Integer item) {
                        throw error;
                    }
                },
                new Reader() {
                    @Override
                    public void onComplete() {
                        throw error;
                    }
                });
        for (Reader reader : readers) {
            AtomicInteger closed = new AtomicInteger();
            Limiters.iterate(limiter(workers), Stream.of(1).onClose(closed::incrementAndGet))
                    .subscribe(reader);
            assertThat(closed).as("times closed").hasValue(1);
            assertThat(reader.ends).isEmpty();
        }
        assertThat(escaped).as("on the worker").isEmpty();
    }

    /** Leaves when it is told to. */
    private static final class Left extends Reader {
        private final List<Flow.Subscription> begun = new ArrayList<>();

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            begun.add(subscription);
            super.onSubscribe(subscription);
        }

        void leave() {
            begun.forEach(Flow.Subscription::cancel);
        }
    }

    @Test
    void rule_3_4_a_source_that_fails_after_its_subscriber_has_left_is_logged_once() {
        Left reader = new Left();

        read(
                Stream.of(1).peek(item -> {
                    reader.leave();
                    throw failure;
                }),
                reader);

        assertThat(failure.times()).isEqualTo(1);
        assertThat(reader.ends).isEmpty();
    }

    @Test
    void rule_3_4_a_source_that_fails_to_close_after_its_subscriber_has_left_is_logged_once() {
        Left reader = new Left();

        read(
                Stream.of(1).peek(item -> reader.leave()).onClose(() -> {
                    throw failure;
                }),
                reader);

        assertThat(failure.times()).isEqualTo(1);
        assertThat(reader.ends).isEmpty();
    }

    @Test
    void rule_3_1_a_source_that_fails_to_close_at_its_end_is_told_the_subscriber() {
        Reader reader = new Reader();

        read(
                Stream.of(1).onClose(() -> {
                    throw failure;
                }),
                reader);

        assertThat(reader.ends).containsExactly(failure);
        assertThat(failure.times()).isZero();
    }

    @Test
    void rule_3_1_a_source_that_fails_and_then_fails_to_close_tells_both() {
        Reader reader = new Reader();
        IllegalStateException drawing = new IllegalStateException("drawing");

        read(
                Stream.of(1)
                        .peek(item -> {
                            throw drawing;
                        })
                        .onClose(() -> {
                            throw failure;
                        }),
                reader);

        assertThat(reader.ends).containsExactly(drawing);
        assertThat(drawing).hasSuppressedException(failure);
    }

    @Test
    void rule_3_1_a_source_that_fails_and_then_closes_with_an_error_tells_both() {
        Reader reader = new Reader();
        AssertionError closing = new AssertionError("closing");

        read(
                Stream.of(1)
                        .peek(item -> {
                            throw failure;
                        })
                        .onClose(() -> {
                            throw closing;
                        }),
                reader);

        assertThat(reader.ends).containsExactly(failure);
        assertThat(failure).hasSuppressedException(closing);
    }

    @Test
    void rule_3_1_a_source_that_fails_to_close_for_the_reason_it_failed_before_tells_it_once() {
        Reader reader = new Reader();

        read(
                Stream.of(1)
                        .peek(item -> {
                            throw failure;
                        })
                        .onClose(() -> {
                            throw failure;
                        }),
                reader);

        assertThat(reader.ends).containsExactly(failure);
        assertThat(failure).hasNoSuppressedExceptions();
    }
}
