package dev.weir.limiter.netty;

import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** What a channel has read and nobody has wanted yet, in order. It owns the buffers. For one event loop. */
final class ReadAhead {

    /** So many bytes, or objects, are read without being asked for. */
    private static final int LITTLE_BYTES = 16 * 1024;

    private static final int LITTLE_OBJECTS = 64;

    /** A slice has at most this many bytes, unless they came in one piece. */
    private static final int SLICE = 64 * 1024;

    private final Deque<HttpObject> objects = new ArrayDeque<>();
    private int bytes;
    private boolean contentEnded = true;
    private long contentTaken;

    void add(HttpObject object) {
        objects.add(object);
        bytes += sizeOf(object);
    }

    @Nullable HttpObject peek() {
        return objects.peek();
    }

    boolean isEmpty() {
        return objects.isEmpty();
    }

    boolean isLittle() {
        return bytes < LITTLE_BYTES && objects.size() < LITTLE_OBJECTS;
    }

    /** Takes the next request, whose content is what is taken then. */
    HttpRequest takeRequest() {
        contentEnded = false;
        contentTaken = 0;
        return (HttpRequest) objects.remove();
    }

    /** Takes content, which the caller has to release. */
    HttpContent takeContent() {
        HttpContent content = (HttpContent) objects.remove();
        bytes -= sizeOf(content);
        contentTaken += sizeOf(content);
        contentEnded = content instanceof LastHttpContent;
        return content;
    }

    /** Takes content as one copied slice; perhaps an empty one. The next object must be well-formed content. */
    ByteBuffer takeSlice() {
        ByteBuffer slice = ByteBuffer.allocate(Math.max(Math.min(bytes, SLICE), sizeOf(objects.element())));
        while (fits(objects.peek(), slice)) {
            HttpContent content = takeContent();
            content.content().readBytes(slice.limit(slice.position() + sizeOf(content)));
            slice.limit(slice.capacity());
            content.release();
        }
        return slice.flip();
    }

    private boolean fits(@Nullable HttpObject next, ByteBuffer slice) {
        return !contentEnded && next != null && next.decoderResult().isSuccess() && sizeOf(next) <= slice.remaining();
    }

    /** Drops the content that is here of the request that was taken last; false if there is more to come. */
    boolean dropContent() {
        while (!contentEnded && !objects.isEmpty()) {
            takeContent().release();
        }
        return contentEnded;
    }

    /** Whether all content of the request that was taken last has been taken too. */
    boolean contentEnded() {
        return contentEnded;
    }

    /** Whether all content of the request that was taken last is here, or was, and well-formed. */
    boolean contentArrived() {
        if (contentEnded) {
            return true;
        }
        for (HttpObject object : objects) {
            if (object instanceof LastHttpContent && object.decoderResult().isSuccess()) {
                return true;
            }
        }
        return false;
    }

    /** How much content of the request that was taken last has arrived; more requests must not have. */
    long contentSeen() {
        return contentTaken + bytes;
    }

    void release() {
        objects.forEach(ReferenceCountUtil::release);
        objects.clear();
        bytes = 0;
    }

    private static int sizeOf(HttpObject object) {
        return object instanceof HttpContent content ? content.content().readableBytes() : 0;
    }
}
