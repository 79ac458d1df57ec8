package dev.weir.limiter.netty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.http.BodyTooLargeException;
import dev.weir.limiter.http.MalformedBodyException;
import dev.weir.limiter.http.Part;
import dev.weir.limiter.http.UploadLimits;
import io.netty.buffer.ByteBufAllocator;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NettyMultipartTest {

    private static final UploadLimits LIMITS = UploadLimits.defaults();

    @RegisterExtension
    final LeakReports leaks = new LeakReports();

    @TempDir
    Path directory;

    private List<Part> parse(String body, int piece) throws IOException {
        return parse(body, piece, LIMITS);
    }

    private List<Part> parse(String body, int piece, UploadLimits limits) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        try (NettyMultipart multipart = NettyMultipart.of("multipart/form-data; boundary=b", limits, directory)) {
            for (int at = 0; at < bytes.length; at += piece) {
                ByteBuffer data = ByteBuffer.wrap(bytes, at, Math.min(piece, bytes.length - at));
                multipart.offer(data);
                assertThat(data.hasRemaining()).isFalse();
            }
            return multipart.finish();
        }
    }

    private static String file(String disposition, String content) {
        return "--b\r\nContent-Disposition: form-data; " + disposition + "\r\nContent-Type: text/plain\r\n\r\n"
                + content + "\r\n";
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7, 1000, 100_000})
    void rule_5_5_parts_are_the_same_in_whatever_pieces_they_come(int piece) throws Exception {
        String large = "line\r\n--almost\r\n--b almost\n".repeat(600);
        List<Part> parts = parse(
                "--b\r\nContent-Disposition: form-data; name=\"field\"\r\n\r\nvalué\r\n"
                        + file("name=\"empty\"; filename=\"e.txt\"", "")
                        + file("name=\"large\"; filename=\"l.txt\"", large.replace("--b almost", "-b almost"))
                        + "--b--\r\n",
                piece);

        assertThat(parts).extracting(Part::name).containsExactly("field", "empty", "large");
        assertThat(parts.get(0).text()).isEqualTo("valué");
        assertThat(parts.get(0).isFile()).isFalse();
        assertThat(parts.get(1).size()).isZero();
        assertThat(parts.get(1).submittedFileName()).contains("e.txt");
        assertThat(parts.get(1).contentType()).contains("text/plain");
        assertThat(parts.get(2).text()).isEqualTo(large.replace("--b almost", "-b almost"));
        assertThat(directory.toFile().list())
                .as("only the large one is in a file")
                .hasSize(1);
    }

    @Test
    void rule_5_5_a_hostile_file_name_is_only_a_string() throws Exception {
        Part part = parse(file("name=\"f\"; filename=\"../../etc/passwd\"", "x".repeat(20_000)) + "--b--", 500)
                .get(0);

        assertThat(part.submittedFileName()).contains("../../etc/passwd");
        assertThat(part.fileName()).contains("passwd");
        assertThat(directory.toFile().list()).containsExactly("part-0");
    }

    @Test
    void rule_5_5_the_last_boundary_needs_no_line_end() throws Exception {
        assertThat(parse(file("name=\"f\"; filename=\"f\"", "x") + "--b--", 10)).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "garbage",
                "--b\r\n",
                "--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nvalue",
                "--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nvalue\r\n--b\r\n",
                "--b\r\nContent-Disposition: form-data\r\n\r\nvalue\r\n--b--\r\n",
                "--b\r\nno header\r\n\r\nvalue\r\n--b--\r\n",
                "--c\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nvalue\r\n--c--\r\n"
            })
    void rule_5_5_what_is_truncated_or_malformed_is_told(String body) {
        assertThatThrownBy(() -> parse(body, 5)).isInstanceOf(MalformedBodyException.class);
        assertThatThrownBy(() -> parse(body, 5_000)).isInstanceOf(MalformedBodyException.class);
    }

    @Test
    void rule_5_5_much_garbage_is_malformed_and_not_kept() {
        assertThatThrownBy(() -> parse("garbage\r\n".repeat(100_000), 10_000))
                .isInstanceOf(MalformedBodyException.class);
    }

    @Test
    void rule_5_5_what_is_too_large_is_told() {
        String field = "--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n" + "x".repeat(200) + "\r\n--b--\r\n";
        String file = file("name=\"f\"; filename=\"f\"", "x".repeat(200)) + "--b--\r\n";
        String header = "--b\r\nX-Long: " + "x".repeat(30_000) + "\r\n";

        assertThatThrownBy(() -> parse(field, 50, LIMITS.fieldSize(199))).isInstanceOf(BodyTooLargeException.class);
        assertThatThrownBy(() -> parse(file, 50, LIMITS.fileSize(199))).isInstanceOf(BodyTooLargeException.class);
        assertThatThrownBy(() -> parse(file.replace("--b--", field), 50, LIMITS.parts(1)))
                .isInstanceOf(BodyTooLargeException.class);
        assertThatThrownBy(() -> parse(field.replace("--b--", header), 500)).isInstanceOf(BodyTooLargeException.class);
        assertThatThrownBy(() -> parse(header, 500)).isInstanceOf(BodyTooLargeException.class);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "multipart/form-data",
                "multipart/form-data; boundary=",
                "multipart/form-data; boundary=\"\"",
                "text/plain; boundary=b",
                ""
            })
    void rule_5_5_a_body_without_a_boundary_is_malformed(String contentType) {
        assertThatThrownBy(() -> NettyMultipart.of(contentType, LIMITS, directory))
                .isInstanceOf(MalformedBodyException.class);
    }

    @Test
    void rule_5_5_a_request_without_a_type_is_malformed() {
        assertThatThrownBy(() -> NettyMultipart.of(null, LIMITS, directory)).isInstanceOf(MalformedBodyException.class);
    }

    @Test
    void a_buffer_that_is_not_released_is_reported() {
        leak();
        Awaitility.await().until(() -> !LeakReports.collect().isEmpty());
    }

    private static void leak() {
        ByteBufAllocator.DEFAULT.directBuffer(16).writeInt(1);
    }
}
