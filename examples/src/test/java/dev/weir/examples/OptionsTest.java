package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.examples.Options.BadOptionException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OptionsTest {

    @Test
    void nothingIsNeeded() throws Exception {
        Options options = Options.parse(List.of());

        assertThat(options.tasks()).isEqualTo(100);
        assertThat(options.taskTime()).isEqualTo(Duration.ofSeconds(2));
        assertThat(options.setups()).containsExactly(Setup.SHARED, Setup.WEIR, Setup.RESIZED);
        assertThat(options.server()).isEqualTo(ServerKind.JETTY);
        assertThat(options.port()).isZero();
        assertThat(options.serve() || options.check() || options.help()).isFalse();
    }

    @Test
    void everythingCanBeSet() throws Exception {
        Options options = Options.parse(List.of(
                "--tasks=45",
                "--task-seconds=0.5",
                "--only=weir",
                "--check",
                "--report=here.html",
                "--port=81",
                "--server=jetty"));

        assertThat(options.tasks()).isEqualTo(45);
        assertThat(options.taskTime()).isEqualTo(Duration.ofMillis(500));
        assertThat(options.setups()).containsExactly(Setup.WEIR, Setup.RESIZED);
        assertThat(options.check()).isTrue();
        assertThat(options.report()).isEqualTo(Path.of("here.html"));
        assertThat(options.port()).isEqualTo(81);
    }

    @Test
    void servingHasAPortOneCanRemember() throws Exception {
        assertThat(Options.parse(List.of("--serve")).port()).isEqualTo(8080);
        assertThat(Options.parse(List.of("--serve", "--port=0")).port()).isZero();
    }

    @Test
    void resizingFromThePageIsOffUnlessAskedFor() throws Exception {
        assertThat(Options.parse(List.of("--serve")).allowResize()).isFalse();
        assertThat(Options.parse(List.of("--serve", "--allow-resize")).allowResize())
                .isTrue();
    }

    @Test
    void noMistakeIsMadeUnlessAskedFor() throws Exception {
        assertThat(Options.parse(List.of("--serve")).plant()).isEmpty();
        assertThat(Options.parse(List.of("--serve", "--plant=leak")).plant()).contains(Plant.LEAK);
        assertThat(Options.parse(List.of("--serve", "--plant=cycle")).plant()).contains(Plant.CYCLE);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "--tasks=0; --tasks=0: expected a whole number from 1 to 1000",
                "--tasks=many; --tasks=many: expected a whole number from 1 to 1000",
                "--tasks; --tasks: expected a whole number from 1 to 1000",
                "--task-seconds=0; --task-seconds=0: expected a number of seconds from 0.1 to 3600, such as 2 or 0.5",
                "--task-seconds=NaN; --task-seconds=NaN: expected a number of seconds from 0.1 to 3600, such as 2 or 0.5",
                "--only=starlette; --only=starlette: expected shared or weir",
                "--port=65536; --port=65536: expected a whole number from 0 to 65535",
                "--server=iis; --server=iis: expected one of jetty|netty|tomcat|undertow",
                "--report=; --report=: expected the path of a file to write",
                "--check=yes; --check=yes: expected no value",
                "--check --check; --check: expected to be given once",
                "--check --only=shared; --check: expected a run with Weir's defaults: no --only=shared beside it",
                "--serve --plant=trees; --plant=trees: expected one of leak|cycle",
                "--plant=leak; --plant: expected --serve beside it",
                "--allow-resize; --allow-resize: expected --serve beside it",
                "--serve --check; --check: expected no --serve beside it, since that makes no runs",
            })
    void badOptionIsRefusedWithItsNameAndWhatIsExpected(String line, String message) {
        assertThatThrownBy(() -> Options.parse(List.of(line.split(" "))))
                .isInstanceOf(BadOptionException.class)
                .hasMessage(message);
    }

    @Test
    void unknownOptionIsRefusedWithTheOnesThereAre() {
        assertThatThrownBy(() -> Options.parse(List.of("--task=3")))
                .isInstanceOf(BadOptionException.class)
                .hasMessageStartingWith("--task=3: expected an option: --tasks=N, ");
    }
}
