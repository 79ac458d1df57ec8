package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Permit;
import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Part;
import dev.weir.limiter.http.Upload;
import dev.weir.limiter.http.UploadLimits;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;

/** Uploads. */
@SuppressWarnings("FutureReturnValueIgnored") // the client sees what became of an answer
public abstract class UploadScenarios extends StreamScenarios {

    private final AtomicInteger stored = new AtomicInteger();

    /** For subclasses. */
    protected UploadScenarios() {}

    /** Uploads to {@code /upload} are answered with a description of their parts. */
    CapacityLimiter described(int capacity, UploadLimits limits) {
        CapacityLimiter storage = limiter(capacity);
        described(storage, limits);
        return storage;
    }

    private void described(CapacityLimiter storage, UploadLimits limits) {
        uploaded("/upload", storage, limits, limiter(2), (exchange, upload) -> {
            stored.incrementAndGet();
            Exchanges.text(exchange, 200, description(upload));
        });
    }

    private static String description(Upload upload) throws IOException {
        StringBuilder text = new StringBuilder();
        for (Part part : upload.parts()) {
            text.append(line(part.name(), part.fileName().orElse("-"), part.bytes()));
        }
        return text.toString();
    }

    static String line(String name, String fileName, byte[] content) {
        CRC32 crc = new CRC32();
        crc.update(content);
        return name + " " + fileName + " " + content.length + " " + crc.getValue() + "\n";
    }

    static byte[] random(int size) {
        byte[] bytes = new byte[size];
        new Random(size).nextBytes(bytes);
        return bytes;
    }

    @Test
    void s38_rule_5_5_an_upload_of_five_megabytes_and_fields_is_stored_and_removed() throws Exception {
        CapacityLimiter storage = described(1, UploadLimits.defaults());
        Running app = serve();
        byte[] large = random(5_000_000);
        Multipart body = Multipart.of()
                .field("title", "Grüße")
                .file("file", "a.bin", large)
                .file("small", "b.txt", random(10))
                .field("empty", "");
        String expected = line("title", "-", "Grüße".getBytes(StandardCharsets.UTF_8))
                + line("file", "a.bin", large)
                + line("small", "b.txt", random(10))
                + line("empty", "-", new byte[0]);
        RawClient client = app.client();

        RawClient.Answer answer = body.post(client, "/upload").answer();

        assertThat(answer.text()).isEqualTo(expected);
        assertUsableOrClosed(client, answer);
        assertThat(Multipart.postChunked(app.client(), "/upload", body.bytes())
                        .answer()
                        .text())
                .isEqualTo(expected);
        awaitIdle(storage);
        awaitNoTemporaryFiles();
    }

    @Test
    void s39_rule_5_5_the_handler_for_uploads_stores_and_answers_under_its_limiters() throws Exception {
        CapacityLimiter storage = limiter(1);
        CapacityLimiter limiter = limiter(1);
        AtomicReference<Upload> kept = new AtomicReference<>();
        route("/upload", ExchangeHandler.upload(storage, UploadLimits.defaults(), limiter, (exchange, upload) -> {
            mayBlock();
            kept.set(upload);
            Exchanges.text(exchange, 200, upload.part("f").orElseThrow().size() + " bytes");
        }));
        Running app = serve();

        assertThat(Multipart.of()
                        .file("f", "f", random(50_000))
                        .post(app.client(), "/upload")
                        .answer()
                        .text())
                .isEqualTo("50000 bytes");

        assertThat(limiter.statistics().acquired()).isEqualTo(1);
        assertThat(storage.statistics().acquired()).isPositive();
        await("the upload's file to be removed", () -> !canOpen(kept.get()));
    }

