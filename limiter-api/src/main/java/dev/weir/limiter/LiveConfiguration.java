package dev.weir.limiter;

import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the limiters of a scope at what a properties file says, while they are in use. The file has the keys of {@link
 * LimiterScope.Builder#properties}; what may change, and when a file is refused, is told at {@link LimiterScope#reconfigure}.
 *
 * <p>One daemon thread, {@code weir-configuration}, looks at the content of the file at an interval. What it finds is checked as
 * a whole and then applied at once, or not at all: a bad file changes nothing, and the log says why. What was changed is logged
 * too, as a list of {@link SettingChange}s.
 *
 * <ul>
 *   <li>Content is applied once it has been the same at two looks in a row: a file that is being written is left alone. Best
 *       replace it by renaming another onto it.
 *   <li>A file may be a symbolic link, or below one; where that leads may change at any time, as with a mounted ConfigMap of
 *       Kubernetes.
 *   <li>A file that is missing, or cannot be read, changes nothing. An empty or blank file is refused: it is what a failed write leaves.
 * </ul>
 *
 * <p>Thread-safe.
 */
public final class LiveConfiguration implements AutoCloseable {

    /** How often the file is looked at when nothing else is said. */
    public static final Duration DEFAULT_INTERVAL = Duration.ofSeconds(1);

    private static final String LOGGER = "dev.weir.limiter";
    private static final int MAX_BYTES = 1 << 20;
    private static final String BYTE_ORDER_MARK = "\ufeff";

    private final LimiterScope scope;
    private final Path file;
    private final System.Logger log;
    private final CountDownLatch closed = new CountDownLatch(1);

    private volatile byte @Nullable [] handled; // the content last applied or refused
    private volatile @Nullable String problem;

    // Of the watching thread.
    private byte @Nullable [] unsettled; // seen once
    private int failedLooks;

    LiveConfiguration(LimiterScope scope, Path file, System.Logger log) {
        this.scope = Objects.requireNonNull(scope, "scope");
        this.file = Objects.requireNonNull(file, "file");
        this.log = log;
    }

    /**
     * Applies the file now, and again whenever it changes.
     *
     * @param scope the limiters of an application
     * @param file a properties file in UTF-8; takes the place of the properties the scope was built with
     * @return to be closed with the scope
     * @throws IOException when the file cannot be read
     * @throws IllegalArgumentException when it is refused; nothing was changed
     */
    public static LiveConfiguration watch(LimiterScope scope, Path file) throws IOException {
        return watch(scope, file, DEFAULT_INTERVAL);
    }

    /**
     * As {@link #watch(LimiterScope, Path)}, looking as often as told.
     *
     * @param scope the limiters of an application
     * @param file a properties file in UTF-8
     * @param interval between two looks; more than zero
     * @return to be closed with the scope
     * @throws IOException when the file cannot be read
     * @throws IllegalArgumentException when it is refused, or the interval is not more than zero; nothing was changed
     */
    public static LiveConfiguration watch(LimiterScope scope, Path file, Duration interval) throws IOException {
        if (interval.isZero() || interval.isNegative()) {
            throw new IllegalArgumentException("interval: expected more than zero, was " + interval);
        }
        LiveConfiguration configuration = new LiveConfiguration(scope, file, System.getLogger(LOGGER));
        configuration.reload();
        Thread watcher = new Thread(null, () -> configuration.watch(nanos(interval)), "weir-configuration", 0, false);
        watcher.setDaemon(true);
        watcher.start();
        return configuration;
    }

    private static long nanos(Duration interval) {
        try {
            return interval.toNanos();
        } catch (ArithmeticException e) { // 292 years or more
            return Long.MAX_VALUE;
        }
    }

    /**
     * Applies the file as it is now, for whoever knows that it has been written. Listeners of the limiters, and dependents of
     * futures that get a permit by it, run on the calling thread.
     *
     * @return what was changed; empty when nothing was
     * @throws IOException when the file cannot be read; nothing is changed
     * @throws IllegalArgumentException when it is refused; nothing is changed
     */
    public List<SettingChange> reload() throws IOException {
        return handle(read());
    }

    /**
     * Why the file, as it is, is not in force: it was refused, or cannot be read.
     *
     * @return empty when all is well
     */
    public Optional<String> problem() {
        return Optional.ofNullable(problem);
    }

    /** Ends the watching. Does not wait for a look that is under way. Closing again has no effect. */
    @Override
    public void close() {
        closed.countDown();
    }

    private void watch(long intervalNanos) {
        while (true) {
            try {
                if (closed.await(intervalNanos, TimeUnit.NANOSECONDS)) {
                    return;
                }
                look();
            } catch (InterruptedException e) {
                // Nobody has a reason to interrupt this thread but code that it ran; closing is how to end it.
            } catch (Throwable e) { // whatever it is, the next look may fare better
                log.log(Level.ERROR, "Unexpected failure while looking at " + file, e);
            }
        }
    }

    /** One look of the watching thread. */
    void look() {
        byte[] content;
        try {
            content = read();
        } catch (IOException e) {
            unsettled = null;
            failedLooks++;
            if (failedLooks == 2) { // missing for a moment is how some tools replace a file
                problem = file + " cannot be read: " + e;
                log.log(Level.WARNING, "{0} Nothing is changed.", problem);
            }
            return;
        } catch (IllegalArgumentException e) {
            unsettled = null;
            handled = null; // whatever comes next is applied, also what was applied before
            if (problem == null) {
                refused(e);
            }
            return;
        }
        boolean back = failedLooks > 1;
        failedLooks = 0;
        if (back) {
            handled = null; // applied again, whatever it says, so that the log tells
            problem = null;
        }
        if (Arrays.equals(content, handled)) {
            unsettled = null;
        } else if (Arrays.equals(content, unsettled)) {
            unsettled = null;
            try {
                handle(content);
            } catch (IllegalArgumentException e) {
                // It was logged, and nothing was changed.
            }
        } else {
            unsettled = content;
        }
    }

    private byte[] read() throws IOException {
        if (Files.exists(file) && !Files.isRegularFile(file)) {
            throw new IOException("expected a regular file");
        }
        try (InputStream in = Files.newInputStream(file)) {
            byte[] content = in.readNBytes(MAX_BYTES + 1);
            if (content.length > MAX_BYTES) {
                throw new IllegalArgumentException(file + ": expected at most " + MAX_BYTES + " bytes");
            }
            return content;
        }
    }

    @SuppressWarnings("ReferenceEquality") // each content that was read is itself
    private List<SettingChange> handle(byte[] content) {
        handled = content;
        try {
            return apply(content);
        } finally {
            if (handled != content) { // somebody else has applied what may be newer, perhaps before us: look again
                handled = null;
            }
        }
    }

    private List<SettingChange> apply(byte[] content) {
        List<SettingChange> changes;
        try {
            changes = scope.reconfigure(parse(content));
        } catch (IllegalArgumentException e) {
            throw refused(e);
        }
        problem = null;
        if (!changes.isEmpty()) {
            log.log(
                    Level.INFO,
                    "Configuration of {0} is in force: {1}",
                    file,
                    changes.stream().map(SettingChange::toString).collect(Collectors.joining(", ")));
        }
        return changes;
    }

    private IllegalArgumentException refused(IllegalArgumentException why) {
        String message = file + " was refused, nothing is changed: " + why.getMessage();
        problem = message;
        log.log(Level.WARNING, message);
        return new IllegalArgumentException(message, why);
    }

    private static Properties parse(byte[] content) {
        String text = text(content);
        if (text.isBlank()) {
            throw new IllegalArgumentException(
                    "the file is empty: expected settings, or a comment that says there are none");
        }
        Properties properties = new Properties();
        try {
            properties.load(new StringReader(text));
        } catch (IOException e) {
            throw new IllegalStateException("reading from memory", e);
        }
        return properties;
    }

    /** Without the mark some editors begin a file with, which would else be part of the first key. */
    private static String text(byte[] content) {
        try {
            String text = StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(content))
                    .toString();
            return text.startsWith(BYTE_ORDER_MARK) ? text.substring(BYTE_ORDER_MARK.length()) : text;
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException("expected text in UTF-8", e);
        }
    }

    @Override
    public String toString() {
        String trouble = problem;
        return "LiveConfiguration[" + file + (trouble == null ? "]" : ", " + trouble + "]");
    }
}
