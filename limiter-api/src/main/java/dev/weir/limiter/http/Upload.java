package dev.weir.limiter.http;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * A multipart body that was received and stored. Its temporary files are removed when it is closed or, at the latest, when its
 * exchange has completed. Thread-safe.
 */
public final class Upload implements AutoCloseable {

    private final List<Part> parts;
    private final UploadDirectory directory;

    Upload(List<Part> parts, UploadDirectory directory) {
        this.parts = List.copyOf(parts);
        this.directory = Objects.requireNonNull(directory, "directory");
    }

    /**
     * All parts in the order they were sent.
     *
     * @return an unmodifiable list
     */
    public List<Part> parts() {
        return parts;
    }

    /**
     * The first part of a name, be it a field or a file.
     *
     * @param name the field's name
     * @return the part, if there is one
     */
    public Optional<Part> part(String name) {
        return parts.stream().filter(part -> part.name().equals(name)).findFirst();
    }

    /** Removes the temporary files that were not moved away. May block. Closing again has no effect. */
    @Override
    public void close() {
        directory.close();
    }

    @Override
    public String toString() {
        return "Upload" + parts;
    }
}
