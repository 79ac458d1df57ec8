package dev.weir.limiter.jetty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Part;
import dev.weir.limiter.http.Upload;
import dev.weir.limiter.http.UploadLimits;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.zip.CRC32;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.MetaData;
import org.eclipse.jetty.http2.api.Session;
import org.eclipse.jetty.http2.api.Stream;
import org.eclipse.jetty.http2.frames.DataFrame;
import org.eclipse.jetty.http2.frames.HeadersFrame;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Uploads: rule 5.5. */
class UploadTest extends JettyTest {

    private static final String BOUNDARY = "----weir7MA4YWxk";
    private static final String CONTENT_TYPE = "Content-Type: multipart/form-data; boundary=" + BOUNDARY;

    private CapacityLimiter shared;
    private CapacityLimiter endpoints;
    private final AtomicInteger stored = new AtomicInteger();
    private final AtomicReference<Upload> last = new AtomicReference<>();

    @BeforeEach
    void limits() {
        shared = limiter("shared", 2);
        endpoints = limiter("endpoints", 2);
    }

    private void uploadRoute(UploadLimits limits) throws Exception {
        Path parent = uploads();
        // As ExchangeHandler.upload, with a directory of the test's own.
        ExchangeHandler answer =
                exchange -> Exchanges.upload(exchange, shared, limits, parent).thenAccept(upload -> {
                    stored.incrementAndGet();
                    last.set(upload);
                    try {
                        ExchangeHandler.endpoint(endpoints, running -> Exchanges.text(running, 200, described(upload)))
                                .handle(exchange);
                    } catch (Exception e) {
                        Exchanges.fail(exchange, e);
                    }
                });
        route("/upload", answer);
        start();
    }

    private static String described(Upload upload) throws IOException {
        StringBuilder text = new StringBuilder();
        for (Part part : upload.parts()) {
            CRC32 crc = new CRC32();
            crc.update(part.bytes());
            text.append(part.name())
                    .append(' ')
                    .append(part.size())
                    .append(' ')
                    .append(part.fileName().orElse("-"))
                    .append(' ')
                    .append(crc.getValue())
                    .append('\n');
        }
        return text.toString();
    }

    private static byte[] random(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }

    private static String line(String name, byte[] content, String fileName) {
        CRC32 crc = new CRC32();
        crc.update(content);
        return name + " " + content.length + " " + fileName + " " + crc.getValue() + "\n";
    }

    /** A body under construction. */
    private static final class Body {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        Body field(String name, String value) {
            return part("name=\"" + name + "\"", value.getBytes(StandardCharsets.UTF_8));
        }

        Body file(String name, String fileName, byte[] content) {
            return part("name=\"" + name + "\"; filename=\"" + fileName + "\"", content);
        }

        Body part(String disposition, byte[] content) {
            bytes.writeBytes(("--" + BOUNDARY + "\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n")
                    .getBytes(StandardCharsets.UTF_8));
            bytes.writeBytes(content);
            bytes.writeBytes(new byte[] {'\r', '\n'});
            return this;
        }

        byte[] open() {
            return bytes.toByteArray();
        }

        byte[] end() {
            bytes.writeBytes(("--" + BOUNDARY + "--\r\n").getBytes(StandardCharsets.UTF_8));
            return bytes.toByteArray();
        }
    }

    private RawClient post(byte[] body) throws IOException {
        return client().request("POST", "/upload", CONTENT_TYPE, "Content-Length: " + body.length)
                .send(body);
    }

    private RawClient postChunked(byte[] body) throws IOException {
        RawClient client = client().request("POST", "/upload", CONTENT_TYPE, "Transfer-Encoding: chunked");
        try {
            for (int from = 0; from < body.length; from += 50_000) {
                int size = Math.min(50_000, body.length - from);
                client.send(Integer.toHexString(size) + "\r\n");
                client.send(java.util.Arrays.copyOfRange(body, from, from + size));
                client.send("\r\n");
            }
            client.send("0\r\n\r\n");
        } catch (IOException e) {
            // answered before the end: the test reads the answer
        }
        return client;
    }

    private void assertNothingLeft() {
        soon().until(() -> {
            try (java.util.stream.Stream<Path> left = Files.list(uploads())) {
                return left.findAny().isEmpty();
            }
        });
        awaitInUse(shared, 0);
    }

