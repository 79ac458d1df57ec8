package dev.weir.limiter.http;

import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;

/** The directory of one upload: everything stored for it is in there, and goes with it. */
final class UploadDirectory implements AutoCloseable {

    private static final System.Logger LOGGER = System.getLogger(Upload.class.getName());

    private final Path path;
    private final AtomicBoolean open = new AtomicBoolean(true);

    private UploadDirectory(Path path) {
        this.path = path;
    }

    static UploadDirectory create(Path parent) throws IOException {
        return new UploadDirectory(Files.createTempDirectory(parent, "weir-upload-"));
    }

    Path path() {
        return path;
    }

    boolean isOpen() {
        return open.get();
    }

    /** Removes what is there. What cannot be removed is reported, and the rest removed all the same. */
    @Override
    public void close() {
        if (open.compareAndSet(true, false)) {
            try (Stream<Path> content = Files.walk(path)) {
                content.sorted(Comparator.reverseOrder()).forEach(UploadDirectory::remove);
            } catch (Exception e) {
                LOGGER.log(Level.WARNING, "Cannot list temporary files of an upload in " + path, e);
            }
        }
    }

    private static void remove(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            LOGGER.log(Level.WARNING, "Cannot remove temporary file " + file, e);
        }
    }
}
