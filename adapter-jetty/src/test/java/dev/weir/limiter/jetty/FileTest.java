package dev.weir.limiter.jetty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.Exchanges;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** File responses: rule 5.5. */
class FileTest extends JettyTest {

    private Path file = Path.of("none yet");

    private CapacityLimiter serve(String name, int size) throws Exception {
        byte[] content = new byte[size];
        new Random(size).nextBytes(content);
        file = directory.resolve(name);
        Files.write(file, content);
        CapacityLimiter limiter = limiter("shared", 1);
        route("/file", exchange -> Exchanges.file(exchange, limiter, file));
        start();
        return limiter;
    }

    @Test
    void rule_5_5_aFileIsSentWithItsLengthAndType() throws Exception {
        serve("page.html", 3_000_000);
        RawClient client = client();
        for (int i = 0; i < 3; i++) {
            RawClient.Answer answer = client.exchange("/file");
            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.header("content-length")).isEqualTo("3000000");
            assertThat(answer.header("content-type")).isEqualTo("text/html");
            assertThat(answer.body()).isEqualTo(Files.readAllBytes(file));
        }
    }

    @Test
    void rule_5_5_anEmptyFile() throws Exception {
        serve("empty", 0);
        RawClient.Answer answer = client().exchange("/file");
        assertThat(answer.header("content-length")).isEqualTo("0");
        assertThat(answer.header("content-type")).isEqualTo("application/octet-stream");
    }

    @Test
    void rule_5_5_headOnlyLooks() throws Exception {
        serve("data", 5000);
        RawClient client = client().request("HEAD", "/file");
        assertThat(client.answer(false).header("content-length")).isEqualTo("5000");
        assertThat(client.exchange("/ping").text()).isEqualTo("pong");
        Files.delete(file);
        client.request("HEAD", "/file");
        assertThat(client.answer(false).status()).isEqualTo(404);
    }

    @Test
    void rule_5_5_whatIsNoFileIsNotFound() throws Exception {
        serve("data", 5000);
        Files.delete(file);
        RawClient client = client();
        assertThat(client.exchange("/file").status()).isEqualTo(404);
        Files.createDirectory(file);
        assertThat(client.exchange("/file").status()).isEqualTo(404);
    }

    @Test
    void rule_5_5_aSlowReaderHoldsNoPermitAndAKilledOneNoDescriptor() throws Exception {
        CapacityLimiter limiter = serve("large", 50_000_000);
        RawClient slow = keep(new RawClient(port(), 4096)).get("/file");
        slow.head();
        awaitInUse(limiter, 0);
        assertThat(client().exchange("/ping").text()).isEqualTo("pong");
        RawClient.Answer other = client().exchange("/file");
        assertThat(other.body()).hasSize(50_000_000);
        assumeTrue(Files.isDirectory(Path.of("/proc/self/fd")), "descriptors can be listed");
        soon().until(() -> descriptors() == 1);
        slow.kill();
        soon().until(() -> descriptors() == 0);
    }

    private long descriptors() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
            return open.filter(this::isOurs).count();
        }
    }

    private boolean isOurs(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).equals(file.toRealPath());
        } catch (IOException e) {
            return false;
        }
    }

    @Test
    void rule_5_6_aFileThatShrinksCutsTheResponse() throws Exception {
        serve("large", 20_000_000);
        RawClient client = keep(new RawClient(port(), 4096)).get("/file");
        client.head();
        Files.write(file, new byte[10]);
        assertThatThrownBy(() -> client.exactly(20_000_000)).isInstanceOf(IOException.class);
    }
}
