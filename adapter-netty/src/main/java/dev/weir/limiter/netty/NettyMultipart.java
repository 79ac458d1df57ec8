package dev.weir.limiter.netty;

import dev.weir.limiter.http.BodyTooLargeException;
import dev.weir.limiter.http.MalformedBodyException;
import dev.weir.limiter.http.MultipartDecoder;
import dev.weir.limiter.http.Part;
import dev.weir.limiter.http.PartStore;
import dev.weir.limiter.http.UploadLimits;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.multipart.Attribute;
import io.netty.handler.codec.http.multipart.DefaultHttpDataFactory;
import io.netty.handler.codec.http.multipart.FileUpload;
import io.netty.handler.codec.http.multipart.HttpPostMultipartRequestDecoder;
import io.netty.handler.codec.http.multipart.HttpPostRequestDecoder;
import io.netty.handler.codec.http.multipart.HttpPostRequestDecoder.EndOfDataDecoderException;
import io.netty.handler.codec.http.multipart.HttpPostRequestDecoder.TooLongFormFieldException;
import io.netty.handler.codec.http.multipart.MemoryAttribute;
import io.netty.handler.codec.http.multipart.MemoryFileUpload;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Netty's parser, storing what it finds. Netty's own stores would keep whole parts in memory or synchronise each file with the
 * disk; so the parser is given parts that put their content into a {@link PartStore}.
 */
final class NettyMultipart implements MultipartDecoder {

    /** The parser looks at how much it has to keep only between pieces. */
    private static final int PIECE = 8 * 1024;

    private static final Pattern NO_BOUNDARY =
            Pattern.compile("boundary\\s*=\\s*(\"\\s*\"|;|$)", Pattern.CASE_INSENSITIVE);

    private static final byte[] RETURN = {'\r'};

    private final PartStore store;
    private final HttpPostMultipartRequestDecoder parser;
    private final int piece;
    /** Whether what came first looks like a boundary; null before. */
    private @Nullable Boolean boundaryFirst;
    /** A carriage return is kept for the next piece: at the end of one the parser would take it for content. */
    private boolean carriageReturn;

    private NettyMultipart(HttpRequest request, UploadLimits limits, Path directory) {
        store = new PartStore(limits, directory);
        piece = Math.max(1, Math.min(PIECE, limits.headerSize()));
        parser = new HttpPostMultipartRequestDecoder(
                new Parts(), request, StandardCharsets.UTF_8, -1, Math.max(1, limits.headerSize()));
    }

    static NettyMultipart of(@Nullable String contentType, UploadLimits limits, Path directory)
            throws MalformedBodyException {
        // Of the request itself, which belongs to the event loop, the parser needs no more than this.
        HttpRequest request = new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.POST, "/");
        try {
            if (contentType != null) {
                request.headers().set(HttpHeaderNames.CONTENT_TYPE, contentType);
                if (!NO_BOUNDARY.matcher(contentType).find() && HttpPostRequestDecoder.isMultipart(request)) {
                    return new NettyMultipart(request, limits, directory);
                }
            }
        } catch (RuntimeException e) { // not only its own ones
            throw new MalformedBodyException("no usable boundary in " + contentType, e);
        }
        throw new MalformedBodyException("expected multipart/form-data with a boundary, was " + contentType);
    }

    @Override
    public void offer(ByteBuffer data) throws IOException {
        if (boundaryFirst == null && data.hasRemaining()) {
            boundaryFirst = "-\r\n".indexOf(data.get(data.position())) >= 0;
        }
        while (data.hasRemaining()) {
            int end = data.position() + Math.min(piece, data.remaining());
            boolean endsInReturn = data.get(end - 1) == '\r';
            ByteBuffer next = data.duplicate().limit(endsInReturn ? end - 1 : end);
            data.position(end);
            offerPiece(Unpooled.wrappedBuffer(next));
            carriageReturn |= endsInReturn;
        }
    }

    private void offerPiece(ByteBuf bytes) throws IOException {
        ByteBuf content = carriageReturn ? Unpooled.wrappedBuffer(Unpooled.wrappedBuffer(RETURN), bytes) : bytes;
        carriageReturn = false;
        parse(() -> parser.offer(new DefaultHttpContent(content)));
    }

    @Override
    public List<Part> finish() throws IOException {
        offerPiece(Unpooled.EMPTY_BUFFER);
        // The first tells the parser that there is no more; it takes the second for it to believe its last boundary.
        parse(() -> parser.offer(LastHttpContent.EMPTY_LAST_CONTENT));
        parse(() -> parser.offer(LastHttpContent.EMPTY_LAST_CONTENT));
        if (!sawLastBoundary()) {
            throw new MalformedBodyException("the body ended before its last boundary");
        }
        return store.parts();
    }

    private boolean sawLastBoundary() {
        try {
            while (parser.hasNext()) {
                parser.next();
            }
            return false;
        } catch (EndOfDataDecoderException e) {
            return true;
        }
    }

    @Override
    public void close() {
        try (store) {
            parser.destroy();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void parse(Runnable step) throws IOException {
        try {
            step.run();
        } catch (TooLongFormFieldException e) {
            throw Boolean.TRUE.equals(boundaryFirst)
                    ? new BodyTooLargeException("the headers of a part are too large")
                    : new MalformedBodyException("no part begins", e);
        } catch (RuntimeException e) {
            IOException ours = storeFailure(e);
            throw ours != null ? ours : new MalformedBodyException("the body is no well-formed multipart body", e);
        }
    }

    private static @Nullable IOException storeFailure(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof IOException ours) {
                return ours;
            }
        }
        return null;
    }

    private void begin(String name, Optional<String> fileName, Optional<String> contentType) {
        try {
            store.begin(name, fileName, contentType);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void keep(ByteBuf content, boolean last) throws IOException {
        try {
            for (ByteBuffer bytes : content.nioBuffers()) {
                store.content(bytes);
            }
            if (last) {
                store.end();
            }
        } finally {
            content.release();
        }
    }

    /** Makes the parts. The headers of a part, which the parser makes here too, stay as they are. */
    private final class Parts extends DefaultHttpDataFactory {

        Parts() {
            super(false);
        }

        @Override
        public Attribute createAttribute(HttpRequest request, String name) {
            begin(name, Optional.empty(), Optional.empty());
            return new Field(name);
        }

        @Override
        public Attribute createAttribute(HttpRequest request, String name, long definedSize) {
            return createAttribute(request, name);
        }

        @Override
        public FileUpload createFileUpload(
                HttpRequest request,
                String name,
                String fileName,
                String contentType,
                String contentTransferEncoding,
                Charset charset,
                long size) {
            begin(name, Optional.of(fileName), Optional.ofNullable(contentType));
            return new File(name, fileName, contentType, contentTransferEncoding, charset, size);
        }
    }

    private final class Field extends MemoryAttribute {

        Field(String name) {
            super(name, StandardCharsets.UTF_8);
        }

        @Override
        public void addContent(ByteBuf buffer, boolean last) throws IOException {
            size += buffer.readableBytes();
            keep(buffer, last);
            if (last) {
                setCompleted();
            }
        }
    }

    private final class File extends MemoryFileUpload {

        File(
                String name,
                String fileName,
                String contentType,
                String contentTransferEncoding,
                Charset charset,
                long size) {
            super(name, fileName, contentType, contentTransferEncoding, charset, size);
        }

        @Override
        public void addContent(ByteBuf buffer, boolean last) throws IOException {
            size += buffer.readableBytes();
            keep(buffer, last);
            if (last) {
                setCompleted();
            }
        }
    }
}
