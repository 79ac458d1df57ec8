package dev.weir.limiter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.text.MessageFormat;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.ResourceBundle;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of a real file, look by look; what a scope makes of properties is tested with the scope. */
@Timeout(30)
class LiveConfigurationTest {

    @TempDir
    Path folder;

    private final List<Map<?, ?>> applied = new ArrayList<>();
    private Function<Map<?, ?>, List<SettingChange>> answer = properties -> List.of();
    private final LimiterScope scope = (LimiterScope) Proxy.newProxyInstance(
            LimiterScope.class.getClassLoader(), new Class<?>[] {LimiterScope.class}, (self, method, arguments) -> {
                assertThat(method.getName()).isEqualTo("reconfigure");
                Map<?, ?> properties = (Map<?, ?>) arguments[0];
                List<SettingChange> changes = answer.apply(properties);
                applied.add(properties);
                return changes;
            });

    private final List<String> logged = new ArrayList<>();
    private final System.Logger log = new System.Logger() {
        @Override
        public String getName() {
            return "test";
        }

        @Override
        public boolean isLoggable(Level level) {
            return true;
        }

        @Override
        public void log(Level level, @Nullable ResourceBundle bundle, String message, Throwable failure) {
            logged.add(level + " " + message);
        }

        @Override
        public void log(Level level, @Nullable ResourceBundle bundle, String format, Object @Nullable ... parameters) {
            logged.add(level + " " + (parameters == null ? format : MessageFormat.format(format, parameters)));
        }
    };

    private static Path write(Path file, String text) throws IOException {
        return Files.writeString(file, text);
    }

    private static Map<String, String> capacity(int capacity) {
        return Map.of("weir.endpoints.capacity", Integer.toString(capacity));
    }

    private static String text(int capacity) {
        return "weir.endpoints.capacity=" + capacity + "\n";
    }

    private void assertApplied(int... capacities) {
        assertThat(applied)
                .isEqualTo(Arrays.stream(capacities)
                        .mapToObj(LiveConfigurationTest::capacity)
                        .collect(Collectors.toList()));
    }

    @Test
    void a_changed_file_is_applied_once_when_it_was_the_same_at_two_looks() throws Exception {
        Path file = write(folder.resolve("weir.properties"), text(1));
        LiveConfiguration live = new LiveConfiguration(scope, file, log);
        live.reload();
        live.look();
        live.look();
        assertApplied(1);

        write(file, text(2));
        live.look();
        assertApplied(1);
        live.look();
        assertApplied(1, 2);
        live.look();
        live.look();
        assertApplied(1, 2);
    }

    @Test
    void a_file_that_is_still_being_written_is_left_alone() throws Exception {
        Path file = write(folder.resolve("weir.properties"), text(1));
        LiveConfiguration live = new LiveConfiguration(scope, file, log);
        live.reload();

        write(file, "");
        live.look();
        for (String piece : List.of("weir.endpoints.capa", "city=1", "00\n")) {
            Files.writeString(file, piece, StandardOpenOption.APPEND);
            live.look();
        }
        assertApplied(1);
        live.look();
        assertApplied(1, 100);
    }

    @Test
    void a_file_that_is_replaced_by_rename_is_followed() throws Exception {
        Path file = write(folder.resolve("weir.properties"), text(1));
        LiveConfiguration live = new LiveConfiguration(scope, file, log);
        live.reload();

        for (int i = 2; i < 5; i++) {
            Path next = write(folder.resolve("next"), text(i));
            Files.setLastModifiedTime(next, Files.getLastModifiedTime(file)); // content counts, not time
            Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            live.look();
            live.look();
        }

        assertApplied(1, 2, 3, 4);
    }

    /** As Kubernetes mounts a ConfigMap: the file is a link into ..data, which is a link that is swapped. */
    @Test
    void a_swapped_symbolic_link_on_the_way_to_the_file_is_followed() throws Exception {
        write(Files.createDirectory(folder.resolve("..first")).resolve("weir.properties"), text(1));
        write(Files.createDirectory(folder.resolve("..second")).resolve("weir.properties"), text(2));
        Files.createSymbolicLink(folder.resolve("..data"), Path.of("..first"));
        Path file = Files.createSymbolicLink(folder.resolve("weir.properties"), Path.of("..data", "weir.properties"));
        LiveConfiguration live = new LiveConfiguration(scope, file, log);
        live.reload();

        Files.createSymbolicLink(folder.resolve("..data_tmp"), Path.of("..second"));
        Files.move(folder.resolve("..data_tmp"), folder.resolve("..data"), StandardCopyOption.ATOMIC_MOVE);
        Files.delete(folder.resolve("..first").resolve("weir.properties"));
        live.look();
        live.look();

        assertApplied(1, 2);
    }

    @Test
    void a_file_that_is_missing_for_a_moment_changes_nothing_and_is_not_worth_a_word() throws Exception {
        Path file = write(folder.resolve("weir.properties"), text(1));
        LiveConfiguration live = new LiveConfiguration(scope, file, log);
        live.reload();

        Files.delete(file);
        live.look();
        write(file, text(2));
        live.look();
        live.look();

        assertApplied(1, 2);
        assertThat(logged).isEmpty();
    }

