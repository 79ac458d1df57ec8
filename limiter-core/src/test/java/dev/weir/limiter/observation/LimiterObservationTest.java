package dev.weir.limiter.observation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.Registration;
import dev.weir.limiter.ScopeListener;
import dev.weir.limiter.core.DeclaringScope;
import dev.weir.limiter.tck.IdleLimiters;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.micrometer.tracing.handler.DefaultTracingObservationHandler;
import io.micrometer.tracing.test.simple.SimpleSpan;
import io.micrometer.tracing.test.simple.SimpleTracer;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.slf4j.MDC;

/** Waits and work as spans of a real, if simple, tracer. */
@Timeout(60)
class LimiterObservationTest {

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    private final CapacityLimiter limiter = limiters.watchAndClose(
            CapacityLimiter.builder("one").capacity(1).maxWaiting(1).build());
    private final ObservationRegistry registry = ObservationRegistry.create();
    private final SimpleTracer tracer = new SimpleTracer();
    private final AtomicInteger open = new AtomicInteger();

    @BeforeEach
    void trace() {
        registry.observationConfig()
                .observationHandler(new DefaultTracingObservationHandler(tracer))
                .observationHandler(new Counting());
    }

    @AfterEach
    void everyObservationHasEnded() {
        await().until(() -> open.get() == 0);
        assertThat(registry.getCurrentObservation()).isNull();
        MDC.clear();
    }

    /** Counts what is open, and does for the logs what bridges to tracers do. */
    private final class Counting implements ObservationHandler<Observation.Context> {
        @Override
        public boolean supportsContext(Observation.Context context) {
            return true;
        }

        @Override
        public void onStart(Observation.Context context) {
            open.incrementAndGet();
        }

        @Override
        public void onStop(Observation.Context context) {
            open.decrementAndGet();
        }

        @Override
        public void onScopeOpened(Observation.Context context) {
            MDC.put("span", context.getName());
        }
    }

    private List<SimpleSpan> spans(String name) {
        return tracer.getSpans().stream()
                .filter(span -> span.getName().startsWith(name))
                .toList();
    }

    private SimpleSpan span(String name) {
        assertThat(spans(name)).as("spans whose name begins with '%s'", name).hasSize(1);
        return spans(name).get(0);
    }

    @Test
    void queue_time_is_a_span_and_the_work_another_in_the_trace_of_the_request() throws Exception {
        LimiterObservation.observe(limiter, registry);
        Permit held = limiter.tryAcquire().orElseThrow();
        AtomicReference<String> logged = new AtomicReference<>("");
        CompletableFuture<Observation> seen = new CompletableFuture<>();
        Observation request = Observation.start("request", registry);
        CompletableFuture<Void> work;
        try (Observation.Scope current = request.openScope()) {
            assertThat(current).isNotNull();
            work = Limiters.run(limiter, () -> {
                logged.set(MDC.get("span"));
                seen.complete(registry.getCurrentObservation());
            });
            assertThat(registry.getCurrentObservation()).isSameAs(request);
        }
        held.close();
        work.get(10, TimeUnit.SECONDS);
        request.stop();

        assertThat(seen.join().getContext().getName()).isEqualTo("weir.work");
        assertThat(logged).hasValue("weir.work");
        SimpleSpan parent = span("request");
        assertThat(span("wait for one").getTags())
                .containsEntry("limiter", "one")
                .containsEntry("role", "none")
                .containsEntry("scope", "none")
                .containsEntry("outcome", "granted");
        assertThat(List.of(span("wait for one"), span("work under one"))).allSatisfy(span -> {
            assertThat(span.getTraceId()).isEqualTo(parent.getTraceId());
            assertThat(span.getParentId()).isEqualTo(parent.getSpanId());
        });
        // Nothing is left on the worker.
        assertThat(Limiters.run(limiter, this::parentOfCurrent).get(10, TimeUnit.SECONDS))
                .isEqualTo("null");
    }

    private String parentOfCurrent() {
        Observation current = registry.getCurrentObservation();
        return current == null
                ? "nothing is current"
                : String.valueOf(current.getContext().getParentObservation());
    }

    @Test
    void work_that_need_not_wait_has_no_wait() throws Exception {
        LimiterObservation.observe(limiter, registry);
        Limiters.run(limiter, () -> "done").get(10, TimeUnit.SECONDS);
        assertThat(Limiters.<String>call(limiter, () -> "here")).isEqualTo("here");
        assertThat(spans("work under one")).hasSize(2);
        assertThat(spans("wait")).isEmpty();
    }

    @Test
    void waits_that_end_without_a_permit_say_how() throws Exception {
        LimiterObservation.observe(limiter, registry);
        Permit held = limiter.tryAcquire().orElseThrow();
        CompletableFuture<Permit> leaving = limiter.acquireAsync();
        assertThat(limiter.acquireAsync()).isCompletedExceptionally();
        leaving.cancel(false);
        held.close();
        assertThat(spans("wait for one"))
                .extracting(span -> span.getTags().get("outcome"))
                .containsExactlyInAnyOrder("queue_full", "withdrawn");
    }

    @Test
    void failure_of_the_work_is_the_spans() {
        LimiterObservation.observe(limiter, registry);
        IllegalStateException failure = new IllegalStateException("of the work");
        CompletableFuture<Object> work = Limiters.run(limiter, () -> {
            throw failure;
        });
        assertThat(work)
                .failsWithin(10, TimeUnit.SECONDS)
                .withThrowableOfType(ExecutionException.class)
                .withCause(failure);
        assertThat(span("work under one").getError()).isSameAs(failure);
    }

