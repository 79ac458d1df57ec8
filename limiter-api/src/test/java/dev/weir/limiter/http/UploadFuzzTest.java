package dev.weir.limiter.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Uploads by hostile clients, who drip, flood, cut, and leave at any moment, to servers that refuse at any moment: rule 5.5.
 * Whatever comes of one, no permit is held while bytes are awaited, everything goes home once, and no file stays. Seeds are as
 * in {@link MultipartFuzzTest}.
 */
class UploadFuzzTest {

    private static final UploadLimits LIMITS = UploadLimits.defaults()
            .bodySize(60_000)
            .fileSize(30_000)
            .fieldSize(2_000)
            .parts(20)
            .headerSize(400);

    private static final int MOST_STEPS = 5_000;

    @TempDir
    Path directory;

    /** One upload, moved by a random hand. */
    private final class Run {
        private final Random random;
        private final ManualLimiter limiter = new ManualLimiter();
        private final FakeExchange exchange = new FakeExchange("POST");
        private final List<String> contents = new ArrayList<>();
        private final ByteBuffer body;
        private final int largestPiece;
        private final boolean isWellFormed;
        private final int mishapAt;
        private boolean ended;

        Run(Random random) {
            this.random = random;
            this.isWellFormed = random.nextInt(3) > 0;
            this.body = ByteBuffer.wrap(isWellFormed ? wellFormed() : anything());
            this.largestPiece = random.nextBoolean() ? 1 + random.nextInt(3) : 1 + random.nextInt(20_000);
            this.mishapAt = random.nextBoolean() ? Integer.MAX_VALUE : random.nextInt(60);
        }

        private byte[] wellFormed() {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            for (int parts = random.nextInt(4); parts > 0; parts--) {
                int size = random.nextInt(random.nextInt(4) == 0 ? 12_000 : 200);
                String content = Character.toString('a' + random.nextInt(26)).repeat(size);
                contents.add(content);
                write(bytes, "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"../f\"\r\n\r\n");
                write(bytes, content + "\r\n");
            }
            write(bytes, "--b--");
            return bytes.toByteArray();
        }

        private byte[] anything() {
            String[] pieces = {
                "--b",
                "--b\r\n",
                "\r\n--b\r\n",
                "--b--",
                "\r\n",
                "\r",
                "\n",
                "-",
                "X: y\r\n",
                "x".repeat(500),
                "\0",
                "Content-Disposition: form-data; name=x\r\n\r\n",
                "\r\n--b\r\nContent-Disposition: form-data; name=x\r\n\r\n",
                "\r\n--b\r\nContent-Disposition: form-data; name=x; filename=\"../../x\"\r\n\r\n",
                "x".repeat(9_000)
            };
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            if (random.nextBoolean()) {
                write(bytes, pieces[1] + pieces[11]);
            }
            String favourite = pieces[random.nextInt(pieces.length)];
            for (int count = random.nextInt(200); count > 0; count--) {
                write(bytes, random.nextBoolean() ? favourite : pieces[random.nextInt(pieces.length)]);
            }
            return Arrays.copyOf(bytes.toByteArray(), Math.min(bytes.size(), 80_000));
        }

        private void write(ByteArrayOutputStream bytes, String text) {
            bytes.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
        }

        void toItsEnd() {
            CompletableFuture<Upload> upload =
                    Exchanges.upload(exchange, limiter, LIMITS, directory).toCompletableFuture();
            int step = 0;
            while (!upload.isDone() || !limiter.workers.isEmpty() || !limiter.waiting.isEmpty()) {
                if (step == mishapAt) {
                    mishap();
                } else {
                    move();
                }
                assertThat(limiter.inUse).as("permits in use").isBetween(0, 1);
                if (limiter.workers.isEmpty()) {
                    assertThat(limiter.inUse)
                            .as("permits held while bytes are awaited")
                            .isZero();
                }
                assertThat(++step).as("steps").isLessThan(MOST_STEPS + 3 * body.limit());
            }
            assertThat(upload).isDone();
            if (upload.isCompletedExceptionally()) {
                assertThat(exchange.isCompleted())
                        .as("whether it was answered or cut")
                        .isTrue();
                assertThat(isWellFormed && step <= mishapAt)
                        .as("refused for nothing")
                        .isFalse();
            } else {
                finish(upload.join());
            }
            while (!limiter.workers.isEmpty()) {
                limiter.work();
            }
            assertThat(limiter.inUse).isZero();
            assertThat(exchange.drain().underWay()).isZero();
        }

        private void finish(Upload upload) {
            if (isWellFormed) {
                assertThat(upload.parts()).extracting(this::content).containsExactlyElementsOf(contents);
            }
            if (!exchange.isCompleted()) {
                Exchanges.text(exchange, 200, "");
            }
        }

        private String content(Part part) {
            try {
                return new String(part.bytes(), StandardCharsets.US_ASCII);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        /** One of the things that can happen next. */
        private void move() {
            if (!limiter.workers.isEmpty()) {
                limiter.work();
            } else if (!limiter.waiting.isEmpty()) {
                limiter.grant();
            } else {
                arrive();
            }
        }

        private void arrive() {
            assertThat(exchange.reads)
                    .as("reads of an upload that nothing else can move")
                    .hasSize(1);
            CompletableFuture<Optional<ByteBuffer>> read = exchange.reads.remove();
            if (body.hasRemaining()) {
                int size = Math.min(body.remaining(), 1 + random.nextInt(largestPiece));
                ByteBuffer piece = body.slice(body.position(), size);
                body.position(body.position() + size);
                read.complete(Optional.of(piece));
            } else {
                assertThat(ended).as("whether it reads on behind the end").isFalse();
                ended = true;
                read.complete(Optional.empty());
            }
        }

        private void mishap() {
            switch (random.nextInt(6)) {
                case 0 -> exchange.abort(new IOException("gone"));
                case 1 -> limiter.rejecting = true;
                case 4 -> exchange.beforeRead = () -> exchange.abort(new IOException("gone while it was stored"));
                case 2 -> refuse();
                case 3 -> fail(new EOFException());
                default -> fail(new IOException("reset"));
            }
        }

        private void refuse() {
            if (!limiter.waiting.isEmpty() && !limiter.waiting.peek().isDone()) {
                limiter.refuse();
            }
        }

        private void fail(IOException failure) {
            if (!exchange.reads.isEmpty()) {
                exchange.reads.remove().completeExceptionally(failure);
            }
        }
    }

    @Test
    void rule_5_5_whatever_a_client_does_everything_goes_home_and_no_file_stays() {
        MultipartFuzzTest.forSeeds(seed -> {
            new Run(new Random(seed)).toItsEnd();
            try (Stream<Path> left = Files.list(directory)) {
                assertThat(left).isEmpty();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }
}
