package dev.weir.limiter.jetty;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.Exchanges;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;

/** Stopping: rule 5.7. */
class ShutdownTest extends JettyTest {

    private static CompletableFuture<Void> inAThread(Stop stop) {
        CompletableFuture<Void> stopped = new CompletableFuture<>();
        Thread thread = new Thread(() -> {
            try {
                stop.run();
                stopped.complete(null);
            } catch (Throwable e) {
                stopped.completeExceptionally(e);
            }
        });
        thread.setDaemon(true);
        thread.start();
        return stopped;
    }

    private interface Stop {
        void run() throws Exception;
    }

    @Test
    void rule_5_7_stoppingFinishesRunningQueuedAndBackgroundWork() throws Exception {
        CapacityLimiter endpoints = limiter("endpoints", 1);
        CapacityLimiter background = limiter("background", 1);
        CountDownLatch inBackground = new CountDownLatch(1);
        AtomicInteger backgroundRan = new AtomicInteger();
        EndpointHandler handler = new EndpointHandler(endpoints, exchange -> {
            hold();
            Exchanges.background(exchange, background, () -> {
                inBackground.countDown();
                backgroundRan.incrementAndGet();
            });
            Exchanges.text(exchange, 200, "done");
        });
        route("/hello", handler);
        start();
        RawClient keptAlive = client();
        keptAlive.exchange("/ping");
        RawClient running = client().get("/hello");
        awaitInUse(endpoints, 1);
        RawClient queued = client().get("/hello");
        awaitWaiting(endpoints, 1);

        CompletableFuture<Void> stopped = inAThread(server::stop);
        soon().until(handler::isShutdown);
        assertThat(stopped).isNotDone();
        proceed.countDown();
        assertThat(running.answer().text()).isEqualTo("done");
        assertThat(queued.answer().text()).isEqualTo("done");
        stopped.get(10, TimeUnit.SECONDS);
        assertThat(backgroundRan).hasValue(2);
    }

    @Test
    void rule_5_7_stoppingWaitsForNativeHandlersAndRefusesNewcomers() throws Exception {
        CapacityLimiter endpoints = limiter("endpoints", 1);
        LimitHandler handler = new LimitHandler(endpoints, new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                hold();
                response.write(true, null, callback);
                return true;
            }
        });
        route("/hello", handler);
        start();
        RawClient running = client().get("/hello");
        awaitInUse(endpoints, 1);
        CompletableFuture<Void> draining = handler.shutdown();
        RawClient.Answer refused = client().exchange("/hello");
        assertThat(refused.status()).isEqualTo(503);
        assertThat(refused.header("retry-after"))
                .as("whole seconds, as long as the oldest waits")
                .matches("[1-9][0-9]?");
        assertThat(refused.header("connection")).isEqualTo("close");
        assertThat(draining).isNotDone();
        proceed.countDown();
        assertThat(running.answer().status()).isEqualTo(200);
        draining.get(10, TimeUnit.SECONDS);
    }

    @Test
    void rule_5_7_aBackgroundTaskThatIsRunningIsWaitedFor() throws Exception {
        CapacityLimiter background = limiter("background", 1);
        AtomicInteger ran = new AtomicInteger();
        route("/hello", exchange -> {
            Exchanges.background(exchange, background, () -> {
                try {
                    hold();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
                ran.incrementAndGet();
            });
            Exchanges.text(exchange, 200, "");
        });
        start();
        assertThat(client().exchange("/hello").status()).isEqualTo(200);
        awaitInUse(background, 1);
        CompletableFuture<Void> stopped = inAThread(server::stop);
        soon().until(connector::isShutdown);
        assertThat(stopped).isNotDone();
        proceed.countDown();
        stopped.get(10, TimeUnit.SECONDS);
        assertThat(ran).hasValue(1);
    }

    @Test
    void rule_5_7_aBackgroundTaskOfANativeHandlersExchangeIsWaitedFor() throws Exception {
        CapacityLimiter background = limiter("background", 1);
        LimitHandler handler = new LimitHandler(limiter("endpoints", 1), new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                Exchange exchange = JettyExchanges.of(request, response, callback);
                Exchanges.background(exchange, background, () -> {
                    try {
                        hold();
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                });
                Exchanges.text(exchange, 200, "");
                return true;
            }
        });
        route("/hello", handler);
        start();
        assertThat(client().exchange("/hello").status()).isEqualTo(200);
        awaitInUse(background, 1);

        CompletableFuture<Void> drained = handler.shutdown();
        for (int i = 0; i < 20; i++) { // meanwhile the admitted exchange completes
            assertThat(client().exchange("/ping").text()).isEqualTo("pong");
            assertThat(drained).isNotDone();
        }

        proceed.countDown();
        drained.get(10, TimeUnit.SECONDS);
    }

    @Test
    void rule_5_2_theExchangeOfANativeHandlerCompletesWhenItHasReturned() throws Exception {
        CapacityLimiter background = limiter("background", 1);
        route("/hello", new LimitHandler(limiter("endpoints", 1), new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                Exchange exchange = JettyExchanges.of(request, response, callback);
                Exchanges.background(exchange, background, () -> {});
                Exchanges.text(exchange, 200, "");
                hold();
                return true;
            }
        }));
        start();
        assertThat(client().exchange("/hello").status()).isEqualTo(200);

        for (int i = 0; i < 20; i++) {
            assertThat(client().exchange("/ping").text()).isEqualTo("pong");
            assertThat(background.statistics().released()).isZero();
        }

        proceed.countDown();
        soon().until(() -> background.statistics().released() == 1);
    }

    @Test
    void rule_5_7_aStoppedServerStartsAgain() throws Exception {
        EndpointHandler portable = new EndpointHandler(exchange -> Exchanges.text(exchange, 200, "hello"));
        LimitHandler limited = new LimitHandler(limiter("endpoints", 1), portable);
        route("/hello", portable);
        route("/limited", limited);
        for (int i = 0; i < 3; i++) {
            server.start();
            assertThat(List.of(portable.isShutdown(), limited.isShutdown())).containsOnly(false);
            assertThat(client().exchange("/hello").text()).isEqualTo("hello");
            assertThat(client().exchange("/limited").text()).isEqualTo("hello");
            server.stop();
            assertThat(List.of(portable.isShutdown(), limited.isShutdown())).containsOnly(true);
        }
    }
}