    @Test
    void a_file_that_stays_away_is_reported_once_and_taken_again_when_it_is_back() throws Exception {
        Path file = write(folder.resolve("weir.properties"), text(1));
        LiveConfiguration live = new LiveConfiguration(scope, file, log);
        live.reload();

        Files.delete(file);
        for (int i = 0; i < 5; i++) {
            live.look();
        }
        assertApplied(1);
        assertThat(logged).singleElement().asString().startsWith("WARNING " + file + " cannot be read: ");
        assertThat(live.problem()).get().asString().startsWith(file + " cannot be read");

        write(file, text(1));
        live.look();
        live.look();
        assertApplied(1, 1);
        assertThat(live.problem()).isEmpty();
    }

    @Test
    void a_refused_file_is_reported_once_with_the_reason_and_the_next_good_one_taken() throws Exception {
        Path file = write(folder.resolve("weir.properties"), text(1));
        LiveConfiguration live = new LiveConfiguration(scope, file, log);
        live.reload();
        answer = properties -> {
            if (properties.containsValue("many")) {
                throw new IllegalArgumentException("weir.endpoints.capacity: expected a number, was 'many'");
            }
            return List.of(new SettingChange("endpoints", "capacity", "1", "3"));
        };

        write(file, "weir.endpoints.capacity=many\n");
        for (int i = 0; i < 5; i++) {
            live.look();
        }
        String refusal =
                file + " was refused, nothing is changed: weir.endpoints.capacity: expected a number, was 'many'";
        assertThat(logged).containsExactly("WARNING " + refusal);
        assertThat(live.problem()).contains(refusal);
        assertThat(live.toString()).contains(refusal);

        write(file, text(3));
        live.look();
        live.look();
        assertApplied(1, 3);
        assertThat(live.problem()).isEmpty();
        assertThat(logged).last().isEqualTo("INFO Configuration of " + file + " is in force: endpoints capacity 1 → 3");
    }

    @Test
    void the_file_that_was_applied_is_taken_again_after_one_that_was_too_large() throws Exception {
        Path file = write(folder.resolve("weir.properties"), text(1));
        LiveConfiguration live = new LiveConfiguration(scope, file, log);
        live.reload();

        write(file, "#".repeat((1 << 20) + 1));
        live.look();
        live.look();
        assertThat(live.problem()).get().asString().contains("expected at most 1048576 bytes");
        assertThat(logged).hasSize(1);

        write(file, text(1));
        live.look();
        live.look();
        assertThat(live.problem()).isEmpty();
        assertApplied(1, 1);
    }

    /** T1 is about to apply what it has read, T2 writes the file and applies it: it does not stay at what T1 applied last. */
    @Test
    void a_file_that_is_reloaded_while_an_older_one_is_applied_is_in_force_in_the_end() throws Exception {
        Path file = write(folder.resolve("weir.properties"), text(1));
        LiveConfiguration live = new LiveConfiguration(scope, file, log);
        answer = properties -> {
            answer = again -> List.of();
            try {
                write(file, text(2));
                return live.reload();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        };

        live.reload();
        assertApplied(2, 1);
        live.look();
        live.look();
        assertApplied(2, 1, 2);
    }

    @Test
    void a_mark_that_an_editor_begins_a_file_with_is_no_part_of_the_first_key() throws Exception {
        Path file = write(folder.resolve("weir.properties"), "\ufeff" + text(1).replace("\n", "\r\n"));

        new LiveConfiguration(scope, file, log).reload();

        assertApplied(1);
    }

    @Test
    void an_interval_may_be_as_long_as_anybody_likes() throws Exception {
        Path file = write(folder.resolve("weir.properties"), text(1));

        LiveConfiguration.watch(scope, file, Duration.ofSeconds(Long.MAX_VALUE)).close();

        assertApplied(1);
    }

    @Test
    void what_is_no_properties_file_is_refused() throws Exception {
        Path file = folder.resolve("weir.properties");
        LiveConfiguration live = new LiveConfiguration(scope, file, log);

        assertThatThrownBy(live::reload).isInstanceOf(NoSuchFileException.class);
        write(file, "");
        assertThatIllegalArgumentException().isThrownBy(live::reload).withMessageContaining("is empty: expected");
        write(file, "\ufeff \r\n");
        assertThatIllegalArgumentException().isThrownBy(live::reload).withMessageContaining("is empty: expected");
        Files.write(file, new byte[] {'#', (byte) 0xff});
        assertThatIllegalArgumentException().isThrownBy(live::reload).withMessageContaining("expected text in UTF-8");
        write(file, "a=\\u12\n");
        assertThatIllegalArgumentException().isThrownBy(live::reload).withMessageContaining("nothing is changed");
        Files.write(file, "#".repeat((1 << 20) + 1).getBytes(StandardCharsets.US_ASCII));
        assertThatIllegalArgumentException().isThrownBy(live::reload).withMessageContaining("expected at most 1048576");
        live.look();
        live.look();
        LiveConfiguration ofFolder = new LiveConfiguration(scope, folder, log);
        assertThatThrownBy(ofFolder::reload).isInstanceOf(IOException.class).hasMessage("expected a regular file");
        assertThat(applied).isEmpty();
    }

    @Test
    void a_bad_file_or_interval_is_refused_at_the_start() throws Exception {
        assertThatThrownBy(() -> LiveConfiguration.watch(scope, folder.resolve("none")))
                .isInstanceOf(NoSuchFileException.class);
        Path file = write(folder.resolve("weir.properties"), text(1));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LiveConfiguration.watch(scope, file, Duration.ZERO))
                .withMessage("interval: expected more than zero, was PT0S");
        assertThat(applied).isEmpty();
    }
}
