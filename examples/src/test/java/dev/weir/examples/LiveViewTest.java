package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class LiveViewTest {

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

    @Test
    void withoutATerminalEachWaveIsOneLine() {
        LiveView view = new LiveView(out, false, 100);

        for (int step = 0; step < 150; step++) {
            double at = step * 0.02;
            view.accept(sample(at, at < 2 ? 40 : 80, at < 2 ? 0 : 40));
        }

        assertThat(bytes.toString(StandardCharsets.UTF_8).lines())
                .containsExactly(
                        "   0.0 s   Running number 40    background 40/40 in use, 60 waiting; 0 done",
                        "   2.0 s   Running number 80    background 40/40 in use, 60 waiting; 40 done");
    }

    @Test
    void onATerminalBarsAreDrawnInPlace() {
        LiveView view = new LiveView(out, true, 100);

        view.accept(sample(0, 40, 0));
        view.accept(sample(0.05, 40, 0)); // too soon to draw again
        view.accept(sample(0.2, 40, 0));

        String screen = bytes.toString(StandardCharsets.UTF_8);
        assertThat(screen)
                .contains("Running number 40 of 100, done 0", "█".repeat(40) + "  40 of 40 in use, 60 waiting");
        assertThat(screen.split("\u001b\\[2A", -1)).as("drawings").hasSize(2);
    }

    private static Sample sample(double at, int started, int done) {
        return new Sample(at, started, done, List.of(new Sample.Use("background", 40, 40, 60)));
    }
}
