package dev.weir.limiter.http;

/**
 * How large a multipart body may be. Sizes are in bytes. Immutable; each setter returns a changed copy and refuses a negative
 * value.
 *
 * <p>The defaults: a body of 128 MiB, a file of 128 MiB, a field of 1 MiB, 1000 parts, 8 KiB for the headers of a part.
 *
 * <p>Names, file names and content types stay in memory: those of all parts together may have 256 characters for each part that
 * is allowed, or as many as the headers of one part may have bytes, whichever is more.
 */
public final class UploadLimits {

    private static final UploadLimits DEFAULTS = new UploadLimits(128L << 20, 128L << 20, 1L << 20, 1000, 8 << 10);

    private final long bodySize;
    private final long fileSize;
    private final long fieldSize;
    private final int parts;
    private final int headerSize;

    private UploadLimits(long bodySize, long fileSize, long fieldSize, int parts, int headerSize) {
        this.bodySize = notNegative("bodySize", bodySize);
        this.fileSize = notNegative("fileSize", fileSize);
        this.fieldSize = notNegative("fieldSize", fieldSize);
        this.parts = (int) notNegative("parts", parts);
        this.headerSize = (int) notNegative("headerSize", headerSize);
    }

    private static long notNegative(String name, long value) {
        if (value < 0) {
            throw new IllegalArgumentException(name + ": expected 0 or more, was " + value);
        }
        return value;
    }

    /**
     * The limits when none are set.
     *
     * @return the defaults
     */
    public static UploadLimits defaults() {
        return DEFAULTS;
    }

    /**
     * Limits the whole body.
     *
     * @param bytes 0 or more
     * @return a changed copy
     */
    public UploadLimits bodySize(long bytes) {
        return new UploadLimits(bytes, fileSize, fieldSize, parts, headerSize);
    }

    /**
     * Limits the content of each part that has a file name.
     *
     * @param bytes 0 or more
     * @return a changed copy
     */
    public UploadLimits fileSize(long bytes) {
        return new UploadLimits(bodySize, bytes, fieldSize, parts, headerSize);
    }

    /**
     * Limits the content of each part that has no file name.
     *
     * @param bytes 0 or more
     * @return a changed copy
     */
    public UploadLimits fieldSize(long bytes) {
        return new UploadLimits(bodySize, fileSize, bytes, parts, headerSize);
    }

    /**
     * Limits the number of parts.
     *
     * @param count 0 or more
     * @return a changed copy
     */
    public UploadLimits parts(int count) {
        return new UploadLimits(bodySize, fileSize, fieldSize, count, headerSize);
    }

    /**
     * Limits the headers of each part.
     *
     * @param bytes 0 or more
     * @return a changed copy
     */
    public UploadLimits headerSize(int bytes) {
        return new UploadLimits(bodySize, fileSize, fieldSize, parts, bytes);
    }

    /**
     * The limit of the whole body.
     *
     * @return bytes
     */
    public long bodySize() {
        return bodySize;
    }

    /**
     * The limit of a part that has a file name.
     *
     * @return bytes
     */
    public long fileSize() {
        return fileSize;
    }

    /**
     * The limit of a part that has no file name.
     *
     * @return bytes
     */
    public long fieldSize() {
        return fieldSize;
    }

    /**
     * The limit of the number of parts.
     *
     * @return a count
     */
    public int parts() {
        return parts;
    }

    /**
     * The limit of the headers of a part.
     *
     * @return bytes
     */
    public int headerSize() {
        return headerSize;
    }

    @Override
    public String toString() {
        return "UploadLimits[body " + bodySize + ", file " + fileSize + ", field " + fieldSize + ", parts " + parts
                + ", part headers " + headerSize + "]";
    }
}
