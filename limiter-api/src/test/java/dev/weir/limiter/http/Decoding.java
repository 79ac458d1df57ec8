package dev.weir.limiter.http;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;

/** Feeds bodies to decoders, in pieces, and tells what came of them. */
final class Decoding {

    /** A part in full. */
    record Stored(String name, Optional<String> fileName, Optional<String> contentType, String content) {}

    /** What came of a body: parts, or a failure. */
    record Decoded(List<Stored> parts, String failure) {

        static Decoded of(Stored... parts) {
            return new Decoded(List.of(parts), "");
        }

        static Decoded malformed(String message) {
            return new Decoded(List.of(), MalformedBodyException.class.getSimpleName() + ": " + message);
        }

        static Decoded tooLarge(String message) {
            return new Decoded(List.of(), BodyTooLargeException.class.getSimpleName() + ": " + message);
        }
    }

    private static final ClassValue<List<Field>> FIELDS = new ClassValue<>() {
        @Override
        protected List<Field> computeValue(Class<?> type) {
            List<Field> fields = new ArrayList<>();
            for (Class<?> some = type; some != Object.class; some = some.getSuperclass()) {
                for (Field field : some.getDeclaredFields()) {
                    if (!Modifier.isStatic(field.getModifiers())) {
                        field.setAccessible(true);
                        fields.add(field);
                    }
                }
            }
            return fields;
        }
    };

    private final String contentType;
    private final UploadLimits limits;
    private final Path directory;

    Decoding(String contentType, UploadLimits limits, Path directory) {
        this.contentType = contentType;
        this.limits = limits;
        this.directory = directory;
    }

    /** In one piece. */
    Decoded whole(byte[] body) {
        return feed(body, at -> body.length);
    }

    /** In two pieces. */
    Decoded splitAt(byte[] body, int split) {
        return feed(body, at -> at < split ? split : body.length);
    }

    /** In pieces of one size. */
    Decoded inPiecesOf(byte[] body, int size) {
        return feed(body, at -> at + size);
    }

    /**
     * In pieces of any size, in all kinds of buffers.
     *
     * @param next where the piece ends that begins at an index
     */
    Decoded feed(byte[] body, IntUnaryOperator next) {
        try (MultipartDecoder decoder = MultipartDecoder.of(Optional.of(contentType), limits, directory)) {
            for (int at = 0, piece = 0; at < body.length; piece++) {
                int end = Math.min(body.length, next.applyAsInt(at));
                ByteBuffer data = buffer(body, at, end, piece);
                decoder.offer(data);
                if (data.hasRemaining()) {
                    throw new AssertionError(data.remaining() + " bytes were left of the piece at " + at);
                }
                if (kept(decoder) > limits.headerSize() + 2_000) {
                    throw new AssertionError("kept " + kept(decoder) + " bytes behind the piece at " + at);
                }
                at = end;
            }
            return new Decoded(stored(decoder.finish()), "");
        } catch (BodyTooLargeException | MalformedBodyException e) {
            return new Decoded(List.of(), e.getClass().getSimpleName() + ": " + e.getMessage());
        } catch (IOException e) {
            throw new AssertionError("nothing else is to be thrown", e);
        } finally {
            clear();
        }
    }

    private static ByteBuffer buffer(byte[] body, int from, int to, int kind) {
        byte[] bytes = Arrays.copyOfRange(body, from, to);
        return switch (kind % 3) {
            case 0 -> ByteBuffer.wrap(body, from, to - from);
            case 1 ->
                ByteBuffer.allocateDirect(bytes.length + 1)
                        .position(1)
                        .put(bytes)
                        .position(1);
            default -> ByteBuffer.wrap(bytes).asReadOnlyBuffer();
        };
    }

    private static List<Stored> stored(List<Part> parts) throws IOException {
        List<Stored> stored = new ArrayList<>();
        for (Part part : parts) {
            String content = new String(part.bytes(), StandardCharsets.ISO_8859_1);
            stored.add(new Stored(part.name(), part.submittedFileName(), part.contentType(), content));
        }
        return stored;
    }

    private void clear() {
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.toList()) {
                if (!file.getFileName().toString().matches("part-\\d+") || isOpen(file)) {
                    throw new AssertionError("left behind or still open: " + file);
                }
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** Whether a descriptor of ours is a file's. Only where the system tells. */
    private static boolean isOpen(Path file) throws IOException {
        Path descriptors = Path.of("/proc/self/fd");
        if (!Files.isDirectory(descriptors)) {
            return false;
        }
        try (Stream<Path> all = Files.list(descriptors)) {
            return all.anyMatch(descriptor -> {
                try {
                    return Files.readSymbolicLink(descriptor).equals(file.toRealPath());
                } catch (IOException e) {
                    return false; // closed meanwhile, as the listing's own is
                }
            });
        }
    }

    /** How many bytes the arrays and texts have that a decoder keeps, apart from what it has stored. */
    static long kept(Object owner) {
        long sum = 0;
        for (Field field : FIELDS.get(owner.getClass())) {
            try {
                Object value = field.get(owner);
                if (value instanceof byte[] bytes) {
                    sum += bytes.length;
                } else if (value instanceof int[] numbers) {
                    sum += 4L * numbers.length;
                } else if (value instanceof String text) {
                    sum += 2L * text.length();
                } else if (value instanceof DelimiterSearch || value instanceof PartHeaders) {
                    sum += kept(value);
                }
            } catch (IllegalAccessException e) {
                throw new AssertionError(e);
            }
        }
        return sum;
    }
}
