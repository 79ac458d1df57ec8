package dev.weir.limiter.http;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Stores the parts that a parser finds, within limits. For {@link MultipartDecoder}s over parsers that call back. Small parts
 * stay in memory; larger ones go to files of generated names. May block; not thread-safe.
 */
public final class PartStore implements AutoCloseable {

    /** Parts up to this many bytes stay in memory: {@value}. */
    public static final int MEMORY_SIZE = 8 * 1024;

    private final UploadLimits limits;
    private final Path directory;
    private final List<Part> parts = new ArrayList<>();
    private @Nullable Open open;

    /**
     * An empty store.
     *
     * @param limits what to enforce; the size of the whole body and of headers is not counted here
     * @param directory where files go
     */
    public PartStore(UploadLimits limits, Path directory) {
        this.limits = Objects.requireNonNull(limits, "limits");
        this.directory = Objects.requireNonNull(directory, "directory");
    }

    /**
     * A part begins.
     *
     * @param name the field's name
     * @param fileName the file name as the client sent it, which makes it a file
     * @param contentType the content type as the client sent it
     * @throws BodyTooLargeException when there are too many parts
     */
    public void begin(String name, Optional<String> fileName, Optional<String> contentType)
            throws BodyTooLargeException {
        if (open != null) {
            throw new IllegalStateException("the former part has not ended");
        }
        if (parts.size() >= limits.parts()) {
            throw new BodyTooLargeException("more than " + limits.parts() + " parts");
        }
        open = new Open(name, fileName, contentType);
    }

    /**
     * Content of the part that began.
     *
     * @param data the bytes, consumed on return
     * @throws BodyTooLargeException when the part is too large
     * @throws IOException when it cannot be stored
     */
    public void content(ByteBuffer data) throws IOException {
        part().add(data);
    }

    /**
     * The part ends.
     *
     * @throws IOException when it cannot be stored
     */
    public void end() throws IOException {
        Open ending = part();
        ending.close();
        parts.add(ending.toPart());
        open = null;
    }

    /**
     * The parts that have ended.
     *
     * @return a snapshot, in order
     */
    public List<Part> parts() {
        return List.copyOf(parts);
    }

    /**
     * Closes the file of a part that has not ended.
     *
     * @throws IOException when that fails
     */
    @Override
    public void close() throws IOException {
        Open left = open;
        open = null;
        if (left != null) {
            left.close();
        }
    }

    private Open part() {
        if (open == null) {
            throw new IllegalStateException("no part has begun");
        }
        return open;
    }

    /** A part that has begun and not ended. */
    private final class Open {
        private final String name;
        private final Optional<String> fileName;
        private final Optional<String> contentType;
        private final long limit;
        private final ByteArrayOutputStream memory = new ByteArrayOutputStream(256);
        private WritableByteChannel sink = Channels.newChannel(memory);
        private @Nullable Path file;
        private long size;

        Open(String name, Optional<String> fileName, Optional<String> contentType) {
            this.name = Objects.requireNonNull(name, "name");
            this.fileName = fileName;
            this.contentType = contentType;
            this.limit = fileName.isPresent() ? limits.fileSize() : limits.fieldSize();
        }

        void add(ByteBuffer data) throws IOException {
            size += data.remaining();
            if (size > limit) {
                throw new BodyTooLargeException("a part of more than " + limit + " bytes");
            }
            if (file == null && size > MEMORY_SIZE) {
                spill();
            }
            while (data.hasRemaining()) {
                sink.write(data);
            }
        }

        private void spill() throws IOException {
            Path target = directory.resolve("part-" + parts.size());
            sink = FileChannel.open(target, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            file = target;
            ByteBuffer sofar = ByteBuffer.wrap(memory.toByteArray());
            while (sofar.hasRemaining()) {
                sink.write(sofar);
            }
            memory.reset();
        }

        void close() throws IOException {
            sink.close();
        }

        Part toPart() {
            return file == null
                    ? Part.ofMemory(name, fileName, contentType, memory.toByteArray())
                    : Part.ofFile(name, fileName, contentType, file, size);
        }
    }
}
