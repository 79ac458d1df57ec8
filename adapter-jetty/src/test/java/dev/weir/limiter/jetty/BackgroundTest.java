package dev.weir.limiter.jetty;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.Outcome;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;

/** Background tasks: rules 4.1 to 4.3 on a server. */
class BackgroundTest extends JettyTest {

    private final Queue<String> events = new ConcurrentLinkedQueue<>();

    @Test
    void rule_4_1_aTaskStartsAfterTheResponseAndKeepsNeitherRequestNorConnection() throws Exception {
        CapacityLimiter endpoints = limiter("endpoints", 1);
        CapacityLimiter background = limiter("background", 1);
        route("/hello", new EndpointHandler(endpoints, exchange -> {
            Exchanges.background(exchange, background, this::holdQuietly);
            Exchanges.text(exchange, 200, "hello");
        }));
        start();
        RawClient client = client();
        for (int i = 0; i < 20; i++) {
            assertThat(client.exchange("/hello").text()).isEqualTo("hello");
        }
        awaitInUse(background, 1);
        awaitWaiting(background, 19);
        awaitInUse(endpoints, 0);
        proceed.countDown();
    }

    private void holdQuietly() {
        try {
            hold();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void rule_4_1_aTaskWaitsForTheHandlerToo() throws Exception {
        CapacityLimiter endpoints = limiter("endpoints", 1);
        CapacityLimiter background = limiter("background", 1);
        CountDownLatch ran = new CountDownLatch(1);
        route("/portable", new EndpointHandler(endpoints, exchange -> {
            Exchanges.background(exchange, background, ran::countDown);
            Exchanges.text(exchange, 200, "").toCompletableFuture().get(10, TimeUnit.SECONDS);
            events.add("sent");
            hold();
            events.add("returned");
        }));
        start();
        assertThat(client().exchange("/portable").status()).isEqualTo(200);
        soon().until(() -> events.contains("sent"));
        assertThat(background.statistics().acquired()).isZero();
        proceed.countDown();
        assertThat(ran.await(10, TimeUnit.SECONDS)).isTrue();
        assertThat(events).containsExactly("sent", "returned");
    }

    @Test
    void rule_4_1_aNativeHandlerBehindALimiterHasTasksToo() throws Exception {
        CapacityLimiter endpoints = limiter("endpoints", 1);
        CapacityLimiter background = limiter("background", 1);
        CountDownLatch ran = new CountDownLatch(1);
        route("/native", new LimitHandler(endpoints, new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                var exchange = JettyExchanges.of(request, response, callback);
                Exchanges.afterwards(exchange, background, outcome -> {
                    events.add("task " + outcome);
                    ran.countDown();
                });
                Exchanges.text(exchange, 200, "native");
                events.add("returning");
                return true;
            }
        }));
        start();
        assertThat(client().exchange("/native").text()).isEqualTo("native");
        assertThat(ran.await(10, TimeUnit.SECONDS)).isTrue();
        assertThat(events).containsExactly("returning", "task SENT");
    }

    @Test
    void rule_4_2_tasksRunInOrderAndEachForItself() throws Exception {
        CapacityLimiter endpoints = limiter("endpoints", 1);
        CapacityLimiter background = limiter("background", 3);
        CountDownLatch ended = new CountDownLatch(1);
        route("/tasks", new EndpointHandler(endpoints, exchange -> {
            Exchanges.background(exchange, background, () -> events.add("1"), () -> {
                events.add("2");
                throw new IllegalStateException("on purpose");
            });
            Exchanges.background(exchange, background, () -> events.add("3")).thenRun(ended::countDown);
            Exchanges.background(exchange, background);
            Exchanges.text(exchange, 200, "");
        }));
        start();
        RawClient client = client();
        client.exchange("/tasks");
        assertThat(ended.await(10, TimeUnit.SECONDS)).isTrue();
        assertThat(events).containsExactly("1", "2", "3");
    }

    @Test
    void rule_4_2_aRefusedTaskDoesNotKeepTheOthersFromRunning() throws Exception {
        CapacityLimiter full = limiter("full", settings -> settings.capacity(0).maxWaiting(0));
        CapacityLimiter background = limiter("background", 1);
        CountDownLatch ended = new CountDownLatch(1);
        route("/tasks", exchange -> {
            Exchanges.background(exchange, full, () -> events.add("refused"));
            Exchanges.background(exchange, background, ended::countDown);
            Exchanges.text(exchange, 200, "");
        });
        start();
        client().exchange("/tasks");
        assertThat(ended.await(10, TimeUnit.SECONDS)).isTrue();
        assertThat(events).isEmpty();
    }

    @Test
    void rule_4_3_tasksRunWhenTheClientHasLeftAndAreToldSo() throws Exception {
        CapacityLimiter streaming = limiter("streaming", 1);
        CapacityLimiter background = limiter("background", 1);
        CountDownLatch ended = new CountDownLatch(3);
        Queue<Outcome> outcomes = new ConcurrentLinkedQueue<>();
        Numbers numbers = Numbers.endless(100);
        route("/stream", exchange -> {
            Exchanges.afterwards(exchange, background, outcome -> {
                outcomes.add(outcome);
                ended.countDown();
            });
            Exchanges.background(exchange, background, ended::countDown);
            Exchanges.stream(
                    exchange,
                    200,
                    Headers.of(),
                    Limiters.iterate(streaming, numbers),
                    line -> ByteBuffer.wrap(line.getBytes(java.nio.charset.StandardCharsets.UTF_8)));
            exchange.onComplete(outcome -> ended.countDown());
        });
        start();
        RawClient client = client().get("/stream");
        client.head();
        client.kill();
        assertThat(ended.await(10, TimeUnit.SECONDS)).isTrue();
        assertThat(outcomes).containsExactlyElementsOf(List.of(Outcome.ABORTED));
    }

    @Test
    void rule_4_3_anHandlerThatFailsHasItsTasksRunToo() throws Exception {
        CapacityLimiter endpoints = limiter("endpoints", 1);
        CapacityLimiter background = limiter("background", 1);
        CountDownLatch ended = new CountDownLatch(1);
        route("/fails", new EndpointHandler(endpoints, exchange -> {
            Exchanges.background(exchange, background, ended::countDown);
            throw new IllegalStateException("on purpose");
        }));
        start();
        assertThat(client().exchange("/fails").status()).isEqualTo(500);
        assertThat(ended.await(10, TimeUnit.SECONDS)).isTrue();
    }
}
