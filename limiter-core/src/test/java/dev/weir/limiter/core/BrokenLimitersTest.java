package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.Permit;
import dev.weir.limiter.spi.ItemSource;
import dev.weir.limiter.spi.WorkLimiter;
import dev.weir.limiter.tck.CapacityLimiterContract;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.MethodSelector;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Proof that sections 2 to 4 of the contract can fail: limiters that do one thing wrong break the rule about it. */
class BrokenLimitersTest {

    static Stream<Arguments> breakages() {
        return Stream.of(
                Arguments.of(
                        PublishesBeforeThePermitIsBack.class,
                        "rule_2_1_the_permit_is_back_before_the_result_is_published"),
                Arguments.of(
                        KeepsThePermitOnError.class,
                        "rule_2_2_the_permit_comes_back_and_the_caller_gets_the_same_throwable"),
                Arguments.of(
                        RunsCancelledWork.class, "rule_2_3_work_cancelled_while_queued_never_runs_and_uses_no_permit"),
                Arguments.of(QueuesNestedWork.class, "rule_2_4_nested_work_runs_inline_on_the_permit_it_holds"),
                Arguments.of(WaitsForAWhile.class, "rule_2_4_a_ring_of_work_under_two_limiters_ends_with_one_refusal"),
                Arguments.of(FinishesBehindNewcomers.class, "rule_2_5_finishing_work_does_not_stand_behind_newcomers"),
                Arguments.of(NeverCloses.class, "rule_3_4_closed_once_at_the_end"),
                Arguments.of(ClosesTwice.class, "rule_3_4_closed_once_after_an_early_cancel_while_idle"),
                Arguments.of(RefusesHalfWay.class, "rule_3_7_continuing_work_waits_in_its_turn_and_is_never_refused"),
                Arguments.of(
                        RunsBackgroundOnTheCallersPermit.class,
                        "rule_4_1_background_work_under_the_callers_own_limiter_waits_for_a_permit_of_its_own"));
    }

    @ParameterizedTest
    @MethodSource("breakages")
    void a_limiter_that_is_wrong_breaks_the_rule(Class<?> contract, String rule) {
        assertThat(failuresOf(contract, rule)).containsExactly(rule);
    }

    @Test
    void the_same_limiter_without_its_fault_keeps_all_these_rules() {
        String[] rules = breakages().map(given -> (String) given.get()[1]).toArray(String[]::new);

        assertThat(failuresOf(NotBroken.class, rules)).isEmpty();
    }