    @Test
    void rule_5_5_fiveMegabytesAndFields() throws Exception {
        uploadRoute(UploadLimits.defaults());
        byte[] large = random(5_000_000);
        byte[] body = new Body()
                .field("title", "Grüße")
                .file("file", "a.bin", large)
                .file("small", "b.txt", random(10))
                .field("empty", "")
                .end();
        String expected = line("title", "Grüße".getBytes(StandardCharsets.UTF_8), "-")
                + line("file", large, "a.bin")
                + line("small", random(10), "b.txt")
                + line("empty", new byte[0], "-");
        RawClient client = post(body);
        assertThat(client.answer().text()).isEqualTo(expected);
        assertThat(client.exchange("/ping").text()).isEqualTo("pong");
        assertThat(postChunked(body).answer().text()).isEqualTo(expected);
        assertNothingLeft();
        assertThatThrownBy(() -> last.get().part("file").orElseThrow().open()).isInstanceOf(IOException.class);
    }

    @Test
    void rule_5_5_theHandlerOfAllServersStoresAndAnswersUnderItsLimiters() throws Exception {
        route(
                "/upload",
                ExchangeHandler.upload(
                        shared,
                        UploadLimits.defaults(),
                        endpoints,
                        (exchange, upload) -> Exchanges.text(
                                exchange, 200, Thread.currentThread().getName() + " " + upload.parts())));
        start();
        assertThat(post(new Body().field("a", "b").end()).answer().text()).startsWith("weir-endpoints-");
        assertThat(endpoints.statistics().acquired()).isEqualTo(1);
    }

    @Test
    void rule_5_5_aBodyThatDeclaresToBeTooLargeIsRefusedBeforeAnythingElse() throws Exception {
        uploadRoute(UploadLimits.defaults().bodySize(1000));
        RawClient client =
                client().request("POST", "/upload", CONTENT_TYPE, "Content-Length: 1001", "Expect: 100-continue");
        assertThat(client.answer().status()).isEqualTo(413);
        assertThat(shared.statistics().acquired()).isZero();
        assertThat(stored).hasValue(0);
    }

    @Test
    void rule_5_5_continueComesAfterAdmission() throws Exception {
        uploadRoute(UploadLimits.defaults());
        byte[] body = new Body().field("a", "b").end();
        var first = shared.acquire();
        var second = shared.acquire();
        RawClient client = client().request(
                        "POST", "/upload", CONTENT_TYPE, "Content-Length: " + body.length, "Expect: 100-continue");
        awaitWaiting(shared, 1);
        first.close();
        second.close();
        assertThat(client.answer().status()).isEqualTo(100);
        assertThat(client.send(body).answer().text()).startsWith("a 1");
    }

    @Test
    void rule_5_5_aRefusedUploadIsA503WithoutContinue() throws Exception {
        shared = limiter("full", settings -> settings.capacity(0).maxWaiting(0));
        uploadRoute(UploadLimits.defaults());
        RawClient client =
                client().request("POST", "/upload", CONTENT_TYPE, "Content-Length: 1001", "Expect: 100-continue");
        assertThat(client.answer().status()).isEqualTo(503);
    }

    @Test
    void rule_5_5_countedLimits() throws Exception {
        uploadRoute(UploadLimits.defaults()
                .bodySize(300_000)
                .fileSize(100_000)
                .fieldSize(20_000)
                .parts(5)
                .headerSize(500));
        Body many = new Body();
        for (int i = 0; i < 6; i++) {
            many.field("f" + i, "x");
        }
        List<byte[]> tooLarge = List.of(
                new Body().file("f", "f", random(400_000)).end(),
                new Body().file("f", "f", random(100_001)).end(),
                new Body().field("f", "x".repeat(20_001)).end(),
                many.end(),
                new Body().field("n".repeat(1000), "x").end());
        for (byte[] body : tooLarge) {
            assertThat(postChunked(body).answer().status()).isEqualTo(413);
        }
        assertThat(stored).hasValue(0);
        byte[] justRight = new Body()
                .file("f", "f", random(100_000))
                .field("g", "x".repeat(20_000))
                .end();
        assertThat(postChunked(justRight).answer().status()).isEqualTo(200);
        assertNothingLeft();
    }

