package dev.weir.limiter.jetty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.tck.AdapterContract;
import dev.weir.limiter.tck.HttpProtocol;
import dev.weir.limiter.tck.ServerFixture;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.component.Graceful;
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

/**
 * Proof that the contract of adapters can fail: adapters that do one thing wrong fail the scenario about it, unless they declare
 * that they cannot do better.
 */
class BrokenAdaptersTest {

    static Stream<Arguments> breakages() {
        return Stream.of(
                Arguments.of(
                        KeepsThePermitOnError.class,
                        "s09_rule_5_6_an_asynchronous_handler_that_fails_gives_its_permit_back"),
                Arguments.of(
                        PromisesToSeeClientsLeave.class,
                        "s11_rule_5_3_a_client_that_left_while_queued_leaves_the_queue_and_its_handler_never_runs"),
                Arguments.of(HidesACapability.class, "s10_rule_5_3_every_exchange_declares_what_its_server_can_do"),
                Arguments.of(
                        ForgetsRetryAfter.class,
                        "s14_rule_5_4_a_full_queue_is_refused_with_the_same_bytes_on_every_server"),
                Arguments.of(
                        HasItsOwnBody.class,
                        "s14_rule_5_4_a_full_queue_is_refused_with_the_same_bytes_on_every_server"),
                Arguments.of(SaysContinueAtOnce.class, "s21_rule_5_4_100_continue_comes_after_admission"),
                Arguments.of(
                        IgnoresThePaceOfTheClient.class,
                        "s25_rule_5_5_a_slow_reader_of_four_thousand_items_holds_no_permit_and_little_memory"),
                Arguments.of(
                        NeverTellsThatTheClientLeft.class,
                        "s26_rule_5_5_a_client_killed_mid_stream_stops_the_source_within_a_second"),
                Arguments.of(
                        EndsWhatFailed.class,
                        "s31_rule_5_6_a_committed_stream_that_fails_is_cut_so_that_the_client_can_see_it"),
                Arguments.of(
                        SaysSentTooEarly.class,
                        "s51_rule_4_1_a_task_waits_until_a_client_that_reads_slowly_has_been_sent_everything"),
                Arguments.of(
                        StopsAtOnce.class,
                        "s57_rule_5_7_a_server_that_stops_loses_nothing_that_was_running_queued_or_in_the_background"));
    }

    @ParameterizedTest
    @MethodSource("breakages")
    void an_adapter_that_is_wrong_fails_the_scenario(Class<?> contract, String scenario) {
        assertThat(failuresOf(contract, scenario)).containsExactly(scenario);
    }

    @Test
    void the_same_adapter_without_its_fault_passes_all_these_scenarios() {
        String[] scenarios =
                breakages().map(given -> (String) given.get()[1]).distinct().toArray(String[]::new);

        assertThat(failuresOf(NotBroken.class, scenarios)).isEmpty();
    }

    static Stream<Arguments> lesserAdapters() {
        return Stream.of(
                Arguments.of(
                        MayAnswerWhole.class,
                        List.of(
                                "s31_rule_5_6_a_committed_stream_that_fails_is_cut_so_that_the_client_can_see_it",
                                "s32_rule_5_6_an_endpoint_that_fails_after_its_first_write_is_cut",
                                "s72_rule_5_6_a_stream_that_fails_is_reset_and_the_others_go_on")),
                Arguments.of(
                        MayContinueAtOnce.class,
                        List.of(
                                "s20_rule_5_4_a_client_that_expects_100_continue_is_refused_before_it_sends_the_body",
                                "s21_rule_5_4_100_continue_comes_after_admission")),
                Arguments.of(
                        MaySaySentTooEarly.class,
                        List.of("s51_rule_4_1_a_task_waits_until_a_client_that_reads_slowly_has_been_sent_everything")),
                Arguments.of(
                        MayBlockToRead.class,
                        List.of(
                                "s45_rule_5_5_a_slow_uploader_holds_no_permit_and_keeps_nobody_waiting",
                                "s48_rule_5_4_an_upload_is_refused_by_a_full_queue_and_not_half_way")));
    }

    @ParameterizedTest
    @MethodSource("lesserAdapters")
    void an_adapter_that_can_do_less_and_says_so_passes(Class<?> contract, List<String> scenarios) {
        assertThat(failuresOf(contract, scenarios.toArray(String[]::new))).isEmpty();
    }

    /** Runs some scenarios of a contract, and says which of them failed. */
    private static Set<String> failuresOf(Class<?> contract, String... scenarios) {
        List<MethodSelector> selected = Arrays.stream(scenarios)
                .map(scenario -> selectMethod(contract, scenario))
                .toList();
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
        assertThat(ran).isEqualTo(new TreeSet<>(List.of(scenarios)));
        return failed;
    }

