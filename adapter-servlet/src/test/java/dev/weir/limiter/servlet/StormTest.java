package dev.weir.limiter.servlet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.UploadLimits;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Three hundred clients that leave, on every path; afterwards nothing is in use, and the server answers. */
class StormTest extends ContainerTest {

    private static final int CLIENTS = 300;

    private final AtomicInteger entered = new AtomicInteger();

    private void assertAlive() throws Exception {
        try (Connection client = connect()) {
            assertThat(client.get("/ping").answer().text()).isEqualTo("pong");
        }
    }

    private void assertDrained(CompletableFuture<Void> drained) {
        assertThat(drained).succeedsWithin(Duration.ofSeconds(20));
    }

    @Test
    void rule53FilterHttp1() throws Exception {
        CapacityLimiter limiter = limiter("storm", 4);
        CountDownLatch gate = latch();
        LimitFilter filter = new LimitFilter(limiter);
        start(context -> {
            filter.register(context, "/limited/*");
            add(context, "/limited/*", (request, response) -> {
                if (entered.incrementAndGet() <= 4) {
                    await10s(gate);
                }
                response.getOutputStream().print("done");
            });
        });
        List<Connection> clients = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
            clients.add(connect().get("/limited/" + i));
        }
        eventuallyUses(limiter, 4, CLIENTS - 4);
        leave(clients, gate);
        eventuallyUses(limiter, 0, 0);
        assertDrained(filter.shutdown());
        assertAlive();
    }

    private void leave(List<Connection> clients, CountDownLatch gate) throws Exception {
        Random random = new Random(1);
        for (int i = 0; i < clients.size(); i++) {
            if (i == clients.size() / 2) {
                gate.countDown();
            }
            if (random.nextBoolean()) {
                clients.get(i).reset();
            } else {
                clients.get(i).close();
            }
        }
        gate.countDown();
    }

    @Test
    void rule53FilterHttp2() throws Exception {
        CapacityLimiter limiter = limiter("storm", 4);
        CountDownLatch gate = latch();
        LimitFilter filter = new LimitFilter(limiter);
        start(context -> {
            filter.register(context, "/limited/*");
            add(context, "/limited/*", (request, response) -> {
                if (entered.incrementAndGet() <= 4) {
                    await10s(gate);
                }
                response.getOutputStream().print("done");
            });
        });
        storm("/limited/", limiter, gate);
        eventuallyUses(limiter, 0, 0);
        assertDrained(filter.shutdown());
        assertAlive();
    }

    @Test
    void rule53EndpointsHttp2() throws Exception {
        CapacityLimiter limiter = limiter("storm", 4);
        CountDownLatch gate = latch();
        EndpointServlet servlet = new EndpointServlet(limiter, exchange -> {
            if (entered.incrementAndGet() <= 4) {
                await10s(gate);
            }
            Exchanges.text(exchange, 200, "done");
        });
        start(context -> servlet.register(context, "/x/*"));
        storm("/x/", limiter, gate);
        assertDrained(servlet.shutdown());
        assertAlive();
    }

    @Test
    void rule53EndpointsHttp1() throws Exception {
        CapacityLimiter limiter = limiter("storm", 4);
        CountDownLatch gate = latch();
        EndpointServlet servlet = new EndpointServlet(limiter, exchange -> {
            if (entered.incrementAndGet() <= 4) {
                await10s(gate);
            }
            Exchanges.text(exchange, 200, "done");
        });
        start(context -> servlet.register(context, "/x/*"));
        List<Connection> clients = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
            clients.add(connect().get("/x/" + i));
        }
        eventuallyUses(limiter, 4, CLIENTS - 4);
        leave(clients, gate);
        assertDrained(servlet.shutdown());
        assertAlive();
    }

    private void storm(String path, CapacityLimiter limiter, CountDownLatch gate) throws Exception {
        HttpClient client = http2();
        List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
        for (int i = 0; i < CLIENTS; i++) {
            answers.add(send(client, get(path + i)));
            if (i == 3) {
                eventually(() -> entered.get() == 4);
            }
        }
        eventually(() -> limiter.statistics().waiting() >= 90);
        for (int i = 0; i < CLIENTS; i++) {
            if (i == CLIENTS / 2) {
                gate.countDown();
            }
            answers.get(i).cancel(true);
        }
    }

    @Test
    void rule53StreamsHttp1AndHttp2() throws Exception {
        CapacityLimiter limiter = limiter("storm", 4);
        AtomicInteger open = new AtomicInteger();
        byte[] item = new byte[2048];
        EndpointServlet servlet = new EndpointServlet(exchange -> {
            open.incrementAndGet();
            Exchanges.stream(
                    exchange,
                    200,
                    Headers.of(),
                    Limiters.iterate(
                            limiter,
                            Stream.generate(() -> ByteBuffer.wrap(item.clone())).onClose(open::decrementAndGet)));
        });
        start(context -> servlet.register(context, "/x/*"));
        HttpClient client = http2();
        List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
        List<Connection> clients = new ArrayList<>();
        for (int i = 0; i < CLIENTS / 2; i++) {
            answers.add(send(client, get("/x/" + i)));
            clients.add(connect().get("/x/" + i));
        }
        for (int i = 0; i < CLIENTS / 2; i++) {
            if (ThreadLocalRandom.current().nextBoolean()) {
                clients.get(i).head();
            }
            clients.get(i).reset();
            answers.get(i).cancel(true);
        }
        assertDrained(servlet.shutdown());
        eventuallyUses(limiter, 0, 0);
        eventually(() -> open.get() == 0);
        assertAlive();
    }

    @Test
    void rule53UploadsHttp1AndHttp2() throws Exception {
        CapacityLimiter shared = limiter("storm", 2);
        CapacityLimiter endpoints = limiter("endpoints", 2);
        ExchangeHandler upload = ExchangeHandler.upload(
                shared, UploadLimits.defaults(), endpoints, (exchange, parts) -> Exchanges.text(exchange, 200, "ok"));
        Set<Exchange> open = ConcurrentHashMap.newKeySet();
        EndpointServlet servlet = new EndpointServlet(exchange -> {
            open.add(exchange);
            exchange.onComplete(outcome -> open.remove(exchange));
            upload.handle(exchange);
        });
        start(context -> servlet.register(context, "/x/*"));
        byte[] body = Multipart.body("bound", Multipart.file("file", "a", 200_000));
        HttpClient client = http2();
        List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
        List<Connection> clients = new ArrayList<>();
        for (int i = 0; i < CLIENTS / 2; i++) {
            answers.add(send(client, post("/x/" + i, Multipart.type("bound"), body)));
            Connection connection = connect();
            connection.send("POST /x/up HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=bound\r\n"
                    + "Content-Length: " + body.length + "\r\n\r\n");
            connection.send(Arrays.copyOf(body, 30_000));
            clients.add(connection);
        }
        for (int i = 0; i < CLIENTS / 2; i++) {
            clients.get(i).reset();
            answers.get(i).cancel(true);
        }
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(open).isEmpty());
        assertDrained(servlet.shutdown());
        eventuallyUses(shared, 0, 0);
        assertAlive();
    }
}
