package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.Outcome;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Background tasks, context, and stopping. */
@SuppressWarnings("FutureReturnValueIgnored") // the client sees what became of an answer
public abstract class BackgroundScenarios extends UploadScenarios {

    private static final int LARGE = 32 << 20;

    /** For subclasses. */
    protected BackgroundScenarios() {}

    @Test
    void s50_rule_4_1_a_task_starts_after_the_response_and_holds_neither_permit_nor_connection() throws Exception {
        CapacityLimiter endpoints = limiter(1);
        CapacityLimiter background = limiter(1);
        Gate task = gate();
        endpoint("/hello", endpoints, exchange -> {
            Exchanges.background(exchange, background, task::call);
            assertThat(background.statistics().acquired())
                    .as("tasks begun before the response")
                    .isZero();
            Exchanges.text(exchange, 200, "hello");
        });
        Running app = serve();
        RawClient client = app.client();

        RawClient.Answer answer = client.get("/hello");

        assertThat(answer.text()).isEqualTo("hello");
        await(task.entered);
        awaitIdle(endpoints);
        assertUsableOrClosed(client, answer);
        assertThat(app.server.isServerThread(task.thread.get())).isFalse();
        task.open();
    }

    @Test
    void s51_rule_4_1_a_task_waits_until_a_client_that_reads_slowly_has_been_sent_everything() throws Exception {
        CapacityLimiter background = limiter(1);
        CountDownLatch ran = new CountDownLatch(1);
        byte[] body = new byte[LARGE];
        route("/large", exchange -> {
            Exchanges.background(exchange, background, ran::countDown);
            Exchanges.bytes(exchange, 200, "application/octet-stream", body);
        });
        Running app = serve();
        RawClient slow = app.slowClient().request("GET", "/large");
        assertThat(slow.head().status()).isEqualTo(200);
        for (int i = 0; i < 100; i++) {
            app.assertPingIsAnswered();
        }

        if (app.can(Capability.SENT_CONFIRMED)) {
            assertThat(background.statistics().acquired())
                    .as("tasks begun before the response was sent")
                    .isZero();
        }

        slow.exactly(LARGE);
        await(ran);
    }

    @Test
    void s52_rule_4_1_ten_tasks_that_wait_hold_no_connection() throws Exception {
        CapacityLimiter background = limiter(1);
        Gate task = gate();
        AtomicInteger done = new AtomicInteger();
        route("/hello", exchange -> {
            Exchanges.background(exchange, background, () -> {
                task.call();
                done.incrementAndGet();
            });
            Exchanges.text(exchange, 200, "hello");
        });
        Running app = serve();
        RawClient client = app.client();

        for (int i = 0; i < 10; i++) {
            assertThat(client.get("/hello").text()).isEqualTo("hello");
        }

        awaitWaiting(background, 9);
        task.open();
        await("the tasks to end", () -> done.get() == 10);
    }

    @Test
    void s53_rule_4_2_of_three_tasks_the_one_that_fails_keeps_neither_order_nor_the_others() throws Exception {
        CapacityLimiter endpoints = limiter(1);
        CapacityLimiter background = limiter(4);
        Queue<String> order = new ConcurrentLinkedQueue<>();
        CountDownLatch ended = new CountDownLatch(2);
        endpoint("/hello", endpoints, exchange -> {
            for (Throwable failure :
                    List.of(new IllegalStateException("on purpose"), new AssertionError("on purpose"))) {
                Exchanges.background(exchange, background, () -> order.add("first"));
                Exchanges.background(exchange, background, () -> {
                    order.add("fails");
                    throw unchecked(failure);
                });
                Exchanges.background(exchange, background, () -> order.add("third"))
                        .thenRun(ended::countDown);
            }
            Exchanges.text(exchange, 200, "hello");
        });
        Running app = serve();

        assertThat(app.client().get("/hello").text()).isEqualTo("hello");

        await(ended);
        assertThat(order).containsExactly("first", "fails", "third", "first", "fails", "third");
    }

    private static RuntimeException unchecked(Throwable failure) {
        if (failure instanceof Error error) {
            throw error;
        }
        return (RuntimeException) failure;
    }

    @Test
    void s54_rule_4_3_tasks_run_though_the_client_has_left() throws Exception {
        CapacityLimiter streaming = limiter(1);
        CapacityLimiter background = limiter(1);
        Queue<Outcome> outcomes = new ConcurrentLinkedQueue<>();
        CountDownLatch ended = new CountDownLatch(2);
        WatchedSource source = WatchedSource.endless();
        route("/stream", exchange -> {
            Exchanges.afterwards(exchange, background, outcome -> {
                outcomes.add(outcome);
                ended.countDown();
            });
            Exchanges.background(exchange, background, ended::countDown);
            stream(exchange, streaming, source, ITEM);
        });
        Running app = serve();
        RawClient client = app.client().request("GET", "/stream");
        client.exactly(10_000);

        client.kill();

        await(ended);
        assertThat(outcomes).hasSize(1).doesNotContain(Outcome.SENT);
        awaitClosed(source);
    }