    @Test
    void slices_of_an_iteration_stand_beside_each_other() throws Exception {
        LimiterObservation.observe(limiter, registry);
        Observation request = Observation.start("request", registry);
        CompletableFuture<Void> ended = new CompletableFuture<>();
        try (Observation.Scope current = request.openScope()) {
            assertThat(current).isNotNull();
            Limiters.iterate(limiter, List.of(1, 2, 3)).subscribe(new OneByOne(ended));
        }
        ended.get(10, TimeUnit.SECONDS);
        request.stop();
        assertThat(spans("work under one"))
                .hasSizeGreaterThan(2)
                .allSatisfy(span ->
                        assertThat(span.getParentId()).isEqualTo(span("request").getSpanId()));
    }

    /** Asks for the next item from elsewhere, so that each is a slice. */
    private static final class OneByOne implements Flow.Subscriber<Integer> {
        private final CompletableFuture<Void> ended;
        private final List<Integer> items = new ArrayList<>();
        private Flow.Subscription subscription = new Flow.Subscription() {
            @Override
            public void request(long n) {}

            @Override
            public void cancel() {}
        };

        OneByOne(CompletableFuture<Void> ended) {
            this.ended = ended;
        }

        @Override
        public void onSubscribe(Flow.Subscription given) {
            subscription = given;
            subscription.request(1);
        }

        @Override
        @SuppressWarnings("FutureReturnValueIgnored") // the end of the subscription tells
        public void onNext(Integer item) {
            items.add(item);
            CompletableFuture.runAsync(
                    () -> subscription.request(1),
                    CompletableFuture.delayedExecutor(20, TimeUnit.MILLISECONDS)); // when the slice has ended
        }

        @Override
        public void onError(Throwable failure) {
            ended.completeExceptionally(failure);
        }

        @Override
        public void onComplete() {
            ended.complete(null);
        }
    }

    @Test
    void scopes_are_observed_with_groups_declared_later_until_the_end() throws Exception {
        try (LimiterScope scope =
                limiters.watch(LimiterScope.builder().name("orders").open())) {
            Registration observing = LimiterObservation.observe(scope, registry);
            CapacityLimiter group = scope.limiter("group", 1);
            Limiters.run(group, () -> {}).get(10, TimeUnit.SECONDS);
            Limiters.run(scope.background(), () -> {}).get(10, TimeUnit.SECONDS);
            assertThat(span("work under group").getTags())
                    .containsEntry("scope", "orders")
                    .containsEntry("role", "group");
            assertThat(span("work under background").getTags()).containsEntry("role", "background");
            observing.close();
            observing.close();
            Limiters.run(group, () -> {}).get(10, TimeUnit.SECONDS);
            Limiters.run(scope.limiter("later", 1), () -> {}).get(10, TimeUnit.SECONDS);
            assertThat(spans("work")).hasSize(2);
        }
    }

    /** Between its listening and its look. */
    @Test
    void a_group_that_is_declared_while_a_scope_begins_to_be_observed_is_observed_once() throws Exception {
        try (LimiterScope scope = limiters.watch(LimiterScope.open())) {
            LimiterScope declaring = DeclaringScope.of(scope, "between");
            LimiterObservation.observe(declaring, registry);
            Limiters.run(scope.limiter("between", 1), () -> {}).get(10, TimeUnit.SECONDS);
            assertThat(spans("work under between")).hasSize(1);
        }
    }

    /** Those who are to be told of a group are known before the first of them is. */
    @Test
    void a_group_that_is_told_of_after_the_end_is_not_observed() throws Exception {
        try (LimiterScope scope = limiters.watch(LimiterScope.open())) {
            AtomicReference<Registration> observing = new AtomicReference<>();
            scope.listen(new ScopeListener() {
                @Override
                public void added(CapacityLimiter group) {
                    observing.get().close();
                }
            });
            observing.set(LimiterObservation.observe(scope, registry));
            Limiters.run(scope.limiter("later", 1), () -> {}).get(10, TimeUnit.SECONDS);
            assertThat(spans("work")).isEmpty();
        }
    }

    @Test
    void handler_that_fails_changes_no_result() throws Exception {
        ObservationRegistry broken = ObservationRegistry.create();
        broken.observationConfig().observationHandler(new ObservationHandler<>() {
            @Override
            public boolean supportsContext(Observation.Context context) {
                return true;
            }

            @Override
            public void onStart(Observation.Context context) {
                throw new IllegalStateException("a handler of the test's that fails");
            }
        });
        LimiterObservation.observe(limiter, broken);
        Permit held = limiter.tryAcquire().orElseThrow();
        CompletableFuture<String> work = Limiters.run(limiter, () -> "done");
        held.close();
        assertThat(work.get(10, TimeUnit.SECONDS)).isEqualTo("done");
    }

    @Test
    void limiter_of_somebody_elses_says_that_it_cannot_be_observed() {
        CapacityLimiter foreign = (CapacityLimiter) Proxy.newProxyInstance(
                getClass().getClassLoader(),
                new Class<?>[] {CapacityLimiter.class},
                (proxy, method, arguments) -> "foreign");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LimiterObservation.observe(foreign, registry))
                .withMessageContaining("'foreign'");
    }
}
