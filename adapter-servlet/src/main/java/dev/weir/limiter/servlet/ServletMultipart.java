package dev.weir.limiter.servlet;

import dev.weir.limiter.http.BodyTooLargeException;
import dev.weir.limiter.http.MalformedBodyException;
import dev.weir.limiter.http.MultipartDecoder;
import dev.weir.limiter.http.Part;
import dev.weir.limiter.http.PartStore;
import dev.weir.limiter.http.UploadLimits;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.MultiPart;
import org.eclipse.jetty.io.Content;
import org.jspecify.annotations.Nullable;

/**
 * The push parser of jetty-http, storing what it finds. The Servlet API has only {@code getParts}, and the other well-kept
 * parsers read a stream: both hold a thread and a permit while the client is slow. The parser swallows what its listener
 * throws, so failures are kept for the caller.
 */
final class ServletMultipart extends MultiPart.AbstractPartsListener implements MultipartDecoder {

    private final MultiPart.Parser parser;
    private final PartStore store;
    private Optional<String> contentType = Optional.empty();
    /** What failed first: in the parser, or in our store. */
    private @Nullable Throwable parsing;

    private @Nullable IOException storing;
    private boolean complete;

    private ServletMultipart(String boundary, UploadLimits limits, Path directory) {
        store = new PartStore(limits, directory);
        parser = new MultiPart.Parser(boundary, this);
        parser.setMaxParts(-1); // the store counts
        parser.setPartHeadersMaxLength(limits.headerSize());
    }

    static MultipartDecoder of(Optional<String> contentType, UploadLimits limits, Path directory)
            throws MalformedBodyException {
        String type = contentType.orElse("");
        if (!type.toLowerCase(Locale.ROOT).startsWith("multipart/form-data")) {
            throw new MalformedBodyException("expected multipart/form-data, was '" + type + "'");
        }
        String boundary = MultiPart.extractBoundary(type);
        if (boundary == null || boundary.isBlank()) {
            throw new MalformedBodyException("no boundary in '" + type + "'");
        }
        return new ServletMultipart(boundary, limits, directory);
    }

    @Override
    public void offer(ByteBuffer data) throws IOException {
        parser.parse(Content.Chunk.from(data, false));
        check();
    }

    @Override
    public List<Part> finish() throws IOException {
        parser.parse(Content.Chunk.EOF);
        check();
        if (!complete) {
            throw new MalformedBodyException("the body ended before its last boundary");
        }
        return store.parts();
    }

    @Override
    public void close() {
        try {
            store.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void check() throws IOException {
        if (storing != null) {
            throw storing;
        }
        if (parsing instanceof IllegalStateException) { // how the parser says that headers are too long
            throw new BodyTooLargeException(String.valueOf(parsing.getMessage()));
        }
        if (parsing != null) {
            throw new MalformedBodyException("the body is no well-formed multipart body", parsing);
        }
    }

    @Override
    public void onPartHeader(String name, String value) {
        super.onPartHeader(name, value);
        if (HttpHeader.CONTENT_TYPE.is(name)) {
            contentType = Optional.of(value);
        }
    }

    @Override
    public void onPartHeaders() {
        store(() -> {
            String name = getName();
            if (name == null) {
                throw new MalformedBodyException("a part without a name");
            }
            store.begin(name, Optional.ofNullable(getFileName()), contentType);
        });
    }

    @Override
    public void onPartContent(Content.Chunk chunk) {
        store(() -> store.content(chunk.getByteBuffer()));
    }

    @Override
    public void onPart(String name, String fileName, HttpFields headers) {
        contentType = Optional.empty();
        store(store::end);
    }

    @Override
    public void onComplete() {
        complete = true;
    }

    @Override
    public void onFailure(Throwable cause) {
        if (parsing == null) {
            parsing = cause;
        }
    }

    private void store(Step step) {
        if (storing == null && parsing == null) {
            try {
                step.run();
            } catch (IOException e) {
                storing = e;
            } catch (RuntimeException e) {
                storing = new IOException(e);
            }
        }
    }

    @FunctionalInterface
    private interface Step {
        void run() throws IOException;
    }
}
