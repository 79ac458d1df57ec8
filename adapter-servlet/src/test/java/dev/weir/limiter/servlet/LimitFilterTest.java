package dev.weir.limiter.servlet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.PermitScope;
import dev.weir.limiter.servlet.Connection.Answer;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.FilterRegistration;
import jakarta.servlet.MultipartConfigElement;
import jakarta.servlet.ServletContext;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRegistration;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The filter in front of servlets that know nothing of it. */
class LimitFilterTest extends ContainerTest {

    private final AtomicInteger runs = new AtomicInteger();

    private Application limited(CapacityLimiter limiter, Service service) {
        return context -> {
            new LimitFilter(limiter).register(context, "/limited/*");
            add(context, "/limited/*", (request, response) -> {
                runs.incrementAndGet();
                service.service(request, response);
            });
        };
    }

    private static Service blockedBy(CountDownLatch gate) {
        return (request, response) -> {
            await10s(gate);
            response.getOutputStream().print("done");
        };
    }

    @Test
    void rule51WaitingHoldsNoThread() throws Exception {
        CapacityLimiter limiter = limiter("slow", 2);
        CountDownLatch gate = latch();
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        start(limited(limiter, (request, response) -> {
            most.accumulateAndGet(running.incrementAndGet(), Math::max);
            await10s(gate);
            running.decrementAndGet();
            response.getOutputStream().print("done");
        }));
        List<Connection> clients = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            clients.add(connect().get("/limited/" + i));
        }
        eventuallyUses(limiter, 2, 38);

        try (Connection other = connect()) {
            assertThat(other.get("/ping").answer().text()).isEqualTo("pong");
        }
        assertThat(runs).hasValue(2);
        gate.countDown();

