package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The short form of the soak. It found a server that kept the connections of clients that had left, within seconds. */
class SoakTest {

    private static final Logger WEIR = Logger.getLogger("dev.weir");

    @TempDir
    Path uploads;

    @ParameterizedTest
    @EnumSource
    @Timeout(300)
    void nothingGrowsAndNothingIsLost(ServerKind kind) throws Exception {
        ByteArrayOutputStream output = new ByteArrayOutputStream();
        Level before = WEIR.getLevel();
        WEIR.setLevel(Level.OFF); // failures are planted by the thousand
        try {
            long seed = System.nanoTime();
            List<String> failures =
                    new Soak(new PrintStream(output, true, StandardCharsets.UTF_8), kind, 3, seed, uploads).run();
            assertThat(failures).as(output.toString(StandardCharsets.UTF_8)).isEmpty();
        } finally {
            WEIR.setLevel(before);
        }
    }
}