    /** Runs some tests of a contract, and says which of them failed. */
    private static Set<String> failuresOf(Class<?> contract, String... tests) {
        List<MethodSelector> selected =
                Arrays.stream(tests).map(test -> selectMethod(contract, test)).toList();
        Set<String> ran = new ConcurrentSkipListSet<>();
        Set<String> failed = new ConcurrentSkipListSet<>();
        LauncherFactory.create()
                .execute(
                        LauncherDiscoveryRequestBuilder.request()
                                .selectors(selected)
                                .build(),
                        new TestExecutionListener() {
                            @Override
                            public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                                if (test.isTest()) {
                                    String name = test.getLegacyReportingName().replace("()", "");
                                    ran.add(name);
                                    if (result.getStatus() != TestExecutionResult.Status.SUCCESSFUL) {
                                        failed.add(name);
                                    }
                                }
                            }
                        });
        assertThat(ran).isEqualTo(new TreeSet<>(List.of(tests)));
        return failed;
    }

    /** The contract of core's limiters, less patient, with a fault put around them. */
    abstract static class Broken extends CapacityLimiterContract {

        abstract WorkLimiter fault(WorkLimiter limiter);

        @Override
        protected Duration patience() {
            return Duration.ofSeconds(1);
        }

        @Override
        protected CapacityLimiterBuilder newBuilder(String name) {
            CapacityLimiterBuilder builder = CapacityLimiter.builder(name);
            return (CapacityLimiterBuilder) Proxy.newProxyInstance(
                    CapacityLimiterBuilder.class.getClassLoader(),
                    new Class<?>[] {CapacityLimiterBuilder.class},
                    (proxy, method, arguments) -> {
                        try {
                            Object result = method.invoke(builder, arguments);
                            return method.getName().equals("build") ? fault((WorkLimiter) result) : proxy;
                        } catch (InvocationTargetException e) {
                            throw e.getCause();
                        }
                    });
        }
    }

    static class NotBroken extends Broken {
        @Override
        protected Duration patience() {
            return Duration.ofSeconds(10);
        }

        @Override
        WorkLimiter fault(WorkLimiter limiter) {
            return new DelegatingLimiter(limiter);
        }
    }

    static class PublishesBeforeThePermitIsBack extends Broken {
        @Override
        WorkLimiter fault(WorkLimiter limiter) {
            return new DelegatingLimiter(limiter) {
                @Override
                @SuppressWarnings("FutureReturnValueIgnored") // the fault: nobody waits for the permit to be back
                public <T> CompletableFuture<T> run(Callable<? extends T> work, boolean interruptOnCancel) {
                    CompletableFuture<T> early = new CompletableFuture<>();
                    limiter.run(
                            () -> {
                                try {
                                    early.complete(work.call());
                                } catch (Throwable e) {
                                    early.completeExceptionally(e);
                                }
                                return null;
                            },
                            interruptOnCancel);
                    return early;
                }
            };
        }
    }

    static class KeepsThePermitOnError extends Broken {
        @Override
        WorkLimiter fault(WorkLimiter limiter) {
            return new DelegatingLimiter(limiter) {
                @Override
                @SuppressWarnings("FutureReturnValueIgnored") // the fault: the permit is lost
                public <T> CompletableFuture<T> run(Callable<? extends T> work, boolean interruptOnCancel) {
                    CompletableFuture<T> result = limiter.run(work, interruptOnCancel);
                    return result.whenComplete((value, failure) -> {
                        if (failure instanceof Error) {
                            limiter.acquireAsync(); // never to be given back
                        }
                    });
                }
            };
        }
    }

    static class RunsCancelledWork extends Broken {
        @Override
        WorkLimiter fault(WorkLimiter limiter) {
            return new DelegatingLimiter(limiter) {
                @Override
                public <T> CompletableFuture<T> run(Callable<? extends T> work, boolean interruptOnCancel) {
                    return limiter.<T>run(work, interruptOnCancel).copy(); // whose cancelling nobody hears of
                }
            };
        }
    }

    static class QueuesNestedWork extends Broken {
        @Override
        WorkLimiter fault(WorkLimiter limiter) {
            return new DelegatingLimiter(limiter) {
                @Override
                public <T> CompletableFuture<T> run(Callable<? extends T> work, boolean interruptOnCancel) {
                    CompletableFuture<T> result = new CompletableFuture<>();
                    limiter.executor().execute(() -> {
                        try {
                            result.complete(work.call());
                        } catch (Throwable e) {
                            result.completeExceptionally(e);
                        }
                    });
                    return result;
                }
            };
        }
    }

    /** What has a time limit ends by itself, and is nobody's deadlock. */
    static class WaitsForAWhile extends Broken {
        @Override
        WorkLimiter fault(WorkLimiter limiter) {
            return new DelegatingLimiter(limiter) {
                @Override
                public <T> CompletableFuture<T> run(Callable<? extends T> work, boolean interruptOnCancel) {
                    return limiter.<T>run(work, interruptOnCancel).orTimeout(2, TimeUnit.SECONDS);
                }
            };
        }
    }

    static class FinishesBehindNewcomers extends Broken {
        @Override
        WorkLimiter fault(WorkLimiter limiter) {
            return new DelegatingLimiter(limiter) {
                @Override
                public <T> CompletableFuture<T> finish(Callable<? extends T> work) {
                    return limiter.run(work, false);
                }
            };
        }
    }

    static class NeverCloses extends Broken {
        @Override
        WorkLimiter fault(WorkLimiter limiter) {
            return closing(limiter, 0);
        }
    }

    static class ClosesTwice extends Broken {
        @Override
        WorkLimiter fault(WorkLimiter limiter) {
            return closing(limiter, 2);
        }
    }

    private static WorkLimiter closing(WorkLimiter limiter, int times) {
        return new DelegatingLimiter(limiter) {
            @Override
            public <T> Flow.Publisher<T> iterate(ItemSource<? extends T> source) {
                return limiter.iterate(() -> new ClosingCursor<T>(source.open(), times));
            }
        };
    }

    private record ClosingCursor<T>(ItemSource.Cursor<? extends T> cursor, int times) implements ItemSource.Cursor<T> {
        @Override
        public boolean hasNext() throws Exception {
            return cursor.hasNext();
        }

        @Override
        public T next() throws Exception {
            return cursor.next();
        }

        @Override
        public void close() throws Exception {
            for (int i = 0; i < times; i++) {
                cursor.close();
            }
        }
    }

    static class RefusesHalfWay extends Broken {
        @Override
        WorkLimiter fault(WorkLimiter limiter) {
            return new DelegatingLimiter(limiter) {
                @Override
                public CompletableFuture<Permit> acquireContinuation() {
                    return limiter.acquireAsync();
                }
            };
        }
    }

    static class RunsBackgroundOnTheCallersPermit extends Broken {
        @Override
        WorkLimiter fault(WorkLimiter limiter) {
            return new DelegatingLimiter(limiter) {
                @Override
                @SuppressWarnings("NullAway") // Void has no value but null
                public CompletableFuture<Void> background(Runnable work) {
                    return limiter.run(
                            () -> {
                                work.run();
                                return null;
                            },
                            false);
                }
            };
        }
    }
}
