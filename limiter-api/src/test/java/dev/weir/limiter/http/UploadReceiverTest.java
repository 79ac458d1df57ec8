package dev.weir.limiter.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An upload whose client leaves, or whose server refuses, at every stage: rule 5.5. */
class UploadReceiverTest {

    @TempDir
    Path directory;

    private final ManualLimiter limiter = new ManualLimiter();
    private final FakeExchange exchange = new FakeExchange("POST");
    private boolean begun;

    private CompletableFuture<Upload> upload() {
        return Exchanges.upload(exchange, limiter, UploadLimits.defaults().bodySize(100_000), directory)
                .toCompletableFuture();
    }

    @AfterEach
    void nothingIsLeft() throws IOException {
        while (!limiter.workers.isEmpty()) {
            limiter.work();
        }
        assertThat(limiter.inUse).isZero();
        assertThat(exchange.isCompleted()).isTrue();
        assertThat(exchange.drain().underWay()).isZero();
        try (Stream<Path> left = Files.list(directory)) {
            assertThat(left).isEmpty();
        }
    }

    private void step() {
        limiter.grant();
        limiter.work();
    }

    /** Content of a part, which begins with the first. */
    private void bytes(int size) {
        String head = begun ? "" : "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n";
        begun = true;
        text(head + "x".repeat(size));
    }

    private void lastBoundary() {
        text("\r\n--b--");
    }

    private void text(String text) {
        exchange.reads.remove().complete(Optional.of(StandardCharsets.US_ASCII.encode(text)));
    }

    private void end() {
        exchange.reads.remove().complete(Optional.empty());
    }

    @Test
    void rule_5_5_aPermitPerSliceAndNoneWhileWaiting() throws IOException {
        CompletableFuture<Upload> upload = upload();
        assertThat(exchange.reads).as("admission comes before the first read").isEmpty();
        step();
        for (int i = 0; i < 3; i++) {
            assertThat(limiter.inUse).isZero();
            bytes(10_000);
            assertThat(exchange.reads).as("the next read waits for the store").isEmpty();
            step();
        }
        lastBoundary();
        step();
        end();
        step();
        assertThat(upload.join().parts().get(0).size()).isEqualTo(30_000);
        assertThat(upload.join().parts().get(0).bytes()).hasSize(30_000);
        Exchanges.text(exchange, 200, "");
    }

    @Test
    void rule_5_5_refused() {
        CompletableFuture<Upload> upload = upload();
        limiter.refuse();
        assertThat(upload).isCompletedExceptionally();
        assertThat(exchange.status()).isEqualTo(503);
    }

    @Test
    void rule_5_5_tooLarge() {
        CompletableFuture<Upload> upload = upload();
        step();
        bytes(60_000);
        step();
        bytes(60_000);
        step();
        assertThat(upload).isCompletedExceptionally();
        assertThat(exchange.status()).isEqualTo(413);
    }

    @Test
    void rule_5_5_malformed() {
        CompletableFuture<Upload> upload = upload();
        step();
        bytes(10_000);
        step();
        text("\r\n--bad");
        step();
        assertThat(upload).isCompletedExceptionally();
        assertThat(exchange.status()).isEqualTo(400);
    }

    @Test
    void rule_5_5_withoutALastBoundary() {
        CompletableFuture<Upload> upload = upload();
        step();
        bytes(10_000);
        step();
        end();
        step();
        assertThat(upload).isCompletedExceptionally();
        assertThat(exchange.status()).isEqualTo(400);
    }

    @Test
    void rule_5_5_truncated() {
        CompletableFuture<Upload> upload = upload();
        step();
        exchange.reads.remove().completeExceptionally(new EOFException());
        assertThat(exchange.status()).isEqualTo(400);
        assertThat(upload).isCompletedExceptionally();
    }

    @Test
    void rule_5_5_unreadable() {
        CompletableFuture<Upload> upload = upload();
        step();
        exchange.reads.remove().completeExceptionally(new IOException("reset"));
        assertThat(exchange.cut).isTrue();
        assertThat(exchange.writes).isZero();
        assertThat(upload).isCompletedExceptionally();
    }

    @Test
    void rule_5_5_goneWhileWaitingForAdmission() {
        CompletableFuture<Upload> upload = upload();
        exchange.abort(new IOException("gone"));
        assertThat(limiter.waiting.peek()).isCancelled();
        limiter.grant();
        assertThat(upload).isCompletedExceptionally();
    }

    @Test
    void rule_5_5_goneBetweenGrantAndWork() {
        CompletableFuture<Upload> upload = upload();
        limiter.grant();
        exchange.abort(new IOException("gone"));
        limiter.work();
        assertThat(exchange.reads).isEmpty();
        assertThat(upload).isCompletedExceptionally();
    }

    @Test
    void rule_5_5_goneWhileWaitingForBytes() {
        CompletableFuture<Upload> upload = upload();
        step();
        bytes(10_000);
        step();
        exchange.abort(new IOException("gone"));
        assertThat(upload).isCompletedExceptionally();
        bytes(5);
        assertThat(limiter.waiting).isEmpty();
    }

    @Test
    void rule_5_5_goneWhileASliceWaits() {
        CompletableFuture<Upload> upload = upload();
        step();
        bytes(10_000);
        exchange.abort(new IOException("gone"));
        assertThat(limiter.waiting.peek()).isCancelled();
        limiter.grant();
        assertThat(upload).isCompletedExceptionally();
    }

    @Test
    void rule_5_5_workersRefuseASlice() {
        CompletableFuture<Upload> upload = upload();
        step();
        bytes(10_000);
        limiter.rejecting = true;
        limiter.grant();
        assertThat(exchange.status()).isEqualTo(503);
        assertThat(upload).isCompletedExceptionally();
    }

    @Test
    void rule_5_5_removedWhenTheApplicationForgets() {
        CompletableFuture<Upload> upload = upload();
        step();
        bytes(20_000);
        step();
        lastBoundary();
        step();
        end();
        step();
        assertThat(upload).isCompleted();
        exchange.abort(new IOException("gone"));
    }
}
