package dev.weir.limiter.http;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One part of a stored {@code multipart/form-data} body: a field or a file. Its content is in memory or, if it is large
 * or one of many, in a temporary file that goes with the {@link Upload}. Methods that give content may block. Thread-safe.
 */
public final class Part {

    private static final int MAX_NAME_LENGTH = 120;

    /** In UTF-8; file systems take 255, and somebody may want to add something. */
    private static final int MAX_NAME_BYTES = 240;

    private final String name;
    private final Optional<String> submittedFileName;
    private final Optional<String> contentType;
    private final long size;
    private final byte[] memory;
    private final @Nullable Path file;

    private Part(
            String name,
            Optional<String> submittedFileName,
            Optional<String> contentType,
            long size,
            byte[] memory,
            @Nullable Path file) {
        this.name = Objects.requireNonNull(name, "name");
        this.submittedFileName = Objects.requireNonNull(submittedFileName, "submittedFileName");
        this.contentType = Objects.requireNonNull(contentType, "contentType");
        this.size = size;
        this.memory = memory;
        this.file = file;
    }

    /** A part in memory. The content is not copied. */
    static Part ofMemory(
            String name, Optional<String> submittedFileName, Optional<String> contentType, byte[] content) {
        return new Part(name, submittedFileName, contentType, content.length, content, null);
    }

    /** A part in a file, which has so many bytes. */
    static Part ofFile(
            String name, Optional<String> submittedFileName, Optional<String> contentType, Path file, long size) {
        return new Part(name, submittedFileName, contentType, size, new byte[0], Objects.requireNonNull(file, "file"));
    }

    /**
     * The field's name: any string without control characters other than tabs.
     *
     * @return the name
     */
    public String name() {
        return name;
    }

    /**
     * Whether the client named a file, so that this is a file and no field.
     *
     * @return true for a file
     */
    public boolean isFile() {
        return submittedFileName.isPresent();
    }

    /**
     * The file name as the client sent it, apart from its quoting: any string without control characters other than tabs, with
     * directories or worse. Never use it as a path.
     *
     * @return the submitted name, if there is one
     */
    public Optional<String> submittedFileName() {
        return submittedFileName;
    }

    /**
     * The submitted file name without directories, control characters and what else makes trouble in a file system, at most 120
     * characters and 240 bytes of UTF-8. Empty when nothing is left of it. Two parts may have the same.
     *
     * @return a name fit to be shown, or to be resolved against a directory
     */
    public Optional<String> fileName() {
        return submittedFileName.map(Part::sanitised).filter(safe -> !safe.isEmpty());
    }

    private static String sanitised(String submitted) {
        String last = submitted.substring(Math.max(submitted.lastIndexOf('/'), submitted.lastIndexOf('\\')) + 1);
        int[] fitting = last.codePoints()
                .filter(c -> Character.isLetterOrDigit(c) || " !#$%&'()+,-.;=@[]^_`{}~".indexOf(c) >= 0)
                .limit(MAX_NAME_LENGTH)
                .toArray();
        StringBuilder safe = new StringBuilder();
        int bytes = 0;
        for (int c : fitting) {
            bytes += Character.toString(c).getBytes(StandardCharsets.UTF_8).length;
            if (bytes > MAX_NAME_BYTES) {
                break;
            }
            safe.appendCodePoint(c);
        }
        String trimmed = safe.toString().strip();
        // Neither "." nor ".." nor a hidden file; and Windows drops dots at the end.
        return trimmed.replaceAll("^[. ]+|[. ]+$", "");
    }

    /**
     * The content type as the client sent it.
     *
     * @return the type, if there is one
     */
    public Optional<String> contentType() {
        return contentType;
    }

    /**
     * How long the content is.
     *
     * @return bytes
     */
    public long size() {
        return size;
    }

    /**
     * Opens the content. May block, and so may reading.
     *
     * @return a stream of the content, to be closed by the caller
     * @throws IOException when it cannot be opened; for instance because the upload was closed
     */
    public InputStream open() throws IOException {
        return file == null ? new ByteArrayInputStream(memory) : Files.newInputStream(file);
    }

    /**
     * The whole content. May block.
     *
     * @return a fresh array
     * @throws IOException when it cannot be read
     */
    public byte[] bytes() throws IOException {
        return file == null ? memory.clone() : Files.readAllBytes(file);
    }

    /**
     * The whole content as UTF-8 text. May block.
     *
     * @return the text
     * @throws IOException when it cannot be read
     */
    public String text() throws IOException {
        return new String(bytes(), StandardCharsets.UTF_8);
    }

    /**
     * Puts the content into a file of the caller's, moving the temporary file if there is one. After that the content is only
     * there. May block.
     *
     * @param target a file that does not exist yet
     * @throws IOException when it cannot be put there, or something is there already
     */
    public void moveTo(Path target) throws IOException {
        if (file == null) {
            try (InputStream content = open()) {
                Files.copy(content, target);
            }
        } else {
            Files.move(file, target);
        }
    }

    @Override
    public String toString() {
        return "Part[" + name + ", " + size + " bytes" + (file == null ? "]" : " in a file]");
    }
}
