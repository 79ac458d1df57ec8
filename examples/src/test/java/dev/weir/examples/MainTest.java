package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The main job, with short tasks; that its figures are met is its own judgement, made with {@code --check}. */
@Timeout(120)
class MainTest {

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @TempDir
    Path directory = Path.of("");

    @Test
    void mainJobRunsAndLeavesAReport() throws Exception {
        Path report = directory.resolve("new/report.html");

        int code = run("--tasks=50", "--task-seconds=0.3", "--report=" + report);

        assertThat(code).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8))
                .contains(
                        "1. One limiter of 40 for everything",
                        "2. Weir's defaults",
                        "3. Weir's defaults, and resize(100)")
                .contains("All 50 tasks done")
                .contains("slowest answer of /hello", "/fast (5 ms), p99", "background work done after")
                .containsPattern("(PASS|FAIL)  p99 of /fast under 100 ms: ")
                .containsPattern("(PASS|FAIL)  resize\\(100\\) starts the waiting 10 under 250 ms: ")
                .contains("Report: " + report);
        assertThat(Files.readString(report))
                .contains("50 requests leave 0.3 s of work behind")
                .contains("<svg", "resize(100)", "Permits in use")
                .doesNotContain("{{", "src=", "href=", "NaN");
    }

    @Test
    void oneRunCanBeLeftOut() throws Exception {
        int code = run("--tasks=5", "--task-seconds=0.1", "--only=shared", "--report=" + directory.resolve("r.html"));

        assertThat(code).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8))
                .contains("one for everything")
                .doesNotContain("Weir's defaults");
    }

    @ParameterizedTest
    @EnumSource(ServerKind.class)
    void takenPortIsRefusedWithWhatIsExpected(ServerKind kind) throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            int code = run(
                    "--serve",
                    "--port=" + taken.getLocalPort(),
                    "--server=" + kind.title().toLowerCase(Locale.ROOT));

            assertThat(code).isEqualTo(2);
            assertThat(err.toString(StandardCharsets.UTF_8))
                    .startsWith("--port=" + taken.getLocalPort() + ": expected a free port: ");
        }
    }

    @Test
    void badOptionIsRefusedBeforeAnythingStarts() throws Exception {
        int code = run("--tasks=none");

        assertThat(code).isEqualTo(2);
        assertThat(out.size()).isZero();
        assertThat(err.toString(StandardCharsets.UTF_8))
                .startsWith("--tasks=none: expected a whole number from 1 to 1000")
                .contains("--task-seconds=2");
    }

    @Test
    void helpSaysWhatThereIs() throws Exception {
        assertThat(run("--help")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo(Options.USAGE);
    }

    private int run(String... arguments) throws Exception {
        return new Main(
                        new PrintStream(out, true, StandardCharsets.UTF_8),
                        new PrintStream(err, true, StandardCharsets.UTF_8))
                .run(List.of(arguments));
    }
}
