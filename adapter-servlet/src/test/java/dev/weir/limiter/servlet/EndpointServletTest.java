package dev.weir.limiter.servlet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Endpoint;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.Upload;
import dev.weir.limiter.http.UploadLimits;
import jakarta.servlet.FilterRegistration;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URL;
import java.net.URLClassLoader;
import java.net.http.HttpClient;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import javax.management.AttributeNotFoundException;
import javax.management.JMException;
import javax.management.ObjectName;
import org.junit.jupiter.api.Test;

/** Portable handlers on a servlet. */
class EndpointServletTest extends ContainerTest {

    private static final byte[] KIB = new byte[1024];

    private final AtomicInteger runs = new AtomicInteger();

    private Application endpoint(CapacityLimiter limiter, Endpoint endpoint) {
        return handler(ExchangeHandler.endpoint(limiter, exchange -> {
            runs.incrementAndGet();
            endpoint.handle(exchange);
        }));
    }

    private static Application handler(ExchangeHandler handler) {
        return context -> new EndpointServlet(handler).register(context, "/x/*");
    }

    @Test
    void filtersInFrontKeepTheirHeaders() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 1);
        CapacityLimiter outer = limiter("outer", 1);
        start(context -> {
            new LimitFilter(outer).register(context, "/x/*");
            var filter = context.addFilter("headers", (request, response, chain) -> {
                ((jakarta.servlet.http.HttpServletResponse) response).setHeader("X-Filter", "yes");
                chain.doFilter(request, response);
            });
            filter.setAsyncSupported(true);
            filter.addMappingForUrlPatterns(null, true, "/x/*");
            endpoint(limiter, exchange -> Exchanges.text(exchange, 200, "ok")).onStartup(context);
        });
        try (Connection client = connect()) {
            assertThat(client.get("/x/1").answer().header("X-Filter")).isEqualTo("yes");
        }
    }

    /** Names of parameters have no case. */
    @Test
    void charsetOfAContentTypeStays() throws Exception {
        start(endpoint(
                limiter("endpoints", 1),
                exchange -> Exchanges.bytes(exchange, 200, "text/plain; Charset=utf-8", new byte[1])));
        try (Connection client = connect()) {
            assertThat(client.get("/x/1").answer().header("Content-Type")).containsIgnoringCase("charset=utf-8");
        }
    }

    @Test
    void rule27AHandlerHasTheApplicationsClassLoaderAndItsWorkerKeepsItsOwn() throws Exception {
        List<ClassLoader> applications = new ArrayList<>();
        BlockingQueue<ClassLoader> seen = new LinkedBlockingQueue<>();
        ExecutorService workers = Executors.newSingleThreadExecutor();
        try (URLClassLoader workersOwn = new URLClassLoader(new URL[0], null)) {
            workers.submit(() -> Thread.currentThread().setContextClassLoader(workersOwn))
                    .get();
            CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("endpoints")
                    .capacity(1)
                    .workers(workers)
                    .build());
            start(context -> {
                applications.add(context.getClassLoader());
                endpoint(limiter, exchange -> {
                            seen.add(Thread.currentThread().getContextClassLoader());
                            Exchanges.text(exchange, 200, "ok");
                        })
                        .onStartup(context);
            });
            try (Connection client = connect()) {
                assertThat(client.get("/x/1").answer().text()).isEqualTo("ok");
            }
            ClassLoader expected = applications.get(0);
            assertThat(seen.poll(5, TimeUnit.SECONDS))
                    .isSameAs(expected == null ? workersOwn : expected); // embedded Jetty has none
            assertThat(workers.submit(() -> Thread.currentThread().getContextClassLoader())
                            .get())
                    .isSameAs(workersOwn);
        } finally {
            workers.shutdown();
        }
    }

    @Test
    void rule51RequestsThatWaitHaveNoTimeLimitOfTheContainers() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 0);
        BlockingQueue<Long> limits = new LinkedBlockingQueue<>();
        start(context -> {
            FilterRegistration.Dynamic filter = context.addFilter("looks", (request, response, chain) -> {
                chain.doFilter(request, response);
                limits.add(request.getAsyncContext().getTimeout());
            });
            filter.setAsyncSupported(true);
            filter.addMappingForUrlPatterns(null, true, "/x/*");
            endpoint(limiter, exchange -> Exchanges.text(exchange, 200, "ok")).onStartup(context);
        });
        try (Connection client = connect().get("/x/1")) {
            assertThat(limits.poll(10, TimeUnit.SECONDS)).isEqualTo(0);
            limiter.resize(1);
            assertThat(client.answer().text()).isEqualTo("ok");
        }
    }

    @Test
    void rule54RefusalIsTheSameAsTheFilters() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 0, 0);
        start(endpoint(limiter, exchange -> Exchanges.text(exchange, 200, "never")));
        try (Connection client = connect()) {
            LimitFilterTest.assertRefusal(client.get("/x/1").answer());
            if (has(Capability.KEEPALIVE_AFTER_503, "HTTP/1.1")) {
                LimitFilterTest.assertRefusal(client.get("/x/2").answer());
            }
        }
        assertThat(runs).hasValue(0);
    }

    private static Iterator<ByteBuffer> numbered(int count, IntFunction<byte[]> item) {
        return Stream.iterate(0, i -> i < count, i -> i + 1)
                .map(i -> ByteBuffer.wrap(item.apply(i)))
                .iterator();
    }

    private static void stream(Exchange exchange, CapacityLimiter limiter, Iterable<ByteBuffer> source) {
        Exchanges.stream(
                exchange,
                200,
                Headers.of("Content-Type", "application/octet-stream"),
                Limiters.iterate(limiter, source));
    }

    @Test
    void rule33ItemsArriveAsTheyAreProduced() throws Exception {
        CapacityLimiter limiter = limiter("streaming", 1);
        BlockingQueue<ByteBuffer> items = new LinkedBlockingQueue<>();
        Iterable<ByteBuffer> source = () -> new Iterator<>() {
            @Override
            public boolean hasNext() {
                return true;
            }

            @Override
            public ByteBuffer next() {
                try {
                    return items.take();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
        };
        start(handler(exchange -> stream(exchange, limiter, source)));
        Connection client = connect().get("/x/1");
        items.add(ByteBuffer.wrap("first".getBytes(StandardCharsets.UTF_8)));
        assertThat(client.head().status()).isEqualTo(200);
        client.await("first");
        items.add(ByteBuffer.wrap("second".getBytes(StandardCharsets.UTF_8)));
        client.await("second");
        client.reset();
        // The source is blocked; what it gives finds nobody.
        for (int i = 0; i < 200 && limiter.statistics().inUse() > 0; i++) {
            items.add(ByteBuffer.wrap(KIB));
        }
        eventually(() -> {
            items.add(ByteBuffer.wrap(KIB));
            return limiter.statistics().inUse() == 0;
        });
    }

    private Application uploads(CapacityLimiter shared, CapacityLimiter endpoints, UploadLimits limits) {
        return handler(ExchangeHandler.upload(shared, limits, endpoints, (exchange, upload) -> {
            runs.incrementAndGet();
            Exchanges.text(exchange, 200, summary(upload));
        }));
    }

    private static String summary(Upload upload) {
        StringBuilder text = new StringBuilder();
        upload.parts()
                .forEach(part -> text.append(part.name())
                        .append('=')
                        .append(part.size())
                        .append(part.fileName().map(name -> "@" + name).orElse(""))
                        .append(';'));
        return text.toString();
    }

    @Test
    void bodyIsReadAsItComesAndEchoed() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 1);
        start(endpoint(limiter, exchange -> {
            StringBuilder all = new StringBuilder();
            while (true) {
                var data = exchange.read().toCompletableFuture().get(10, TimeUnit.SECONDS);
                if (data.isEmpty()) {
                    break;
                }
                all.append(StandardCharsets.UTF_8.decode(data.get()));
            }
            assertThat(exchange.read().toCompletableFuture().get(10, TimeUnit.SECONDS))
                    .isEmpty();
            Exchanges.text(exchange, 200, all.toString());
        }));
        try (Connection client = connect()) {
            client.send("POST /x/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
            eventuallyUses(limiter, 1, 0);
            client.send("world");
            assertThat(client.answer().text()).isEqualTo("helloworld");
            assertThat(client.get("/x/none").answer().text()).isEmpty();
            client.send("POST /x/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
            assertThat(client.answer().text()).isEmpty();
        }
    }

    @Test
    void truncatedBodyIsAnEndBeforeItsTime() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 1);
        BlockingQueue<Throwable> failures = new LinkedBlockingQueue<>();
        start(handler(exchange -> readAll(exchange, failures)));
        try (Connection client = connect()) {
            client.send("POST /x/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
            client.shutdownOutput();
            // Undertow has no exception of its own for it, and can write no more.
            assertThat(failures.poll(10, TimeUnit.SECONDS))
                    .isInstanceOf(KIND == Container.UNDERTOW ? IOException.class : EOFException.class);
        }
        assertThat(limiter.statistics().inUse()).isZero();
    }

    private static void readAll(Exchange exchange, Queue<Throwable> failures) {
        exchange.read().whenComplete((data, failure) -> {
            if (failure != null) {
                failures.add(failure);
                exchange.abort(failure);
            } else if (data.isEmpty()) {
                failures.add(new IllegalStateException("ended"));
                Exchanges.text(exchange, 200, "");
            } else {
                readAll(exchange, failures);
            }
        });
    }

    /** A permit that is home is not all: the container has to end the request too, and so its connection. */
    @Test
    void uploadsWhoseClientsLeaveKeepNoConnection() throws Exception {
        start(uploads(limiter("shared", 2), limiter("endpoints", 2), UploadLimits.defaults()));
        assumeTrue(descriptors() > 0, "a platform that says how many files and sockets are open");
        byte[] body = Multipart.body("bound", Multipart.file("file", "a", 100_000));
        byte[] head = ("POST /x/1 HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=bound\r\n"
                        + "Content-Length: " + body.length + "\r\n\r\n")
                .getBytes(StandardCharsets.ISO_8859_1);
        Random random = new Random(1);
        int clients = 200;
        long before = descriptors();
        for (int i = 0; i < clients; i++) {
            try (Socket client = new Socket(InetAddress.getLoopbackAddress(), port)) {
                client.setSoLinger(i % 2 == 0, 0);
                client.getOutputStream().write(head);
                client.getOutputStream().write(body, 0, random.nextInt(body.length));
            } catch (SocketException e) {
                // refused half-way, and told so by a reset
            }
        }
        await().atMost(Duration.ofSeconds(30))
                .untilAsserted(() -> assertThat(descriptors()).isLessThan(before + clients / 10));
    }

    private static long descriptors() throws JMException {
        try {
            return (Long) ManagementFactory.getPlatformMBeanServer()
                    .getAttribute(new ObjectName("java.lang:type=OperatingSystem"), "OpenFileDescriptorCount");
        } catch (AttributeNotFoundException e) {
            return 0;
        }
    }

    @Test
    void http2EightRequestsUnderTwo() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 2);
        CountDownLatch gate = latch();
        start(endpoint(limiter, exchange -> {
            await10s(gate);
            Exchanges.text(exchange, 200, "done " + exchange.protocol());
        }));
        HttpClient client = http2();
        List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            answers.add(send(client, get("/x/" + i)));
        }
        eventuallyUses(limiter, 2, 6);
        gate.countDown();
        for (var answer : answers) {
            assertThat(answer.get(10, TimeUnit.SECONDS).body()).isEqualTo("done HTTP/2.0");
        }
    }

    @Test
    void http2ThirtyUploadsOnOneConnectionUnderTwo() throws Exception {
        CapacityLimiter shared = limiter("shared", 2);
        start(uploads(shared, limiter("endpoints", 2), UploadLimits.defaults()));
        byte[] body = Multipart.body("bound", Multipart.file("file", "a", 300_000));
        HttpClient client = http2();
        for (int round = 0; round < 3; round++) {
            List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
            for (int i = 0; i < 30; i++) {
                answers.add(send(client, post("/x/up", Multipart.type("bound"), body)));
            }
            for (var answer : answers) {
                assertThat(answer.get(30, TimeUnit.SECONDS).body()).isEqualTo("file=300000@a;");
            }
        }
        assertThat(runs).hasValue(90);
    }

    /** A turn that finds nothing new asks the container's streams nothing that they answer by losing bytes. */
    @Test
    void wakesThatBringNothingLoseNoBytes() throws Exception {
        CapacityLimiter limiter = limiter("endpoints", 8);
        AtomicReference<Exchange> woken = new AtomicReference<>();
        start(endpoint(limiter, exchange -> {
            woken.set(exchange);
            byte[] all = readAll(exchange);
            Exchanges.bytes(exchange, 200, "application/octet-stream", all);
        }));
        HttpClient http1 =
                HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        byte[] body = new byte[1_000_000];
        new Random(7).nextBytes(body);
        AtomicBoolean ended = new AtomicBoolean();
        Thread waker = new Thread(
                () -> {
                    while (!ended.get()) {
                        if (woken.get() instanceof ServletExchange exchange) {
                            exchange.wake();
                        }
                    }
                },
                "waker");
        waker.start();
        try {
            for (HttpClient client : List.of(http1, http2())) {
                for (int round = 0; round < 20; round++) {
                    HttpResponse<byte[]> answer = client.send(
                            post("/x/1", "application/octet-stream", body), HttpResponse.BodyHandlers.ofByteArray());
                    assertThat(answer.statusCode()).isEqualTo(200);
                    assertThat(answer.body()).hasSameSizeAs(body);
                    assertThat(Arrays.mismatch(answer.body(), body)).isEqualTo(-1);
                }
            }
        } finally {
            ended.set(true);
            waker.join();
        }
    }

    private static byte[] readAll(Exchange exchange) throws Exception {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        while (true) {
            var data = exchange.read().toCompletableFuture().get(10, TimeUnit.SECONDS);
            if (data.isEmpty()) {
                return all.toByteArray();
            }
            all.write(data.get().array(), data.get().position(), data.get().remaining());
        }
    }

    @Test
    void http2FailureOfOneStreamLeavesTheOthersAlone() throws Exception {
        assumeTrue(has(Capability.MULTIPLEXED, "HTTP/2.0"), "declared");
        CapacityLimiter limiter = limiter("streaming", 2);
        start(handler(exchange -> {
            int good = exchange.path().endsWith("failing") ? 3 : 5_000;
            stream(
                    exchange,
                    limiter,
                    () -> numbered(1_000, i -> {
                        if (i == good) {
                            throw new IllegalStateException("expected by the test");
                        }
                        return KIB;
                    }));
        }));
        HttpClient client = http2();
        var good = send(client, get("/x/good"));
        var failing = send(client, get("/x/failing"));
        assertThatThrownBy(() -> failing.get(20, TimeUnit.SECONDS)).hasRootCauseInstanceOf(IOException.class);
        assertThat(good.get(20, TimeUnit.SECONDS).body()).hasSize(1_000 * 1024);
        assertThat(send(client, get("/x/good")).get(20, TimeUnit.SECONDS).body())
                .hasSize(1_000 * 1024);
    }

    @Test
    void rule54AnsweredClientsThatKeepTheirBodiesHoldNoThread() throws Exception {
        assumeTrue(KIND != Container.TOMCAT, "a container that does not wait for a body with a thread");
        CapacityLimiter limiter = limiter("endpoints", 2);
        EndpointServlet servlet =
                new EndpointServlet(limiter, exchange -> Exchanges.text(exchange, 200, "not interested"));
        start(context -> servlet.register(context, "/x/*"));
        List<Connection> clients = new ArrayList<>();
        for (int i = 0; i < 2 * TestContainer.THREADS; i++) {
            clients.add(connect().send("POST /x/1 HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nbegun"));
        }
        for (Connection client : clients) {
            assertThat(client.answer().status()).isEqualTo(200);
        }
        try (Connection other = connect()) {
            assertThat(other.get("/ping").answer().text()).isEqualTo("pong");
        }
        for (Connection client : clients) {
            client.close();
        }
    }
}
