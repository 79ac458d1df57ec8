package dev.weir.limiter.jetty;

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

/** Jetty's push parser, storing what it finds. Jetty swallows what a listener throws, so failures are kept for the caller. */
final class JettyMultipart extends MultiPart.AbstractPartsListener implements MultipartDecoder {

    private final MultiPart.Parser parser;
    private final PartStore store;
    private Optional<String> contentType = Optional.empty();
    private @Nullable Throwable failure;
    private boolean complete;

    private JettyMultipart(String boundary, UploadLimits limits, Path directory) {
        store = new PartStore(limits, directory);
        parser = new MultiPart.Parser(boundary, this);
        parser.setMaxParts(-1); // the store counts
        parser.setPartHeadersMaxLength(limits.headerSize());
    }

    static JettyMultipart of(@Nullable String contentType, UploadLimits limits, Path directory)
            throws MalformedBodyException {
        if (contentType == null || !contentType.toLowerCase(Locale.ROOT).startsWith("multipart/form-data")) {
            throw new MalformedBodyException("expected multipart/form-data, was " + contentType);
        }
        String boundary = MultiPart.extractBoundary(contentType);
        if (boundary == null || boundary.isBlank()) {
            throw new MalformedBodyException("no boundary in " + contentType);
        }
        return new JettyMultipart(boundary, limits, directory);
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
        Throwable failed = failure;
        if (failed instanceof PartFailure kept) {
            throw kept.getCause();
        }
        if (failed instanceof IllegalStateException) {
            throw new BodyTooLargeException(failed.toString());
        }
        if (failed != null) {
            throw new MalformedBodyException("the body is no well-formed multipart body", failed);
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
        String name = getName();
        if (name == null) {
            fail(new PartFailure(new MalformedBodyException("a part without a name")));
        } else {
            attempt(() -> store.begin(name, Optional.ofNullable(getFileName()), contentType));
        }
    }

    @Override
    public void onPartContent(Content.Chunk chunk) {
        attempt(() -> store.content(chunk.getByteBuffer()));
    }

    @Override
    public void onPart(String name, String fileName, HttpFields headers) {
        contentType = Optional.empty();
        attempt(store::end);
    }

    @Override
    public void onComplete() {
        complete = true;
    }

    @Override
    public void onFailure(Throwable cause) {
        fail(cause);
    }

    private void attempt(Storing step) {
        if (failure == null) {
            try {
                step.run();
            } catch (IOException e) {
                fail(new PartFailure(e));
            } catch (RuntimeException e) {
                fail(new PartFailure(new IOException(e)));
            }
        }
    }

    private void fail(Throwable cause) {
        if (failure == null) {
            failure = cause;
        }
    }

    @FunctionalInterface
    private interface Storing {
        void run() throws IOException;
    }

    /** A failure of ours, on its way around the parser. */
    private static final class PartFailure extends Exception {
        private static final long serialVersionUID = 1L;
        private final IOException kept;

        PartFailure(IOException kept) {
            super(kept);
            this.kept = kept;
        }

        @Override
        public synchronized IOException getCause() {
            return kept;
        }
    }
}