    @Test
    void s55_rule_4_3_tasks_run_though_the_handler_has_failed() throws Exception {
        CapacityLimiter endpoints = limiter(1);
        CapacityLimiter background = limiter(1);
        CountDownLatch ended = new CountDownLatch(1);
        endpoint("/fails", endpoints, exchange -> {
            Exchanges.background(exchange, background, ended::countDown);
            throw new IllegalStateException("on purpose");
        });
        Running app = serve();

        assertProblem(app.client().get("/fails"), 500);

        await(ended);
    }

    // ---- context ----

    @Test
    void s56_rule_2_7_context_is_seen_in_handler_stream_and_background_and_never_leaks() throws Exception {
        TestContext context = new TestContext();
        CapacityLimiter limiter = build(builder().capacity(1).context(context));
        CapacityLimiter background = build(builder().capacity(1).context(context));
        Queue<String> seen = new ConcurrentLinkedQueue<>();
        ExchangeHandler inContext = ExchangeHandler.endpoint(limiter, exchange -> {
            String value = context.get();
            seen.add("handler " + value);
            context.set("a leftover of " + value);
            context.set(value);
            Exchanges.background(exchange, background, () -> seen.add("background " + context.get()));
            Iterable<String> items = () -> items(context, seen);
            Exchanges.stream(
                    exchange,
                    200,
                    Headers.of(),
                    Limiters.iterate(limiter, items),
                    item -> ByteBuffer.wrap(item.getBytes(StandardCharsets.UTF_8)));
            context.set("a leftover of " + value);
        });
        route("/with", exchange -> {
            context.set("context of " + exchange.query().orElse(""));
            try {
                inContext.handle(exchange);
            } finally {
                context.clear();
            }
        });
        endpoint("/without", limiter, exchange -> {
            Exchanges.background(exchange, background, () -> seen.add("plain background " + context.get()));
            Exchanges.text(exchange, 200, context.get());
        });
        Running app = serve();
        RawClient client = app.client();

        for (int i = 0; i < 5; i++) {
            seen.clear();
            String expected = "context of " + i;
            assertThat(client.get("/with?" + i).text()).isEqualTo(expected + expected);
            await("the task", () -> seen.size() == 4);
            assertThat(seen)
                    .containsExactlyInAnyOrder(
                            "handler " + expected, "item " + expected, "item " + expected, "background " + expected);
            assertThat(client.get("/without").text()).isEqualTo(TestContext.NONE);
            await("the task", () -> seen.contains("plain background " + TestContext.NONE));
        }
    }

    private static Iterator<String> items(TestContext context, Queue<String> seen) {
        return new Iterator<>() {
            private int drawn;

            @Override
            public boolean hasNext() {
                return drawn < 2;
            }

            @Override
            public String next() {
                drawn++;
                seen.add("item " + context.get());
                return context.get();
            }
        };
    }

    // ---- stopping ----

    @Test
    void s57_rule_5_7_a_server_that_stops_loses_nothing_that_was_running_queued_or_in_the_background()
            throws Exception {
        CapacityLimiter limiter = limiter(1);
        CapacityLimiter background = limiter(1);
        Gate gate = gate();
        Gate task = gate();
        AtomicInteger answered = new AtomicInteger();
        AtomicInteger tasksDone = new AtomicInteger();
        endpoint("/hello", limiter, exchange -> {
            Exchanges.background(exchange, background, () -> {
                task.call();
                tasksDone.incrementAndGet();
            });
            gate.call();
            answered.incrementAndGet();
            Exchanges.text(exchange, 200, "hello");
        });
        Running app = serve();
        RawClient running = app.client().request("GET", "/hello");
        await(gate.entered);
        List<RawClient> queued = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            queued.add(app.client().request("GET", "/hello"));
        }
        awaitWaiting(limiter, 3);

        CompletableFuture<Void> stopped = app.server.shutdown();
        assertThat(stopped).isNotDone();
        gate.open();

        assertThat(running.answer().text()).isEqualTo("hello");
        for (RawClient client : queued) {
            assertThat(client.answer().status()).as("finished or refused").isIn(200, 503);
            client.close();
        }
        running.close();
        await(task.entered);
        assertStaysOpen(stopped);
        task.open();
        get(stopped);
        assertThat(tasksDone).hasValue(answered.get());
    }

    /** Nothing tells that a server will not stop but that it has not stopped for a while. */
    private static void assertStaysOpen(CompletableFuture<Void> stopped) {
        assertThatThrownBy(() -> stopped.get(1, TimeUnit.SECONDS))
                .as("while a background task runs")
                .isInstanceOf(TimeoutException.class);
    }

    @Test
    void s58_rule_5_7_a_server_that_stops_lets_a_stream_end() throws Exception {
        CapacityLimiter limiter = limiter(1);
        CountDownLatch drawing = new CountDownLatch(1);
        CountDownLatch mayDraw = new CountDownLatch(1);
        WatchedSource source = new WatchedSource(100, number -> {
            if (number == 50) {
                drawing.countDown();
                awaitUninterruptibly(mayDraw);
            }
        });
        streamed("/stream", limiter, source);
        Running app = serve();
        RawClient client = app.client().request("GET", "/stream");
        await(drawing);

        CompletableFuture<Void> stopped = app.server.shutdown();
        assertThat(stopped).isNotDone();
        mayDraw.countDown();

        assertThat(client.answer().body()).hasSize(100 * ITEM.length);
        get(stopped);
        awaitClosed(source);
    }
}
