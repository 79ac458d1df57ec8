package dev.weir.limiter.http;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Stores the parts that the decoder finds, within limits. The first small parts stay in memory; larger ones and further ones go
 * to files of generated names. Whoever sends slowly holds no permit, so nothing else bounds how many stores there are at once:
 * what one keeps in memory has to be little, however many parts there are. May block; not thread-safe.
 */
final class PartStore implements AutoCloseable {

    /** Parts up to this many bytes stay in memory. */
    static final int MEMORY_SIZE = 8 * 1024;

    /** Parts that would fill more than this many bytes together go to files, however small they are. */
    static final int TOTAL_MEMORY_SIZE = 64 * 1024;

    /** How many characters the names and types of all parts may have together, for each part that is allowed. */
    private static final long NAMES_SIZE = 256;

    private final UploadLimits limits;
    private final Path directory;
    private final List<Part> parts = new ArrayList<>();
    private final long namesLimit;
    private @Nullable Open open;
    private long names;
    private int kept;

    /**
     * An empty store.
     *
     * @param limits what to enforce; the size of the whole body and of headers is not counted here
     * @param directory where files go
     */
    PartStore(UploadLimits limits, Path directory) {
        this.limits = limits;
        this.directory = directory;
        this.namesLimit = Math.max(limits.headerSize(), NAMES_SIZE * limits.parts());
    }

    /** A part begins; one with a file name is a file. */
    void begin(String name, Optional<String> fileName, Optional<String> contentType) throws BodyTooLargeException {
        if (open != null) {
            throw new IllegalStateException("the former part has not ended");
        }
        if (parts.size() >= limits.parts()) {
            throw new BodyTooLargeException("more than " + limits.parts() + " parts");
        }
        names += name.length() + length(fileName) + length(contentType);
        if (names > namesLimit) {
            throw new BodyTooLargeException("names and types of parts with more than " + namesLimit + " characters");
        }
        open = new Open(name, fileName, contentType);
    }

    private static int length(Optional<String> text) {
        return text.map(String::length).orElse(0);
    }

    /** Content of the part that began; consumed on return. */
    void content(ByteBuffer data) throws IOException {
        part().add(data);
    }

    /** The part ends. */
    void end() throws IOException {
        Open ending = part();
        ending.close();
        kept += ending.kept();
        parts.add(ending.toPart());
        open = null;
    }

    /** The parts that have ended, in order. */
    List<Part> parts() {
        return List.copyOf(parts);
    }

    /** Closes the file of a part that has not ended. */
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
        private byte[] memory = new byte[0];
        private @Nullable Path path;
        private @Nullable FileChannel file;
        private long size;

        Open(String name, Optional<String> fileName, Optional<String> contentType) {
            this.name = name;
            this.fileName = fileName;
            this.contentType = contentType;
            this.limit = fileName.isPresent() ? limits.fileSize() : limits.fieldSize();
        }

        void add(ByteBuffer data) throws IOException {
            int length = data.remaining();
            if (length > limit - size) {
                throw new BodyTooLargeException("a part of more than " + limit + " bytes");
            }
            if (size + length > MEMORY_SIZE || kept + size + length > TOTAL_MEMORY_SIZE) {
                write(data);
            } else {
                keep(data, (int) size + length);
            }
            size += length;
        }

        private void keep(ByteBuffer data, int newSize) {
            if (newSize > memory.length) {
                memory = Arrays.copyOf(memory, Math.min(MEMORY_SIZE, Math.max(newSize, 2 * memory.length)));
            }
            data.get(memory, (int) size, data.remaining());
        }

        private void write(ByteBuffer data) throws IOException {
            FileChannel target = file;
            if (target == null) {
                path = directory.resolve("part-" + parts.size());
                target = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
                file = target;
                writeFully(target, ByteBuffer.wrap(memory, 0, (int) size));
                memory = new byte[0];
            }
            writeFully(target, data);
        }

        private static void writeFully(FileChannel target, ByteBuffer data) throws IOException {
            while (data.hasRemaining()) {
                target.write(data);
            }
        }

        void close() throws IOException {
            if (file != null) {
                file.close();
            }
        }

        /** How many bytes stay in memory. */
        int kept() {
            return path == null ? (int) size : 0;
        }

        Part toPart() {
            return path == null
                    ? Part.ofMemory(name, fileName, contentType, Arrays.copyOf(memory, (int) size))
                    : Part.ofFile(name, fileName, contentType, path, size);
        }
    }
}