        for (Connection client : clients) {
            assertThat(client.answer().text()).isEqualTo("done");
            client.close();
        }
        assertThat(runs).hasValue(40);
        assertThat(most).hasValue(2);
    }

    @Test
    void rule51TargetNeedNotSupportAsync() throws Exception {
        CapacityLimiter limiter = limiter("slow", 1);
        CountDownLatch gate = latch();
        start(context -> {
            new LimitFilter(limiter).register(context, "/limited/*");
            add(context, "/limited/*", false, (request, response) -> {
                assertThat(request.isAsyncSupported()).isFalse();
                await10s(gate);
                response.getOutputStream().print(request.getPathInfo() + "?" + request.getQueryString());
            });
        });
        try (Connection first = connect().get("/limited/a%20b?x=%20");
                Connection second = connect()) {
            eventuallyUses(limiter, 1, 0);
            second.get("/limited/c%20d?y=%3F");
            eventuallyUses(limiter, 1, 1);
            gate.countDown();

            assertThat(first.answer().text()).isEqualTo("/a b?x=%20");
            assertThat(second.answer().text()).isEqualTo("/c d?y=%3F");
        }
    }

    @Test
    void rule52ACompleteThatComesBehindADispatchEndsNothing() throws Exception {
        assumeTrue(KIND != Container.UNDERTOW, "a container that refuses to complete what is being dispatched");
        CapacityLimiter limiter = limiter("async", 1);
        CountDownLatch gate = latch();
        CountDownLatch dispatched = new CountDownLatch(1);
        CompletableFuture<Boolean> refused = new CompletableFuture<>();
        start(limited(limiter, (request, response) -> {
            if (request.getDispatcherType() == DispatcherType.ASYNC) {
                dispatched.countDown();
                await10s(gate);
                response.getOutputStream().print("dispatched");
                return;
            }
            AsyncContext async = request.startAsync();
            async.dispatch();
            try {
                async.complete();
                refused.complete(false);
            } catch (IllegalStateException e) {
                refused.complete(true);
            }
        }));
        try (Connection client = connect().get("/limited/1")) {
            assertThat(refused.get(10, TimeUnit.SECONDS)).isTrue();
            await10s(dispatched);
            assertThat(limiter.statistics().inUse()).isEqualTo(1);
            gate.countDown();
            assertThat(client.answer().text()).isEqualTo("dispatched");
        }
        eventuallyUses(limiter, 0, 0);
    }

    @Test
    void rule52PermitIsHeldUntilAsyncTargetCompletes() throws Exception {
        CapacityLimiter limiter = limiter("async", 1);
        BlockingQueue<AsyncContext> suspended = new LinkedBlockingQueue<>();
        start(limited(limiter, (request, response) -> suspended.add(request.startAsync())));
        try (Connection first = connect().get("/limited/1");
                Connection second = connect()) {
            AsyncContext one = suspended.poll(10, TimeUnit.SECONDS);
            second.get("/limited/2");
            eventuallyUses(limiter, 1, 1);

            one.getResponse().getOutputStream().print("one");
            one.complete();
            assertThat(first.answer().text()).isEqualTo("one");

            AsyncContext two = suspended.poll(10, TimeUnit.SECONDS);
            eventuallyUses(limiter, 1, 0);
            two.getResponse().getOutputStream().print("two");
            two.complete();
            assertThat(second.answer().text()).isEqualTo("two");
        }
        eventuallyUses(limiter, 0, 0);
    }

    /** As applications do that keep those of all clients, and remove one. */
    @Test
    void rule52AsyncContextIsEqualToItselfHoweverItIsAskedFor() throws Exception {
        CapacityLimiter limiter = limiter("async", 2);
        BlockingQueue<List<AsyncContext>> suspended = new LinkedBlockingQueue<>();
        start(limited(limiter, (request, response) -> {
            AsyncContext started = request.startAsync();
            suspended.add(List.of(started, request.getAsyncContext()));
        }));
        try (Connection one = connect().get("/limited/1")) {
            List<AsyncContext> first = suspended.poll(10, TimeUnit.SECONDS);
            try (Connection other = connect().get("/limited/2")) {
                List<AsyncContext> second = suspended.poll(10, TimeUnit.SECONDS);
                assertThat(first.get(0)).isEqualTo(first.get(0)).isEqualTo(first.get(1));
                assertThat(first.get(0)).hasSameHashCodeAs(first.get(1));
                assertThat(first.get(0)).isNotEqualTo(second.get(0)).isNotEqualTo("another");
                assertThat(first).doesNotContain(second.get(0));
                second.get(1).complete();
                assertThat(other.answer().status()).isEqualTo(200);
            }
            first.get(1).complete();
            assertThat(one.answer().status()).isEqualTo(200);
        }
    }

    @Test
    void rule52PermitIsHeldOverDispatchesOfTheTarget() throws Exception {
        CapacityLimiter limiter = limiter("async", 1);
        BlockingQueue<AsyncContext> suspended = new LinkedBlockingQueue<>();
        CountDownLatch gate = latch();
        start(limited(limiter, (request, response) -> {
            if (request.getDispatcherType() == DispatcherType.ASYNC && request.getAttribute("again") != null) {
                await10s(gate);
                response.getOutputStream().print("again");
            } else {
                request.setAttribute("again", true);
                suspended.add(request.startAsync());
            }
        }));
        try (Connection holder = connect().get("/limited/holder");
                Connection second = connect()) {
            AsyncContext first = suspended.poll(10, TimeUnit.SECONDS);
            second.get("/limited/second");
            eventuallyUses(limiter, 1, 1);
            first.dispatch();
            eventually(() -> runs.get() == 2);
            eventuallyUses(limiter, 1, 1);
            gate.countDown();

            assertThat(holder.answer().text()).isEqualTo("again");
            suspended.poll(10, TimeUnit.SECONDS).dispatch();
            assertThat(second.answer().text()).isEqualTo("again");
        }
        assertThat(runs).hasValue(4);
    }

    /** There the filter is not asked, and the request that the target has is not the filter's. */
    @Test
    void rule52PermitIsHeldOverADispatchToAPathThatIsNotLimited() throws Exception {
        CapacityLimiter limiter = limiter("async", 1);
        BlockingQueue<AsyncContext> suspended = new LinkedBlockingQueue<>();
        start(context -> {
            new LimitFilter(limiter).register(context, "/limited/*");
            add(
                    context,
                    "/limited/*",
                    (request, response) -> request.startAsync().dispatch("/free/target"));
            add(context, "/free/*", (request, response) -> suspended.add(request.startAsync()));
        });
        try (Connection client = connect().get("/limited/1")) {
            AsyncContext async = suspended.poll(10, TimeUnit.SECONDS);
            assertThat(limiter.statistics().inUse()).isEqualTo(1);

            async.getResponse().getOutputStream().print("free");
            async.complete();

            assertThat(client.answer().text()).isEqualTo("free");
        }
        eventuallyUses(limiter, 0, 0);
    }

    @Test
    void rule52DispatchInsideServiceKeepsThePermit() throws Exception {
        CapacityLimiter limiter = limiter("async", 1);
        AtomicInteger inUse = new AtomicInteger(-1);
        start(limited(limiter, (request, response) -> {
            if (request.getDispatcherType() == DispatcherType.ASYNC) {
                inUse.set(limiter.statistics().inUse());
                response.getOutputStream().print("again");
            } else {
                request.startAsync().dispatch();
            }
        }));
        try (Connection client = connect().get("/limited/1")) {
            assertThat(client.answer().text()).isEqualTo("again");
        }
        assertThat(inUse).hasValue(1);
    }

    @Test
    void rule52HandlerScopeEndsWhenTheServletReturns() throws Exception {
        CapacityLimiter limiter = limiter("async", 1);
        BlockingQueue<AsyncContext> suspended = new LinkedBlockingQueue<>();
        start(context -> {
            new LimitFilter(limiter, PermitScope.HANDLER).register(context, "/limited/*");
            add(context, "/limited/*", (request, response) -> suspended.add(request.startAsync()));
        });
        try (Connection first = connect().get("/limited/1");
                Connection second = connect()) {
            AsyncContext one = suspended.poll(10, TimeUnit.SECONDS);
            eventuallyUses(limiter, 0, 0);
            second.get("/limited/2");
            suspended.poll(10, TimeUnit.SECONDS).complete();
            assertThat(second.answer().status()).isEqualTo(200);
            one.complete();
            assertThat(first.answer().status()).isEqualTo(200);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"runtime", "servlet", "error", "sendError", "asyncThenThrow", "timeout"})
    void rule52ErrorsGiveThePermitBack(String how) throws Exception {
        CapacityLimiter limiter = limiter("failing", 1);
        CountDownLatch gate = latch();
        start(limited(limiter, (request, response) -> {
            if (request.getPathInfo().equals("/holder")) {
                await10s(gate);
            }
            switch (how) {
                case "runtime" -> throw new IllegalStateException("expected by the test");
                case "servlet" -> throw new ServletException("expected by the test");
                case "error" -> throw new AssertionError("expected by the test");
                case "sendError" -> response.sendError(500);
                case "asyncThenThrow" -> {
                    request.startAsync();
                    throw new IllegalStateException("expected by the test");
                }
                default -> request.startAsync().setTimeout(100);
            }
        }));
        try (Connection atOnce = connect().get("/limited/holder");
                Connection waited = connect()) {
            eventuallyUses(limiter, 1, 0);
            waited.get("/limited/waited");
            eventuallyUses(limiter, 1, 1);
            gate.countDown();

            assertThat(atOnce.answer().status()).isEqualTo(500);
            assertThat(waited.answer().status()).isEqualTo(500);
        }
        eventuallyUses(limiter, 0, 0);
    }

    @Test
    void rule53CancelledStreamLeavesTheQueueAndNeverRuns() throws Exception {
        assumeTrue(has(Capability.DISCONNECT_WHILE_WAITING, "HTTP/2.0"), "declared");
        CapacityLimiter limiter = limiter("slow", 1);
        CountDownLatch gate = latch();
        start(limited(limiter, blockedBy(gate)));
        HttpClient client = http2();
        CompletableFuture<HttpResponse<String>> running = send(client, get("/limited/1"));
        eventuallyUses(limiter, 1, 0);
        CompletableFuture<HttpResponse<String>> leaving = send(client, get("/limited/2"));
        eventuallyUses(limiter, 1, 1);

        leaving.cancel(true);
        eventuallyUses(limiter, 1, 0);
        gate.countDown();

        assertThat(running.get(10, TimeUnit.SECONDS).body()).isEqualTo("done");
        assertThat(runs).hasValue(1);
        assertThat(limiter.statistics().withdrawn()).isEqualTo(1);
    }

    @Test
    void rule53ClientThatLeftOverHttp1IsRunAndHarmsNobody() throws Exception {
        CapacityLimiter limiter = limiter("slow", 1);
        CountDownLatch gate = latch();
        start(limited(limiter, blockedBy(gate)));
        try (Connection running = connect().get("/limited/1")) {
            eventuallyUses(limiter, 1, 0);
            Connection leaving = connect().get("/limited/2");
            eventuallyUses(limiter, 1, 1);
            leaving.reset();
            gate.countDown();
            assertThat(running.answer().text()).isEqualTo("done");
        }
        eventuallyUses(limiter, 0, 0);
    }

    @Test
    void rule54RefusalNeedsNoPermitAndKeepsTheConnection() throws Exception {
        CapacityLimiter limiter = limiter("full", 1, 0);
        CountDownLatch gate = latch();
        start(limited(limiter, blockedBy(gate)));
        try (Connection running = connect().get("/limited/1");
                Connection refused = connect()) {
            eventuallyUses(limiter, 1, 0);
            assertRefusal(refused.get("/limited/2").answer());
            if (has(Capability.KEEPALIVE_AFTER_503, "HTTP/1.1")) {
                assertThat(refused.get("/ping").answer().text()).isEqualTo("pong");
            }
            gate.countDown();
            assertThat(running.answer().text()).isEqualTo("done");
        }
        assertThat(runs).hasValue(1);
    }

    static void assertRefusal(Answer answer) {
        assertThat(answer.status()).isEqualTo(503);
        assertThat(answer.header("Retry-After")).matches("[1-9][0-9]*");
        assertThat(answer.header("Content-Type")).isEqualTo("application/problem+json");
        assertThat(answer.header("Content-Length")).isEqualTo("" + answer.body().length);
        assertThat(answer.text())
                .isEqualTo("{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
                        + "\"detail\":\"The server is at its capacity. Try again later.\"}");
    }

    @Test
    void rule54WaitLimitRefusesTheSameWay() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("impatient")
                .capacity(1)
                .maxWait(Duration.ofMillis(50))
                .build());
        CountDownLatch gate = latch();
        start(limited(limiter, blockedBy(gate)));
        try (Connection running = connect().get("/limited/1");
                Connection refused = connect()) {
            eventuallyUses(limiter, 1, 0);
            assertRefusal(refused.get("/limited/2").answer());
            gate.countDown();
            assertThat(running.answer().text()).isEqualTo("done");
        }
        assertThat(runs).hasValue(1);
    }

    @Test
    void rule54WithoutAsyncSupportARequestIsAdmittedOrRefusedAtOnce() throws Exception {
        CapacityLimiter limiter = limiter("sync", 1);
        CountDownLatch gate = latch();
        start(context -> {
            FilterRegistration.Dynamic filter = context.addFilter("sync", new LimitFilter(limiter));
            filter.setAsyncSupported(false);
            filter.addMappingForUrlPatterns(EnumSet.of(DispatcherType.REQUEST), false, "/limited/*");
            add(context, "/limited/*", blockedBy(gate));
        });
        try (Connection running = connect().get("/limited/1");
                Connection refused = connect()) {
            eventuallyUses(limiter, 1, 0);
            assertRefusal(refused.get("/limited/2").answer());
            gate.countDown();
            assertThat(running.answer().text()).isEqualTo("done");
        }
    }

    @Test
    void oneInstanceOrOneLimiterServesManyPaths() throws Exception {
        CapacityLimiter limiter = limiter("both", 1);
        CountDownLatch gate = latch();
        start(context -> {
            new LimitFilter(limiter).register(context, "/a");
            new LimitFilter(limiter).register(context, "/b");
            add(context, "/a", blockedBy(gate));
            add(context, "/b", blockedBy(gate));
        });
        try (Connection a = connect().get("/a");
                Connection b = connect()) {
            eventuallyUses(limiter, 1, 0);
            b.get("/b");
            eventuallyUses(limiter, 1, 1);
            gate.countDown();
            assertThat(a.answer().text()).isEqualTo("done");
            assertThat(b.answer().text()).isEqualTo("done");
        }
    }

    @Test
    void twoFiltersInOneChainWaitOneAfterTheOther() throws Exception {
        CapacityLimiter outer = limiter("outer", 2);
        CapacityLimiter inner = limiter("inner", 1);
        BlockingQueue<AsyncContext> suspended = new LinkedBlockingQueue<>();
        start(context -> {
            new LimitFilter(outer).register(context, "/limited/*");
            new LimitFilter(inner).register(context, "/limited/*");
            add(context, "/limited/*", (request, response) -> suspended.add(request.startAsync()));
        });
        List<Connection> clients = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            clients.add(connect().get("/limited/" + i));
        }
        eventuallyUses(outer, 2, 2);
        eventuallyUses(inner, 1, 1);
        for (int i = 0; i < 4; i++) {
            AsyncContext async = suspended.poll(10, TimeUnit.SECONDS);
            async.getResponse().getOutputStream().print("done");
            async.complete();
        }
        for (Connection client : clients) {
            assertThat(client.answer().text()).isEqualTo("done");
            client.close();
        }
    }

    @Test
    void forwardsIncludesAndErrorPagesNeedNoSecondPermit() throws Exception {
        CapacityLimiter limiter = limiter("one", 1);
        start(context -> {
            FilterRegistration.Dynamic filter = context.addFilter("all", new LimitFilter(limiter));
            filter.setAsyncSupported(true);
            filter.addMappingForUrlPatterns(EnumSet.allOf(DispatcherType.class), false, "/limited/*");
            add(
                    context,
                    "/limited/target",
                    (request, response) -> response.getOutputStream().print("target"));
            add(
                    context,
                    "/limited/forward",
                    (request, response) ->
                            request.getRequestDispatcher("/limited/target").forward(request, response));
            add(
                    context,
                    "/limited/include",
                    (request, response) ->
                            request.getRequestDispatcher("/limited/target").include(request, response));
        });
        try (Connection client = connect()) {
            assertThat(client.get("/limited/forward").answer().text()).isEqualTo("target");
            assertThat(client.get("/limited/include").answer().text()).isEqualTo("target");
        }
    }

    @Test
    void rule13ResizeInFlight() throws Exception {
        CapacityLimiter limiter = limiter("resized", 1);
        CountDownLatch gate = latch();
        start(limited(limiter, blockedBy(gate)));
        List<Connection> clients = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            clients.add(connect().get("/limited/" + i));
        }
        eventuallyUses(limiter, 1, 5);
        limiter.resize(4);
        eventually(() -> runs.get() == 4);
        limiter.resize(2);
        eventuallyUses(limiter, 4, 2);
        gate.countDown();
        for (Connection client : clients) {
            assertThat(client.answer().text()).isEqualTo("done");
            client.close();
        }
    }

    @Test
    void rule57StoppingFinishesWhatWasAcceptedAndRefusesNewcomers() throws Exception {
        CapacityLimiter limiter = limiter("stopping", 1);
        CountDownLatch gate = latch();
        LimitFilter filter = new LimitFilter(limiter);
        start(context -> {
            filter.register(context, "/limited/*");
            add(context, "/limited/*", blockedBy(gate));
        });
        try (Connection running = connect().get("/limited/1");
                Connection waiting = connect();
                Connection late = connect()) {
            eventuallyUses(limiter, 1, 0);
            waiting.get("/limited/2");
            eventuallyUses(limiter, 1, 1);
            CompletableFuture<Void> stopped = filter.shutdown();

            Answer refusal = late.get("/limited/3").answer();
            assertThat(refusal.status()).isEqualTo(503);
            assertThat(refusal.header("Retry-After")).matches("[1-9][0-9]?");
            assertThat(stopped).isNotDone();
            gate.countDown();

            assertThat(running.answer().text()).isEqualTo("done");
            assertThat(waiting.answer().text()).isEqualTo("done");
            assertThat(stopped).succeedsWithin(Duration.ofSeconds(10));
        }
    }

    @Test
    void rule57NewcomersAreRefusedWhileStoppingThoughAPermitIsFree() throws Exception {
        CapacityLimiter limiter = limiter("stopping", 2);
        CountDownLatch gate = latch();
        LimitFilter filter = new LimitFilter(limiter);
        start(context -> {
            filter.register(context, "/limited/*");
            add(context, "/limited/*", (request, response) -> {
                runs.incrementAndGet();
                blockedBy(gate).service(request, response);
            });
        });
        try (Connection running = connect().get("/limited/1");
                Connection late = connect()) {
            eventuallyUses(limiter, 1, 0);
            CompletableFuture<Void> stopped = filter.shutdown();

            late.get("/limited/2");
            gate.countDown();

            assertThat(late.answer().status()).isEqualTo(503);
            assertThat(running.answer().text()).isEqualTo("done");
            assertThat(stopped).succeedsWithin(Duration.ofSeconds(10));
        }
        assertThat(runs).hasValue(1);
    }

    @Test
    void rule57DestroyWaitsForRunningWork() throws Exception {
        CapacityLimiter limiter = limiter("stopping", 1);
        CountDownLatch gate = latch();
        TestContainer container = start(limited(limiter, blockedBy(gate)));
        try (Connection running = connect().get("/limited/1")) {
            eventuallyUses(limiter, 1, 0);
            CompletableFuture<Void> undeployed = CompletableFuture.runAsync(() -> {
                try {
                    container.undeploy();
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            });
            CompletableFuture<Integer> inUse =
                    undeployed.thenApply(ignored -> limiter.statistics().inUse());
            gate.countDown();
            assertThat(inUse).succeedsWithin(Duration.ofSeconds(20)).isEqualTo(0);
            assertThat(running.answer().text()).isEqualTo("done");
        }
    }

    @Test
    void initParametersMakeALimiterOfTheFiltersOwn() throws Exception {
        CountDownLatch gate = latch();
        start(context -> {
            FilterRegistration.Dynamic filter = context.addFilter("orders", LimitFilter.class);
            filter.setInitParameter("capacity", "1");
            filter.setInitParameter("max-waiting", "0");
            filter.setAsyncSupported(true);
            filter.addMappingForUrlPatterns(
                    EnumSet.of(DispatcherType.REQUEST, DispatcherType.ASYNC), false, "/limited/*");
            add(context, "/limited/*", (request, response) -> {
                runs.incrementAndGet();
                blockedBy(gate).service(request, response);
            });
        });
        try (Connection running = connect().get("/limited/1");
                Connection refused = connect()) {
            eventually(() -> runs.get() == 1);
            assertRefusal(refused.get("/limited/2").answer());
            gate.countDown();
            assertThat(running.answer().text()).isEqualTo("done");
        }
    }

    @Test
    void initParametersNameALimiterOfTheApplications() throws Exception {
        LimiterScope scope = limiters.watch(LimiterScope.open());
        CountDownLatch gate = latch();
        start(context -> {
            context.setAttribute(LimitFilter.LIMITERS, scope);
            configured(context, "endpoints", "/a/*");
            configured(context, "reports", "/b/*").setInitParameter("capacity", "7");
            add(context, "/a/*", blockedBy(gate));
            add(context, "/b/*", blockedBy(gate));
        });
        try (Connection a = connect().get("/a/1");
                Connection b = connect().get("/b/1")) {
            eventuallyUses(scope.endpoints(), 1, 0);
            eventuallyUses(scope.limiter("reports", 7), 1, 0);
            gate.countDown();
            assertThat(a.answer().text()).isEqualTo("done");
            assertThat(b.answer().text()).isEqualTo("done");
        }
        scope.close();
    }

    private static FilterRegistration.Dynamic configured(ServletContext context, String limiter, String path) {
        FilterRegistration.Dynamic filter = context.addFilter("limit-" + limiter, LimitFilter.class);
        filter.setInitParameter("limiter", limiter);
        filter.setAsyncSupported(true);
        filter.addMappingForUrlPatterns(EnumSet.of(DispatcherType.REQUEST, DispatcherType.ASYNC), false, path);
        return filter;
    }

    /** The simple way to take an upload: the container reads it, on its thread and under the permit. */
    @Test
    void partsOfTheContainerWorkBehindTheFilter() throws Exception {
        CapacityLimiter limiter = limiter("parts", 1);
        start(context -> {
            new LimitFilter(limiter).register(context, "/parts");
            add(
                    context,
                    "/parts",
                    (request, response) -> response.getOutputStream()
                            .print(request.getPart("file").getSize() + " " + request.getParameter("field")));
            ((ServletRegistration.Dynamic) context.getServletRegistration("native-parts"))
                    .setMultipartConfig(new MultipartConfigElement(""));
        });
        byte[] body = Multipart.body("x", Multipart.field("field", "value"), Multipart.file("file", "a.txt", 50_000));
        HttpResponse<String> answer = client(HttpClient.Version.HTTP_1_1)
                .send(
                        post("/parts", Multipart.type("x"), body),
                        HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));

        assertThat(answer.body()).isEqualTo("50000 value");
    }
}
