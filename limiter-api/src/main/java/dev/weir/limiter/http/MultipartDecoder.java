package dev.weir.limiter.http;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * The server's own incremental parser of {@code multipart/form-data}. Used by one thread at a time, always on a worker under a
 * permit, so that it may write to disk.
 *
 * <p>It keeps what it stores in the directory it was made for, under names it makes up itself, and counts against the {@link
 * UploadLimits} it was made with; {@link PartStore} does both for parsers that call back.
 */
public interface MultipartDecoder extends AutoCloseable {

    /**
     * Parses and stores the next bytes.
     *
     * @param data the bytes, consumed on return; they are the caller's again then
     * @throws BodyTooLargeException when a limit is exceeded
     * @throws MalformedBodyException when the bytes are not well-formed
     * @throws IOException when storing failed
     */
    void offer(ByteBuffer data) throws IOException;

    /**
     * Ends the body.
     *
     * @return the parts in their order; they stay usable after {@link #close} has freed what else the decoder holds
     * @throws MalformedBodyException when the body ended too early
     * @throws BodyTooLargeException when a limit is exceeded
     * @throws IOException when storing failed
     */
    List<Part> finish() throws IOException;

    /**
     * Frees what the decoder holds: buffers and open files. Called exactly once, after {@link #finish} or instead of it; the
     * files in the directory are removed by the caller.
     */
    @Override
    void close();
}
