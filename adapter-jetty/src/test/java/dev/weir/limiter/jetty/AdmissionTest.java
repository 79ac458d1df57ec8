package dev.weir.limiter.jetty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.PermitScope;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http2.api.Session;
import org.eclipse.jetty.http2.api.Stream;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.CrossOriginHandler;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;

/** Admission: rules 5.1 to 5.4 and 5.6. */
class AdmissionTest extends JettyTest {

    /** A native handler that holds its thread until the test lets go on, then answers. */
    private final class Held extends Handler.Abstract {
        final AtomicInteger ran = new AtomicInteger();

        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            ran.incrementAndGet();
            hold();
            response.write(true, null, callback);
            return true;
        }
    }

    @Test
    void rule_5_1_waitingHoldsNoThreadOfTheServer() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 1);
        Held held = new Held();
        route("/held", new LimitHandler(limiter, held));
        start();
        List<RawClient> clients = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            clients.add(client().get("/held"));
        }
        awaitWaiting(limiter, 299);

        soon().until(() -> threads.getBusyThreads() - threads.getUtilizedThreads() <= 10);
        assertThat(client().exchange("/ping").text()).isEqualTo("pong");
        assertThat(held.ran).hasValue(1);

        proceed.countDown();
        for (RawClient client : clients) {
            assertThat(client.answer().status()).isEqualTo(200);
        }
        assertThat(held.ran).hasValue(300);
    }

    @Test
    void rule_5_1_portableEndpointsWaitWithoutAThreadToo() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 1);
        route("/held", new EndpointHandler(limiter, exchange -> {
            hold();
            Exchanges.text(exchange, 200, Thread.currentThread().getName());
        }));
        start();
        List<RawClient> clients = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            clients.add(client().get("/held"));
        }
        awaitWaiting(limiter, 49);
        assertThat(client().exchange("/ping").text()).isEqualTo("pong");
        proceed.countDown();
        for (RawClient client : clients) {
            assertThat(client.answer().text()).startsWith("weir-endpoints-");
        }
    }

    @Test
    void rule_5_1_aQueueLongerThanTheIdleTimeOutIsNoFailure() throws Exception {
        connector.setIdleTimeout(100);
        CapacityLimiter limiter = limiter("endpoints", 1);
        AtomicInteger ran = new AtomicInteger();
        CountDownLatch idledTwice = new CountDownLatch(1);
        route("/held", new LimitHandler(limiter, new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                ran.incrementAndGet();
                idledTwice.await(30, TimeUnit.SECONDS);
                response.write(true, null, callback);
                return true;
            }
        }));
        start();
        RawClient first = client().get("/held");
        awaitInUse(limiter, 1);
        RawClient second = client().get("/held");
        awaitWaiting(limiter, 1);
        // A connection without a request falls to the same time-out: when three of them did, one after another, so
        // would have
        // the requests.
        for (int i = 0; i < 3; i++) {
            assertThat(client().rest()).isEmpty();
        }
        idledTwice.countDown();
        assertThat(first.answer().status()).isEqualTo(200);
        assertThat(second.answer().status()).isEqualTo(200);
        assertThat(ran).hasValue(2);
    }

    @Test
    void rule_5_2_thePermitOfABlockingEndpointEndsWhenItReturns() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 1);
        route("/returns", new LimitHandler(limiter, PermitScope.HANDLER, new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                Thread later = new Thread(() -> {
                    try {
                        hold();
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                    callback.succeeded();
                });
                later.setDaemon(true);
                later.start();
                return true;
            }
        }));
        start();
        RawClient client = client().get("/returns");
        soon().until(() -> limiter.statistics().released() == 1);
        proceed.countDown();
        assertThat(client.answer().status()).isEqualTo(200);
    }

    @Test
    void rule_5_2_anAsynchronousHandlerHoldsItsPermitUntilTheExchangeEnds() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 1);
        BlockingQueue<Callback> callbacks = new LinkedBlockingQueue<>();
        route("/async", new LimitHandler(limiter, new Handler.Abstract.NonBlocking() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                return callbacks.add(callback);
            }
        }));
        start();
        RawClient first = client().get("/async");
        Callback firstCallback = callbacks.poll(10, TimeUnit.SECONDS);
        RawClient second = client().get("/async");
        awaitWaiting(limiter, 1);
        assertThat(limiter.statistics().inUse()).isEqualTo(1);
        firstCallback.succeeded();
        assertThat(first.answer().status()).isEqualTo(200);
        callbacks.poll(10, TimeUnit.SECONDS).failed(new IOException("on purpose"));
        assertThat(second.answer().status()).isEqualTo(500);
        awaitInUse(limiter, 0);
    }

    @Test
    void rule_5_2_anAsynchronousHandlerWhoseStreamIsResetHoldsItsPermitUntilItHasEnded() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 1);
        BlockingQueue<Callback> callbacks = new LinkedBlockingQueue<>();
        CountDownLatch written = new CountDownLatch(1);
        route("/async", new LimitHandler(limiter, new Handler.Abstract.NonBlocking() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                response.write(false, ByteBuffer.allocate(10), Callback.from(written::countDown));
                return callbacks.add(callback);
            }
        }));
        start();
        Stream stream = http2().newStream(http2Head("GET", "/async", true), new Stream.Listener() {})
                .get(10, TimeUnit.SECONDS);
        Callback callback = callbacks.poll(10, TimeUnit.SECONDS);
        assertThat(written.await(10, TimeUnit.SECONDS)).isTrue();

        reset(stream);
        for (int i = 0; i < 20; i++) { // meanwhile Jetty hears of it
            assertThat(client().exchange("/ping").text()).isEqualTo("pong");
            assertThat(limiter.statistics().inUse()).isEqualTo(1);
        }

        callback.failed(new IOException("on purpose"));
        awaitInUse(limiter, 0);
    }

    @Test
    void rule_5_2_failingHandlersGiveTheirPermitBack() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 1);
        route("/native", new LimitHandler(limiter, new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                throw new AssertionError("native");
            }
        }));
        route("/none", new LimitHandler(limiter, new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                return false;
            }
        }));
        route("/portable", new EndpointHandler(limiter, exchange -> {
            throw new StackOverflowError("portable");
        }));
        start();
        RawClient client = client();
        for (int i = 0; i < 5; i++) {
            assertThat(client.exchange("/portable").status()).isEqualTo(500);
            assertThat(client.exchange("/none").status()).isEqualTo(404);
            assertThat(client().exchange("/native").status()).isEqualTo(500);
        }
    }

    /** What handlers throw is answered, and for those in front that is a success. */
    @Test
    void handlersInFrontAreToldAsWithoutTheLimit() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 1);
        BlockingQueue<String> told = new LinkedBlockingQueue<>();
        Handler limited = new LimitHandler(limiter, new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                switch (request.getHttpURI().getQuery()) {
                    case "throws" -> throw new IOException("on purpose");
                    case "fails" -> callback.failed(new IOException("on purpose"));
                    default -> callback.succeeded();
                }
                return true;
            }
        });
        route("/front", new Handler.Wrapper(limited) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                Callback telling = Callback.from(() -> told.add("succeeded"), failure -> told.add("failed"));
                return super.handle(request, response, Callback.combine(telling, callback));
            }
        });
        start();

        for (String how : List.of("throws 500 succeeded", "fails 500 failed", "succeeds 200 succeeded")) {
            String[] words = how.split(" ", 3);
            assertThat(client().exchange("/front?" + words[0]).status()).isEqualTo(Integer.parseInt(words[1]));
            assertThat(told.poll(10, TimeUnit.SECONDS)).isEqualTo(words[2]);
        }
    }

    @Test
    void withoutAHandlerBehindItNothingIsHandled() throws Exception {
        route("/none", new LimitHandler(limiter("endpoints", 1)));
        start();

        assertThat(client().exchange("/none").status()).isEqualTo(404);
    }

    @Test
    void rule_5_3_aResetStreamLeavesTheQueueAndNeverReachesItsHandler() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 1);
        Held held = new Held();
        route("/held", new LimitHandler(limiter, held));
        start();
        RawClient first = client().get("/held");
        awaitInUse(limiter, 1);
        Session session = http2();
        Stream waiting = session.newStream(http2Head("GET", "/held", true), new Stream.Listener() {})
                .get(10, TimeUnit.SECONDS);
        awaitWaiting(limiter, 1);
        reset(waiting);
        awaitWaiting(limiter, 0);
        assertThat(limiter.statistics().withdrawn()).isEqualTo(1);
        proceed.countDown();
        assertThat(first.answer().status()).isEqualTo(200);
        awaitInUse(limiter, 0);
        assertThat(held.ran).hasValue(1);
    }

    @Test
    void rule_5_4_aFullQueueIsRefusedAndTheConnectionStaysUsable() throws Exception {
        CapacityLimiter limiter =
                limiter("endpoints", settings -> settings.capacity(1).maxWaiting(0));
        route("/native", new LimitHandler(limiter, new Held()));
        route("/portable", new EndpointHandler(limiter, exchange -> Exchanges.text(exchange, 200, "")));
        start();
        client().get("/native");
        awaitInUse(limiter, 1);
        RawClient client = client();
        for (String path : List.of("/native", "/portable")) {
            assertRefusal(client.exchange(path));
        }
        assertThat(client.exchange("/ping").text()).isEqualTo("pong");
        client.request("HEAD", "/portable");
        assertThat(client.answer(false).status()).isEqualTo(503);
        assertThat(client.exchange("/ping").text()).isEqualTo("pong");
    }

    private static void assertRefusal(RawClient.Answer answer) {
        assertThat(answer.status()).isEqualTo(503);
        assertThat(answer.header("retry-after"))
                .as("whole seconds, as long as the oldest waits")
                .matches("[1-9][0-9]?");
        assertThat(answer.header("content-type")).isEqualTo("application/problem+json");
        assertThat(answer.text())
                .isEqualTo("{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,"
                        + "\"detail\":\"The server is at its capacity. Try again later.\"}");
    }

    @Test
    void rule_5_4_theWaitLimitIsRefusedAlike() throws Exception {
        CapacityLimiter limiter =
                limiter("endpoints", settings -> settings.capacity(1).maxWait(Duration.ofMillis(20)));
        route("/held", new LimitHandler(limiter, new Held()));
        start();
        client().get("/held");
        awaitInUse(limiter, 1);
        assertRefusal(client().exchange("/held"));
    }

    @Test
    void rule_5_4_aRefusalComesBeforeTheContinue() throws Exception {
        CapacityLimiter limiter =
                limiter("endpoints", settings -> settings.capacity(1).maxWaiting(0));
        route("/held", new LimitHandler(limiter, new Held()));
        start();
        client().get("/held");
        awaitInUse(limiter, 1);
        RawClient client = client().request("POST", "/held", "Content-Length: 20000000", "Expect: 100-continue");
        assertThat(client.answer().status()).isEqualTo(503);
    }

    @Test
    void rule_5_4_aRefusedBodyDoesNotKeepTheAnswerFromTheClient() throws Exception {
        CapacityLimiter limiter =
                limiter("endpoints", settings -> settings.capacity(1).maxWaiting(0));
        route("/held", new LimitHandler(limiter, new Held()));
        start();
        client().get("/held");
        awaitInUse(limiter, 1);
        // Whole or not, small or large: the client reads the refusal, and is told when the connection ends with it.
        RawClient whole = client().send("POST /held HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n12345");
        assertRefusal(whole.answer());
        assertThat(whole.exchange("/ping").text()).isEqualTo("pong");

        RawClient late = client().request("POST", "/held", "Content-Length: 5");
        RawClient.Answer refusal = late.answer();
        assertRefusal(refusal);
        assertThat(refusal.header("connection")).isEqualTo("close");
        assertThat(late.rest()).isEmpty();
    }

    @Test
    void rule_5_4_anErrorThatComesWhileABodyIsAwaitedSaysThatTheConnectionEnds() throws Exception {
        CompletableFuture<Exchange> awaiting = new CompletableFuture<>();
        route("/awaits", exchange -> {
            exchange.read();
            awaiting.complete(exchange);
        });
        start();
        RawClient client = client().request("POST", "/awaits", "Content-Length: 5");

        Exchanges.text(awaiting.get(10, TimeUnit.SECONDS), 408, "");

        RawClient.Answer answer = client.answer();
        assertThat(answer.status()).isEqualTo(408);
        assertThat(answer.header("connection")).isEqualTo("close");
        assertThat(client.rest()).isEmpty();
    }

    @Test
    void rule_5_4_anErrorThatComesAfterAnAwaitedBodyKeepsTheConnection() throws Exception {
        CountDownLatch awaiting = new CountDownLatch(1);
        route("/awaits", exchange -> {
            exchange.read().thenCompose(data -> exchange.read()).thenAccept(end -> Exchanges.text(exchange, 400, ""));
            awaiting.countDown();
        });
        start();
        RawClient client = client().request("POST", "/awaits", "Content-Length: 5");
        assertThat(awaiting.await(10, TimeUnit.SECONDS)).isTrue();

        client.send("12345");

        RawClient.Answer answer = client.answer();
        assertThat(answer.status()).isEqualTo(400);
        assertThat(answer.header("connection")).isNotEqualTo("close");
        assertThat(client.exchange("/ping").text()).isEqualTo("pong");
    }

    @Test
    void rule_5_5_anAnswerThatBeginsBeforeItsBodyIsReadLeavesTheBody() throws Exception {
        route("/echo", exchange -> {
            exchange.respond(200, Headers.of());
            exchange.write(ByteBuffer.wrap(new byte[] {'0'}), false)
                    .thenCompose(begun -> exchange.read())
                    .thenCompose(data -> exchange.write(data.orElseThrow(), true));
        });
        start();
        RawClient client = client().send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n12345");

        assertThat(client.answer().text()).isEqualTo("012345");
        assertThat(client.exchange("/ping").text()).isEqualTo("pong");
    }

    @Test
    void rule_5_6_workersThatRefuseGiveThePermitBack() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        CapacityLimiter limiter = limiter(
                "endpoints",
                settings -> settings.capacity(1).workers(task -> {
                    asked.incrementAndGet();
                    throw new RejectedExecutionException("no");
                }));
        route("/native", new LimitHandler(limiter, new Held()));
        route("/portable", new EndpointHandler(limiter, exchange -> Exchanges.text(exchange, 200, "")));
        start();
        RawClient client = client();
        for (int i = 1; i <= 5; i++) {
            assertRefusal(client.exchange("/native"));
            assertRefusal(client.exchange("/portable"));
        }
        assertThat(asked).hasValue(10);
    }

    @Test
    void rule_5_6_aCommittedResponseThatFailsIsCutVisibly() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 1);
        route("/cut", new EndpointHandler(limiter, exchange -> {
            exchange.respond(200, Headers.of());
            exchange.write(ByteBuffer.wrap(new byte[10]), false)
                    .toCompletableFuture()
                    .get(10, TimeUnit.SECONDS);
            throw new IOException("after the first bytes");
        }));
        start();
        for (int i = 0; i < 5; i++) {
            RawClient client = client().get("/cut");
            assertThatThrownBy(client::answer).isInstanceOf(IOException.class);
        }
        assertThat(client().exchange("/ping").text()).isEqualTo("pong");
    }

    @Test
    void rule_5_6_aResponseThatANativeHandlerHasBegunIsCommitted() throws Exception {
        BlockingQueue<Boolean> committed = new LinkedBlockingQueue<>();
        route("/begun", new Handler.Abstract.NonBlocking() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                Exchange exchange = JettyExchanges.of(request, response, callback);
                committed.add(exchange.isCommitted());
                response.write(false, ByteBuffer.allocate(10), Callback.from(() -> {
                    committed.add(exchange.isCommitted());
                    Exchanges.fail(exchange, new IOException("on purpose"));
                }));
                return true;
            }
        });
        start();

        assertThatThrownBy(() -> client().exchange("/begun")).isInstanceOf(IOException.class);

        assertThat(committed).containsExactly(false, true);
    }

    @Test
    void rule_5_6_nothingIsAddedToAResponseThatANativeHandlerHasBegun() throws Exception {
        CompletableFuture<Throwable> added = new CompletableFuture<>();
        route("/begun", new Handler.Abstract.NonBlocking() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                Exchange exchange = JettyExchanges.of(request, response, callback);
                exchange.respond(200, Headers.of());
                response.write(false, ByteBuffer.allocate(10), Callback.from(() -> {
                    try {
                        exchange.write(ByteBuffer.allocate(10), true).whenComplete((sent, e) -> added.complete(e));
                    } catch (IllegalStateException e) {
                        added.complete(e);
                    }
                    Exchanges.fail(exchange, new IOException("on purpose"));
                }));
                return true;
            }
        });
        start();

        assertThatThrownBy(() -> client().exchange("/begun")).isInstanceOf(IOException.class);

        assertThat(added.get(5, TimeUnit.SECONDS))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("begun");
    }

    /** Such as those that let a script of another site read the answer. */
    @Test
    void headersOfHandlersInFrontStay() throws Exception {
        CrossOriginHandler front = new CrossOriginHandler();
        front.setAllowedOriginPatterns(Set.of("https://other\\.test"));
        front.setHandler(new Handler.Wrapper(new EndpointHandler(exchange -> Exchanges.text(exchange, 200, "mine"))) {
            @Override
            public boolean handle(Request request, Response response, Callback callback) throws Exception {
                response.getHeaders()
                        .put("X-Front", "stays")
                        .put(HttpHeader.CONTENT_TYPE, "text/html")
                        .put(HttpHeader.CONTENT_ENCODING, "br");
                return super.handle(request, response, callback);
            }
        });
        route("/front", front);
        start();

        RawClient.Answer answer =
                client().request("GET", "/front", "Origin: https://other.test").answer();

        assertThat(answer.header("access-control-allow-origin")).isEqualTo("https://other.test");
        assertThat(answer.header("x-front")).isEqualTo("stays");
        assertThat(answer.header("content-type")).isEqualTo("text/plain;charset=utf-8");
        assertThat(answer.header("content-encoding")).isEmpty();
    }

    @Test
    void rule_5_6_aBrokenRequestIsAnsweredOnce() throws Exception {
        route("/throws", exchange -> {
            throw new IllegalStateException("on a thread of the server");
        });
        start();
        assertThat(client().exchange("/throws").status()).isEqualTo(500);
    }
}