    private static boolean canOpen(Upload upload) {
        try {
            upload.part("f").orElseThrow().open().close();
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    @Test
    void s40_rule_5_5_a_body_that_declares_to_be_too_large_is_413_before_anything_is_acquired() throws Exception {
        CapacityLimiter storage = described(1, UploadLimits.defaults().bodySize(20_000));
        Running app = serve();

        assertProblem(
                Multipart.of()
                        .file("f", "f", random(30_000))
                        .post(app.client(), "/upload")
                        .answer(),
                413);
        if (app.can(Capability.CONTINUE_AFTER_ADMISSION)) {
            RawClient polite = app.client()
                    .request(
                            "POST",
                            "/upload",
                            "Expect: 100-continue",
                            "Content-Type: " + Multipart.TYPE,
                            "Content-Length: 30000000");
            assertProblem(polite.answer(), 413);
        }

        assertThat(storage.statistics().acquired()).isZero();
        assertThat(stored).hasValue(0);
    }

    @Test
    void s41_rule_5_5_a_body_that_turns_out_to_be_too_large_is_413() throws Exception {
        CapacityLimiter storage = described(
                1,
                UploadLimits.defaults()
                        .bodySize(100_000)
                        .fileSize(40_000)
                        .fieldSize(1_000)
                        .parts(5));
        Running app = serve();

        byte[] whole = Multipart.of()
                .file("a", "a", random(39_000))
                .file("b", "b", random(39_000))
                .file("c", "c", random(39_000))
                .bytes();
        assertProblem(Multipart.postChunked(app.client(), "/upload", whole).answer(), 413);
        Multipart file = Multipart.of().file("a", "a", random(41_000));
        assertProblem(file.post(app.client(), "/upload").answer(), 413);
        Multipart field = Multipart.of().field("a", "x".repeat(1_001));
        assertProblem(field.post(app.client(), "/upload").answer(), 413);
        Multipart parts = Multipart.of();
        for (int i = 0; i < 6; i++) {
            parts.field("f" + i, "x");
        }
        assertProblem(parts.post(app.client(), "/upload").answer(), 413);

        awaitIdle(storage);
        awaitNoTemporaryFiles();
        assertThat(stored).hasValue(0);
    }

    @Test
    void s42_rule_5_5_a_truncated_body_is_400_and_leaves_no_file() throws Exception {
        CapacityLimiter storage = described(1, UploadLimits.defaults());
        Running app = serve();
        byte[] truncated = Multipart.of().file("f", "f", random(50_000)).truncated();

        assertProblem(
                app.client()
                        .post("/upload", Multipart.TYPE, Arrays.copyOf(truncated, 40_000))
                        .answer(),
                400);
        assertProblem(app.client().post("/upload", Multipart.TYPE, truncated).answer(), 400);
        assertProblem(Multipart.postChunked(app.client(), "/upload", truncated).answer(), 400);

        awaitIdle(storage);
        awaitNoTemporaryFiles();
        assertThat(stored).hasValue(0);
    }

    @Test
    void s43_rule_5_5_a_body_that_is_no_well_formed_multipart_body_is_400() throws Exception {
        CapacityLimiter storage = described(1, UploadLimits.defaults());
        Running app = serve();
        byte[] garbage = "this is no multipart body\r\n".repeat(100).getBytes(StandardCharsets.US_ASCII);
        byte[] empty = new byte[0];

        for (String type :
                List.of(Multipart.TYPE, "multipart/form-data", "multipart/form-data; boundary=", "text/plain")) {
            assertProblem(app.client().post("/upload", type, garbage).answer(), 400);
        }
        assertProblem(app.client().post("/upload", Multipart.TYPE, empty).answer(), 400);
        byte[] nameless = ("--" + Multipart.BOUNDARY + "\r\nContent-Disposition: form-data\r\n\r\nx\r\n--"
                        + Multipart.BOUNDARY + "--\r\n")
                .getBytes(StandardCharsets.US_ASCII);
        assertProblem(app.client().post("/upload", Multipart.TYPE, nameless).answer(), 400);

        awaitIdle(storage);
        awaitNoTemporaryFiles();
        assertThat(stored).hasValue(0);
    }

    @Test
    void s44_rule_5_5_a_hostile_file_name_goes_nowhere() throws Exception {
        CapacityLimiter storage = limiter(1);
        AtomicReference<String> safe = new AtomicReference<>("");
        uploaded("/upload", storage, UploadLimits.defaults(), limiter(1), (exchange, upload) -> {
            Part part = upload.part("f").orElseThrow();
            safe.set(part.fileName().orElse(""));
            Exchanges.text(exchange, 200, part.bytes().length + " bytes");
        });
        Running app = serve();
        uploads();
        Set<Path> before = everythingIn(directory);

        for (String name : List.of(
                "../../../escaped", "/escaped", "..", ".", "a/../../escaped", "C:/dir/escaped", "x".repeat(2_000))) {
            assertThat(Multipart.of()
                            .file("f", name, random(20_000))
                            .post(app.client(), "/upload")
                            .answer()
                            .text())
                    .as("answer to an upload named %s", name)
                    .isEqualTo("20000 bytes");
            assertThat(safe.get()).doesNotContain("/").doesNotContain("\\").doesNotStartWith(".");
            assertThat(safe.get().length()).isLessThan(256);
        }

        Multipart control = Multipart.of().file("f", "con\u0001trol", random(20_000));
        assertProblem(control.post(app.client(), "/upload").answer(), 400);

        awaitNoTemporaryFiles();
        assertThat(everythingIn(directory)).isEqualTo(before);
    }

    private static Set<Path> everythingIn(Path directory) throws IOException {
        try (Stream<Path> all = Files.walk(directory)) {
            return new HashSet<>(all.toList());
        }
    }

    @Test
    void s45_rule_5_5_a_slow_uploader_holds_no_permit_and_keeps_nobody_waiting() throws Exception {
        CapacityLimiter storage = described(1, UploadLimits.defaults());
        Running app = serve();
        byte[] content = random(20_000);
        byte[] body = Multipart.of().file("f", "f", content).bytes();
        RawClient slow = app.client()
                .request("POST", "/upload", "Content-Type: " + Multipart.TYPE, "Content-Length: " + body.length);

        for (int from = 0; from < body.length; from += 4_000) {
            long acquired = storage.statistics().acquired();
            slow.send(Arrays.copyOfRange(body, from, Math.min(from + 4_000, body.length)));
            if (app.can(Capability.NON_BLOCKING_BODY)) {
                await("the next slice", () -> storage.statistics().acquired() > acquired);
                awaitIdle(storage);
                RawClient other = Multipart.of().field("a", "b").post(app.client(), "/upload");
                assertThat(other.answer().status()).isEqualTo(200);
            }
        }

        assertThat(slow.answer().text()).isEqualTo(line("f", "f", content));
    }

    @Test
    void s46_rule_5_5_a_client_killed_mid_upload_leaves_no_file_and_its_handler_never_runs() throws Exception {
        CapacityLimiter storage = described(1, UploadLimits.defaults());
        Running app = serve();
        byte[] body = Multipart.of().file("f", "f", random(1_000_000)).bytes();

        for (boolean regular : new boolean[] {false, true}) {
            RawClient client = app.client()
                    .request("POST", "/upload", "Content-Type: " + Multipart.TYPE, "Content-Length: " + body.length)
                    .send(Arrays.copyOf(body, 300_000));
            await("the first slice", this::hasStoredSlice);
            if (regular) {
                client.close();
            } else {
                client.kill();
            }
            awaitNoTemporaryFiles();
            awaitIdle(storage);
        }
        assertThat(stored).hasValue(0);
        assertThat(Multipart.of()
                        .field("a", "b")
                        .post(app.client(), "/upload")
                        .answer()
                        .status())
                .isEqualTo(200);
    }

    @Test
    void s47_rule_5_3_a_client_that_left_while_its_upload_is_queued_leaves_the_queue() throws Exception {
        CapacityLimiter storage = described(1, UploadLimits.defaults());
        Running app = serve();
        List<Permit> held = hold(storage, 1);
        byte[] body = Multipart.of().file("f", "f", random(10_000)).bytes();
        RawClient client = app.client()
                .request("POST", "/upload", "Content-Type: " + Multipart.TYPE, "Content-Length: " + body.length);
        awaitWaiting(storage, 1);

        client.kill();

        if (app.can(Capability.DISCONNECT_WHILE_WAITING)) {
            awaitWaiting(storage, 0);
        }
        closeAll(held);
        awaitIdle(storage);
        awaitNoTemporaryFiles();
        assertThat(stored).hasValue(0);
    }

    @Test
    void s48_rule_5_4_an_upload_is_refused_by_a_full_queue_and_not_half_way() throws Exception {
        CapacityLimiter storage = build(builder().capacity(1).maxWaiting(0));
        described(storage, UploadLimits.defaults());
        Running app = serve();
        byte[] content = random(100_000);
        byte[] body = Multipart.of().file("f", "f", content).bytes();
        RawClient running = app.client()
                .request("POST", "/upload", "Content-Type: " + Multipart.TYPE, "Content-Length: " + body.length)
                .send(Arrays.copyOf(body, 50_000));
        await("the first slice", this::hasStoredSlice);
        List<Permit> held = new ArrayList<>();
        if (app.can(Capability.NON_BLOCKING_BODY)) { // or it holds the permit itself while it waits for bytes
            // What was sent may come in several slices: between two of them the permit is free, but not for long.
            await("a permit", () -> storage.tryAcquire().map(held::add).orElse(false));
        }

        assertRefusal(
                Multipart.of().field("a", "b").post(app.client(), "/upload").answer());
        running.send(Arrays.copyOfRange(body, 50_000, body.length));
        for (Permit permit : held) {
            await("the next slice to wait", () -> storage.statistics().waiting() == 1);
            permit.close();
        }

        assertThat(running.answer().text()).isEqualTo(line("f", "f", content));
    }

    @Test
    void s49_rule_5_5_forty_uploads_at_a_time_share_one_permit() throws Exception {
        described(1, UploadLimits.defaults());
        Running app = serve();
        byte[] content = random(200_000);
        Multipart body = Multipart.of().file("f", "f", content);
        List<Caller<RawClient.Answer>> uploads = Stream.generate(
                        () -> start(() -> body.post(app.client(), "/upload").answer()))
                .limit(40)
                .toList();

        for (Caller<RawClient.Answer> upload : uploads) {
            assertThat(get(upload.outcome()).text()).isEqualTo(line("f", "f", content));
        }
        assertThat(stored).hasValue(40);
    }
}