    @Test
    void rule_5_5_malformedBodiesAreA400() throws Exception {
        uploadRoute(UploadLimits.defaults());
        byte[] good = new Body().field("a", "b").file("f", "f", random(100_000)).end();
        List<byte[]> bad = List.of(
                "garbage".getBytes(StandardCharsets.UTF_8),
                random(100_000),
                new byte[0],
                java.util.Arrays.copyOf(good, good.length - 10),
                new Body().part("filename=\"nameless\"", random(10)).end(),
                new Body().file("f", "x\u0007y", random(10)).end(),
                ("--" + BOUNDARY + "\r\n\u0001: x\r\n\r\n").getBytes(StandardCharsets.UTF_8));
        for (byte[] body : bad) {
            assertThat(post(body).answer().status()).isEqualTo(400);
        }
        for (String type : List.of("multipart/form-data", "text/plain", "multipart/form-data; boundary=")) {
            RawClient client = client().request("POST", "/upload", "Content-Type: " + type, "Content-Length: 3")
                    .send("abc");
            assertThat(client.answer().status()).isEqualTo(400);
        }
        RawClient untyped =
                client().request("POST", "/upload", "Content-Length: 3").send("abc");
        assertThat(untyped.answer().status()).isEqualTo(400);
        assertThat(stored).hasValue(0);
        assertNothingLeft();
    }

    @Test
    void rule_5_5_aTruncatedBodyLeavesNothingBehind() throws Exception {
        uploadRoute(UploadLimits.defaults());
        byte[] body = new Body().file("f", "f", random(1_000_000)).end();
        for (int i = 0; i < 5; i++) {
            RawClient half = client().request("POST", "/upload", CONTENT_TYPE, "Content-Length: " + body.length)
                    .send(java.util.Arrays.copyOf(body, 500_000));
            half.halfClose();
            assertThat(half.answer().status()).isEqualTo(400);
            RawClient killed = client().request("POST", "/upload", CONTENT_TYPE, "Content-Length: " + body.length)
                    .send(java.util.Arrays.copyOf(body, 500_000));
            killed.kill();
        }
        assertNothingLeft();
        assertThat(stored).hasValue(0);
    }

    @Test
    void rule_5_5_aStalledUploadHoldsNoPermitAndEndsWithTheIdleTimeOut() throws Exception {
        shared = limiter("one", 1);
        uploadRoute(UploadLimits.defaults());
        byte[] body = new Body().file("f", "f", random(1_000_000)).end();
        RawClient stalled = client().request("POST", "/upload", CONTENT_TYPE, "Content-Length: " + body.length)
                .send(java.util.Arrays.copyOf(body, 500_000));
        soon().until(() ->
                shared.statistics().inUse() == 0 && shared.statistics().released() > 1);
        assertThat(post(body).answer().status()).isEqualTo(200);
        byte[] rest = java.util.Arrays.copyOfRange(body, 500_000, body.length);
        assertThat(stalled.send(rest).answer().status()).isEqualTo(200);

        connector.setIdleTimeout(100);
        RawClient forgotten = client().request("POST", "/upload", CONTENT_TYPE, "Content-Length: " + body.length)
                .send(java.util.Arrays.copyOf(body, 500_000));
        assertThat(forgotten.rest()).isEmpty();
        assertNothingLeft();
    }

    @ParameterizedTest
    @ValueSource(strings = {"../../../etc/passwd", "..", ".", "/etc/passwd", "C:\\\\Windows\\\\x.dll", "a/../../b"})
    void rule_5_5_aHostileFileNameIsOnlyAString(String hostile) throws Exception {
        uploadRoute(UploadLimits.defaults());
        byte[] content = random(20_000);
        AtomicReference<List<String>> seen = new AtomicReference<>(List.of());
        Path parent = uploads();
        route(
                "/names",
                exchange -> Exchanges.upload(exchange, shared, UploadLimits.defaults(), parent)
                        .thenAccept(upload -> {
                            try (java.util.stream.Stream<Path> files = Files.walk(parent)) {
                                seen.set(files.filter(Files::isRegularFile)
                                        .map(file -> file.getFileName().toString())
                                        .toList());
                            } catch (IOException e) {
                                Exchanges.fail(exchange, e);
                            }
                            String safe = upload.parts().get(0).fileName().orElse("none");
                            Exchanges.text(exchange, 200, safe);
                        }));
        byte[] body = new Body().file("f", hostile, content).end();
        RawClient.Answer answer = client().request("POST", "/names", CONTENT_TYPE, "Content-Length: " + body.length)
                .send(body)
                .answer();
        assertThat(answer.status()).isEqualTo(200);
        assertThat(seen.get()).containsExactly("part-0");
        assertThat(answer.text()).doesNotContain("/", "\\", "..", ":").isNotBlank();
        assertThat(parent.resolve(answer.text()).getParent()).isEqualTo(parent);
        assertNothingLeft();
    }