    /** Makes the exchange of a request. */
    @FunctionalInterface
    interface Exchanging {
        BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback);
    }

    /** What {@link EndpointHandler} does, with an exchange that is broken. */
    private static class BrokenHandler extends Handler.Abstract.NonBlocking {
        private final ExchangeHandler handler;
        private final Exchanging exchanging;
        final Drain drain = new Drain();

        BrokenHandler(ExchangeHandler handler, Exchanging exchanging) {
            this.handler = handler;
            this.exchanging = exchanging;
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            Exchanges.serve(exchanging.exchange(drain, request, response, callback), handler);
            return true;
        }
    }

    /** It also lets a server that stops wait for what was accepted. */
    private static final class PatientHandler extends BrokenHandler implements Graceful {
        PatientHandler(ExchangeHandler handler, Exchanging exchanging) {
            super(handler, exchanging);
        }

        @Override
        public CompletableFuture<Void> shutdown() {
            return drain.begin();
        }

        @Override
        public boolean isShutdown() {
            return drain.isDraining();
        }
    }

    abstract static class Broken extends AdapterContract implements Exchanging {

        @Override
        protected Duration patience() {
            return Duration.ofSeconds(2);
        }

        @Override
        protected ServerFixture newServer() {
            return new JettyFixture(application -> new PatientHandler(application, this));
        }
    }

    static class NotBroken extends Broken {
        @Override
        protected Duration patience() {
            return Duration.ofSeconds(10);
        }

        @Override
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            return new BrokenExchange(drain, request, response, callback);
        }
    }

    /** It waits for a callback that never comes when an answer tells of an error. */
    static class KeepsThePermitOnError extends Broken {
        @Override
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            return new BrokenExchange(drain, request, response, callback) {
                @Override
                protected CompletionStage<Void> send(boolean first, ByteBuffer data, boolean last) {
                    CompletionStage<Void> sent = super.send(first, data, last);
                    return response.getStatus() == 500 ? new CompletableFuture<>() : sent;
                }
            };
        }
    }

    /** Its waiters stay, though it claims to see their clients leave. */
    static class PromisesToSeeClientsLeave extends Broken {
        @Override
        protected ServerFixture newServer() {
            return new Declaring(super.newServer(), PromisesToSeeClientsLeave::claim);
        }

        @Override
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            return new BrokenExchange(drain, request, response, callback) {
                @Override
                public Set<Capability> capabilities() {
                    return claim(super.capabilities());
                }
            };
        }

        private static Set<Capability> claim(Set<Capability> capabilities) {
            Set<Capability> more = EnumSet.copyOf(capabilities);
            more.add(Capability.DISCONNECT_WHILE_WAITING);
            return more;
        }
    }

    static class HidesACapability extends Broken {
        @Override
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            return new BrokenExchange(drain, request, response, callback) {
                @Override
                public Set<Capability> capabilities() {
                    Set<Capability> less = EnumSet.copyOf(super.capabilities());
                    less.remove(Capability.SENT_CONFIRMED);
                    return less;
                }
            };
        }
    }

    static class ForgetsRetryAfter extends Broken {
        @Override
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            return new BrokenExchange(drain, request, response, callback) {
                @Override
                Headers sentHeaders() {
                    return status() == 503 ? Headers.of("Content-Type", "application/problem+json") : headers();
                }
            };
        }
    }

    static class HasItsOwnBody extends Broken {
        @Override
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            return new BrokenExchange(drain, request, response, callback) {
                @Override
                protected CompletionStage<Void> send(boolean first, ByteBuffer data, boolean last) {
                    return super.send(
                            first, status() == 503 ? ByteBuffer.wrap(new byte[data.remaining()]) : data, last);
                }
            };
        }
    }

    static class SaysContinueAtOnce extends Broken {
        @Override
        @SuppressWarnings("FutureReturnValueIgnored") // whether the client gets it is nobody's business here
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            if (request.getHeaders().contains("Expect")) {
                response.writeInterim(100, HttpFields.EMPTY);
            }
            return new BrokenExchange(drain, request, response, callback);
        }
    }

    /** It keeps what the socket does not take, without end. */
    static class IgnoresThePaceOfTheClient extends Broken {
        @Override
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            return new BrokenExchange(drain, request, response, callback) {
                private CompletableFuture<Void> before = CompletableFuture.allOf();

                @Override
                protected CompletionStage<Void> send(boolean first, ByteBuffer data, boolean last) {
                    ByteBuffer copy =
                            ByteBuffer.allocate(data.remaining()).put(data).flip();
                    before = before.thenCompose(ignored -> super.send(first, copy, last));
                    return last ? before : CompletableFuture.allOf();
                }
            };
        }
    }

    /** A write that fails is left open. */
    static class NeverTellsThatTheClientLeft extends Broken {
        @Override
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            return new BrokenExchange(drain, request, response, callback) {
                @Override
                void left(Throwable cause) {}

                @Override
                protected CompletionStage<Void> send(boolean first, ByteBuffer data, boolean last) {
                    CompletableFuture<Void> sent = new CompletableFuture<>();
                    super.send(first, data, last).thenAccept(sent::complete);
                    return sent;
                }
            };
        }
    }

    /** The client takes what it got for the whole. */
    static class EndsWhatFailed extends Broken {
        @Override
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            return new BrokenExchange(drain, request, response, callback) {
                @Override
                protected void cut(Throwable cause) {
                    callback.succeeded();
                }
            };
        }
    }

    /** Background tasks begin before the response. */
    static class SaysSentTooEarly extends Broken {
        @Override
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            return new BrokenExchange(drain, request, response, callback) {
                @Override
                protected CompletionStage<Void> send(boolean first, ByteBuffer data, boolean last) {
                    super.send(first, data, last);
                    return CompletableFuture.allOf();
                }
            };
        }
    }

    /** Its handler does not tell Jetty what it still has to do. */
    static class StopsAtOnce extends Broken {
        @Override
        protected ServerFixture newServer() {
            return new JettyFixture(application -> new BrokenHandler(application, this));
        }

        @Override
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            return new BrokenExchange(drain, request, response, callback);
        }
    }

    /** Lacks a capability, and declares it. */
    abstract static class Lesser extends Broken {
        private final Capability missing;

        Lesser(Capability missing) {
            this.missing = missing;
        }

        @Override
        protected Duration patience() {
            return Duration.ofSeconds(10);
        }

        @Override
        protected ServerFixture newServer() {
            return new Declaring(super.newServer(), this::without);
        }

        Set<Capability> without(Set<Capability> capabilities) {
            Set<Capability> less = EnumSet.copyOf(capabilities);
            less.remove(missing);
            return less;
        }
    }

    static class MayAnswerWhole extends Lesser {
        MayAnswerWhole() {
            super(Capability.ABORT_COMMITTED);
        }

        @Override
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            return new EndsWhatFailed().exchange(drain, request, response, callback);
        }
    }

    static class MayContinueAtOnce extends Lesser {
        MayContinueAtOnce() {
            super(Capability.CONTINUE_AFTER_ADMISSION);
        }

        @Override
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            return new SaysContinueAtOnce().exchange(drain, request, response, callback);
        }
    }

    static class MaySaySentTooEarly extends Lesser {
        MaySaySentTooEarly() {
            super(Capability.SENT_CONFIRMED);
        }

        @Override
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            return new SaysSentTooEarly().exchange(drain, request, response, callback);
        }
    }

    static class MayBlockToRead extends Lesser {
        MayBlockToRead() {
            super(Capability.NON_BLOCKING_BODY);
        }

        @Override
        public BrokenExchange exchange(Drain drain, Request request, Response response, Callback callback) {
            return new BrokenExchange(drain, request, response, callback) {
                @Override
                protected CompletionStage<Optional<ByteBuffer>> receive() {
                    CompletableFuture<Optional<ByteBuffer>> received =
                            super.receive().toCompletableFuture();
                    received.handle((data, failure) -> true).join();
                    return received;
                }
            };
        }
    }

    /** A fixture that declares something else. */
    private record Declaring(ServerFixture server, UnaryOperator<Set<Capability>> change) implements ServerFixture {

        @Override
        public int start(ExchangeHandler application) throws Exception {
            return server.start(application);
        }

        @Override
        public int start(ExchangeHandler application, HttpProtocol protocol) throws Exception {
            return server.start(application, protocol);
        }

        @Override
        public Set<HttpProtocol> protocols() {
            return server.protocols();
        }

        @Override
        public CompletableFuture<Void> shutdown() {
            return server.shutdown();
        }

        @Override
        public Set<Capability> capabilities() {
            return change.apply(server.capabilities());
        }

        @Override
        public Set<Capability> capabilities(HttpProtocol protocol) {
            return change.apply(server.capabilities(protocol));
        }

        @Override
        public boolean isServerThread(Thread thread) {
            return server.isServerThread(thread);
        }

        @Override
        public void kill() throws Exception {
            server.kill();
        }
    }
}
