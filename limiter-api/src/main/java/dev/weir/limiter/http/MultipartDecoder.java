package dev.weir.limiter.http;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Parses a {@code multipart/form-data} body (RFC 7578 and 2046) that comes in pieces of any size, and stores its parts. Used by
 * one thread at a time, always on a worker under a permit, since it writes to disk.
 *
 * <pre>
 *   PREAMBLE ──delimiter──► BOUNDARY ──line end──► HEADERS ──empty line──► CONTENT
 *                              │ ▲                                            │
 *     EPILOGUE ◄──line end── "--" └───────────────delimiter───────────────────┘
 * </pre>
 *
 * <p>Between pieces it keeps no more than the headers of one part, up to their limit; what comes before the first boundary and
 * behind the last one is dropped. It is stricter than many: lines end with CR LF, a line that begins with the boundary must be
 * one, and what parsers are known to read differently is refused, so that nobody in front of us saw other parts than we do.
 */
final class MultipartDecoder implements AutoCloseable {

    private static final String TYPE = "multipart/form-data";

    private static final int LONGEST_BOUNDARY = 70;

    private static final String BOUNDARY_PUNCTUATION = "'()+_,-./:=? ";

    /** What the next byte belongs to. */
    private enum State {
        PREAMBLE,
        /** Behind a boundary. */
        BOUNDARY,
        /** Behind a boundary and one dash. */
        DASH,
        /** Where a boundary's line may have blanks, and must end. */
        BLANKS,
        /** Behind the carriage return of a boundary's line. */
        RETURN,
        HEADERS,
        CONTENT,
        EPILOGUE
    }

    private final DelimiterSearch search;
    private final UploadLimits limits;
    private final PartStore store;
    private State state = State.PREAMBLE;
    private boolean last;
    private int parts;
    private PartHeaders headers;

    private MultipartDecoder(String boundary, UploadLimits limits, Path directory) {
        this.search = new DelimiterSearch(boundary);
        this.limits = limits;
        this.store = new PartStore(limits, directory);
        this.headers = nextHeaders();
        search.beginLine();
    }

    /**
     * A decoder for the body of a request.
     *
     * @param contentType what the request says of its body
     * @param limits what is enforced, apart from the size of the body, which the caller counts
     * @param directory an empty directory for what is stored
     * @throws MalformedBodyException when that is no {@code multipart/form-data}, or names no boundary
     */
    static MultipartDecoder of(Optional<String> contentType, UploadLimits limits, Path directory)
            throws MalformedBodyException {
        return new MultipartDecoder(boundary(contentType), limits, directory);
    }

    private static String boundary(Optional<String> contentType) throws MalformedBodyException {
        String text = contentType.orElse("");
        HeaderValue type = HeaderValue.parse("Content-Type '" + text + "'", text);
        if (!type.value().equals(TYPE)) {
            throw new MalformedBodyException("expected " + TYPE + ", was '" + text + "'");
        }
        String boundary = type.parameter("boundary")
                .orElseThrow(() -> new MalformedBodyException("expected a boundary, was '" + text + "'"));
        if (boundary.isEmpty()
                || boundary.length() > LONGEST_BOUNDARY
                || boundary.endsWith(" ")
                || !boundary.chars().allMatch(MultipartDecoder::isBoundaryChar)) {
            throw new MalformedBodyException("expected a boundary of 1 to " + LONGEST_BOUNDARY + " letters, digits and "
                    + BOUNDARY_PUNCTUATION + "with no blank at its end, was '" + text + "'");
        }
        return boundary;
    }

    private static boolean isBoundaryChar(int c) {
        return BOUNDARY_PUNCTUATION.indexOf(c) >= 0 || (c < 0x80 && Character.isLetterOrDigit(c));
    }

    /**
     * Parses and stores the next bytes.
     *
     * @param data the bytes, consumed on return; they are the caller's again then
     * @throws BodyTooLargeException when a limit is exceeded
     * @throws MalformedBodyException when the bytes are not well-formed
     * @throws IOException when storing failed
     */
    void offer(ByteBuffer data) throws IOException {
        while (data.hasRemaining()) {
            switch (state) {
                case PREAMBLE -> {
                    if (search.find(data, ignored -> {})) {
                        state = State.BOUNDARY;
                    }
                }
                case BOUNDARY, DASH, BLANKS, RETURN -> state = inBoundaryLine(data.get());
                case HEADERS -> {
                    if (headers.read(data)) {
                        begin();
                    }
                }
                case CONTENT -> {
                    if (search.find(data, store::content)) {
                        store.end();
                        state = State.BOUNDARY;
                    }
                }
                case EPILOGUE -> data.position(data.limit());
            }
        }
    }

    private State inBoundaryLine(byte next) throws MalformedBodyException {
        if (state == State.RETURN && next == '\n') {
            return last ? State.EPILOGUE : State.HEADERS;
        }
        if (state == State.BOUNDARY && next == '-') {
            return State.DASH;
        }
        if (state == State.DASH && next == '-') {
            last = true;
            return State.BLANKS;
        }
        if (state == State.BOUNDARY || state == State.BLANKS) {
            if (next == '\r') {
                return State.RETURN;
            }
            if (next == ' ' || next == '\t') {
                return State.BLANKS;
            }
        }
        throw new MalformedBodyException("expected CR LF, or two dashes and CR LF, behind boundary " + (parts + 1));
    }

    private void begin() throws IOException {
        store.begin(headers.name(), headers.fileName(), headers.contentType());
        parts++;
        headers = nextHeaders();
        state = State.CONTENT;
        search.beginLine(); // the line end of the headers may be that of the delimiter: then the part is empty
    }

    private PartHeaders nextHeaders() {
        return new PartHeaders(limits.headerSize(), "part " + (parts + 1));
    }

    /**
     * Ends the body.
     *
     * @return the parts in their order; they stay usable after {@link #close}
     * @throws MalformedBodyException when the body ended too early
     */
    List<Part> finish() throws MalformedBodyException {
        if (!last) {
            throw new MalformedBodyException("the body ended before its last boundary");
        }
        return store.parts();
    }

    /** Closes the file that is open, if one is. The files in the directory are removed by the caller. */
    @Override
    public void close() throws IOException {
        store.close();
    }
}