    @Test
    void rule_5_5_partsCanBeMovedAndClosedEarly() throws Exception {
        Path target = directory.resolve("kept");
        Path parent = uploads();
        route(
                "/upload",
                exchange -> Exchanges.upload(exchange, shared, UploadLimits.defaults(), parent)
                        .thenAccept(upload -> {
                            try (upload) {
                                upload.part("f").orElseThrow().moveTo(target);
                                Exchanges.text(exchange, 200, "kept");
                            } catch (IOException e) {
                                Exchanges.fail(exchange, e);
                            }
                        }));
        start();
        byte[] content = random(50_000);
        assertThat(post(new Body().file("f", "x", content).end()).answer().text())
                .isEqualTo("kept");
        assertNothingLeft();
        assertThat(Files.readAllBytes(target)).isEqualTo(content);
    }

    @RepeatedTest(5)
    void rule_5_5_thirtyUploadsOnOneHttp2ConnectionUnderALimitOfTwo() throws Exception {
        uploadRoute(UploadLimits.defaults());
        byte[] content = random(1_000_000);
        byte[] body = new Body().file("f", "x.bin", content).end();
        Session session = http2();
        List<CompletableFuture<String>> answers = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            answers.add(http2Upload(session, body));
        }
        for (CompletableFuture<String> answer : answers) {
            assertThat(answer.get(30, TimeUnit.SECONDS)).isEqualTo("200 " + line("f", content, "x.bin"));
        }
        assertNothingLeft();
        assertThat(stored).hasValue(30);
    }

    private CompletableFuture<String> http2Upload(Session session, byte[] body) throws Exception {
        CompletableFuture<String> answer = new CompletableFuture<>();
        StringBuilder text = new StringBuilder(); // Jetty calls a listener once at a time
        Stream.Listener listener = new Stream.Listener() {
            @Override
            public void onHeaders(Stream stream, HeadersFrame frame) {
                text.append(((MetaData.Response) frame.getMetaData()).getStatus())
                        .append(' ');
                stream.demand();
            }

            @Override
            public void onDataAvailable(Stream stream) {
                Stream.Data data = stream.readData();
                if (data == null) {
                    stream.demand();
                    return;
                }
                text.append(StandardCharsets.UTF_8.decode(data.frame().getByteBuffer()));
                boolean end = data.frame().isEndStream();
                data.release();
                if (end) {
                    answer.complete(text.toString());
                } else {
                    stream.demand();
                }
            }

            @Override
            public void onReset(Stream stream, org.eclipse.jetty.http2.frames.ResetFrame frame, Callback callback) {
                answer.completeExceptionally(new IOException("reset " + frame.getError()));
                callback.succeeded();
            }
        };
        HttpFields fields = HttpFields.build()
                .put("Content-Type", "multipart/form-data; boundary=" + BOUNDARY)
                .asImmutable();
        Stream stream = session.newStream(http2Head("POST", "/upload", fields, false), listener)
                .get(10, TimeUnit.SECONDS);
        stream.data(new DataFrame(stream.getId(), ByteBuffer.wrap(body), true), Callback.NOOP);
        return answer;
    }

    @Test
    void rule_5_3_anUploadThatIsResetWhileItWaitsLeavesTheQueue() throws Exception {
        shared = limiter("one", 1);
        uploadRoute(UploadLimits.defaults());
        var permit = shared.acquire();
        Session session = http2();
        Stream stream = session.newStream(http2Head("POST", "/upload", false), new Stream.Listener() {})
                .get(10, TimeUnit.SECONDS);
        awaitWaiting(shared, 1);
        reset(stream);
        awaitWaiting(shared, 0);
        permit.close();
        assertNothingLeft();
    }

    @Test
    void rule_5_5_anUploadThatIsResetInTheMiddleIsRemoved() throws Exception {
        uploadRoute(UploadLimits.defaults());
        byte[] body = new Body().file("f", "x", random(100_000)).open();
        Session session = http2();
        HttpFields fields = HttpFields.build()
                .put("Content-Type", "multipart/form-data; boundary=" + BOUNDARY)
                .asImmutable();
        Stream stream = session.newStream(http2Head("POST", "/upload", fields, false), new Stream.Listener() {})
                .get(10, TimeUnit.SECONDS);
        CountDownLatch sent = new CountDownLatch(1);
        stream.data(
                new DataFrame(stream.getId(), ByteBuffer.wrap(body, 0, 50_000), false), Callback.from(sent::countDown));
        assertThat(sent.await(10, TimeUnit.SECONDS)).isTrue();
        soon().until(() -> {
            try (java.util.stream.Stream<Path> files = Files.walk(uploads())) {
                return files.anyMatch(Files::isRegularFile);
            }
        });
        reset(stream);
        assertNothingLeft();
        assertThat(stored).hasValue(0);
    }
}
