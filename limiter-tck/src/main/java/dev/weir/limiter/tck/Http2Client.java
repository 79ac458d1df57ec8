package dev.weir.limiter.tck;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * One HTTP/2 connection with prior knowledge, frame by frame: what the server sends is what the test sees. Requests are encoded
 * without compression. What is received is acknowledged at once, except on a stream that was told to {@linkplain Stream#stall
 * stall}; what is sent keeps to the server's windows.
 */
final class Http2Client implements AutoCloseable {

    static final int NO_ERROR = 0;
    static final int CANCEL = 8;

    private static final String PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    private static final int DATA = 0;
    private static final int HEADERS = 1;
    private static final int RST_STREAM = 3;
    private static final int SETTINGS = 4;
    private static final int PING = 6;
    private static final int GOAWAY = 7;
    private static final int WINDOW_UPDATE = 8;
    private static final int CONTINUATION = 9;
    private static final int END_STREAM = 1;
    private static final int ACK = 1;
    private static final int END_HEADERS = 4;
    private static final int PADDED = 8;
    private static final int PRIORITY = 0x20;
    private static final int SETTING_PUSH = 2;
    private static final int SETTING_INITIAL_WINDOW = 4;
    private static final int MAX_FRAME = 16_384;
    private static final int DEFAULT_WINDOW = 65_535;

    /** A stream that the server has reset. */
    static final class ResetException extends IOException {
        private static final long serialVersionUID = 1L;

        ResetException(int code) {
            super("the server reset the stream with code " + code);
        }
    }

    private final Socket socket;
    private final OutputStream out;
    private final DataInputStream in;
    private final Duration patience;
    private final HpackDecoder hpack = new HpackDecoder();
    private final Map<Integer, Stream> streams = new ConcurrentHashMap<>();
    private final CompletableFuture<Void> settings = new CompletableFuture<>();
    private final CompletableFuture<Void> ended = new CompletableFuture<>();
    private volatile boolean goingAway;
    private volatile String farewell = "";
    private volatile CompletableFuture<Void> pong = new CompletableFuture<>();

    // Guarded by this.
    private int nextStream = 1;
    private int initialWindow = DEFAULT_WINDOW;
    private long window = DEFAULT_WINDOW;

    Http2Client(int port, Duration patience) throws IOException {
        this.patience = patience;
        socket = new Socket(InetAddress.getLoopbackAddress(), port);
        socket.setTcpNoDelay(true);
        out = socket.getOutputStream();
        in = new DataInputStream(new java.io.BufferedInputStream(socket.getInputStream(), 65_536));
        out.write(PREFACE.getBytes(StandardCharsets.US_ASCII));
        frame(
                SETTINGS,
                0,
                0,
                ByteBuffer.allocate(6).putShort((short) SETTING_PUSH).putInt(0).array());
        Thread reader = new Thread(this::readAll, "tck-http2-reader");
        reader.setDaemon(true);
        reader.start();
        get(settings);
    }

    /** One request and its answer. */
    final class Stream {
        final int id;
        /** The status, as soon as it is there. */
        final CompletableFuture<Integer> status = new CompletableFuture<>();

        final List<Integer> informational = new CopyOnWriteArrayList<>();
        private final CompletableFuture<RawClient.Answer> answer = new CompletableFuture<>();
        private final ByteArrayOutputStream body = new ByteArrayOutputStream();
        private Map<String, String> headers = Map.of();
        private volatile int received;
        private volatile boolean stalled;
        private long unacknowledged;
        /** Guarded by the client. */
        private long sendWindow;

        private Stream(int id, long sendWindow) {
            this.id = id;
            this.sendWindow = sendWindow;
        }

        /** Lets the server send what the window holds, and no more until {@link #flow}. */
        Stream stall() {
            stalled = true;
            return this;
        }

        /** Reads on. */
        void flow() throws IOException {
            long owed;
            synchronized (body) {
                stalled = false;
                owed = unacknowledged;
                unacknowledged = 0;
            }
            if (owed > 0) {
                windowUpdate(id, owed);
            }
        }

        /** How many bytes of the body have come. */
        int received() {
            return received;
        }

        /** Sends as much as fits in the windows, waits for more, and so on. */
        Stream send(byte[] data, boolean last) throws IOException {
            int sent = 0;
            do {
                int size = Math.min(data.length - sent, MAX_FRAME);
                size = size == 0 ? 0 : reserve(this, size);
                byte[] slice = java.util.Arrays.copyOfRange(data, sent, sent + size);
                sent += size;
                frame(DATA, last && sent == data.length ? END_STREAM : 0, id, slice);
            } while (sent < data.length);
            return this;
        }

        void reset() throws IOException {
            frame(RST_STREAM, 0, id, ByteBuffer.allocate(4).putInt(CANCEL).array());
        }

        boolean isDone() {
            return answer.isDone();
        }

        /** The whole answer; an {@link IOException} means that it was cut. */
        RawClient.Answer answer() throws IOException {
            return get(answer);
        }

        private void onHeaders(Map<String, String> fields, boolean last) throws IOException {
            String text = fields.get(":status");
            if (text != null) {
                int code = Integer.parseInt(text);
                if (code < 200) {
                    informational.add(code);
                    return;
                }
                headers = fields;
                status.complete(code);
            }
            if (last) {
                onEnd();
            }
        }

        private void onData(byte[] data, int acknowledge, boolean last) throws IOException {
            body.write(data);
            received = body.size();
            long owed = 0;
            synchronized (body) {
                unacknowledged += acknowledge;
                if (!stalled && unacknowledged > DEFAULT_WINDOW / 2) { // not for each frame, as other clients do
                    owed = unacknowledged;
                    unacknowledged = 0;
                }
            }
            if (last) {
                onEnd();
            } else if (owed > 0) {
                windowUpdate(id, owed);
            }
        }

        private void onEnd() {
            answer.complete(new RawClient.Answer(
                    Integer.parseInt(headers.getOrDefault(":status", "0")), headers, body.toByteArray()));
            closed();
        }

        private void fail(Throwable cause) {
            status.completeExceptionally(cause);
            answer.completeExceptionally(cause);
            closed();
        }

        private void closed() {
            synchronized (Http2Client.this) {
                Http2Client.this.notifyAll();
            }
        }
    }

    // ---- requests ----

    Stream request(String method, String path, String... fields) throws IOException {
        return open(true, method, path, fields);
    }

    /** A request whose body is still to be sent. */
    Stream open(String method, String path, String... fields) throws IOException {
        return open(false, method, path, fields);
    }

    private Stream open(boolean last, String method, String path, String... fields) throws IOException {
        ByteArrayOutputStream block = new ByteArrayOutputStream();
        field(block, ":method", method);
        field(block, ":scheme", "http");
        field(block, ":path", path);
        field(block, ":authority", "test");
        for (int i = 0; i < fields.length; i += 2) {
            field(block, fields[i], fields[i + 1]);
        }
        synchronized (this) { // streams have to be opened in order
            Stream stream = new Stream(nextStream, initialWindow);
            nextStream += 2;
            streams.put(stream.id, stream);
            if (ended.isDone()) {
                throw new IOException("the connection has ended");
            }
            frame(HEADERS, END_HEADERS | (last ? END_STREAM : 0), stream.id, block.toByteArray());
            return stream;
        }
    }

    RawClient.Answer get(String path) throws IOException {
        return request("GET", path).answer();
    }

    /** A literal field that nobody needs to remember. */
    private static void field(ByteArrayOutputStream block, String name, String value) {
        block.write(0);
        string(block, name);
        string(block, value);
    }

    private static void string(ByteArrayOutputStream block, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        if (bytes.length > 126) {
            throw new IllegalArgumentException("expected a short field, was " + text);
        }
        block.write(bytes.length);
        block.writeBytes(bytes);
    }

    /** Whether the server takes no more streams on this connection. */
    boolean isOver() {
        return goingAway || ended.isDone();
    }

    /** Waits until the server has answered a ping: it has read everything that was sent before. */
    void ping() throws IOException {
        CompletableFuture<Void> expected = new CompletableFuture<>();
        pong = expected;
        frame(PING, 0, 0, new byte[8]);
        get(expected);
    }

    /** Leaves as a client does that was killed: with a reset. */
    void kill() throws IOException {
        socket.setSoLinger(true, 0);
        socket.close();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }

    // ---- frames ----

    private void frame(int type, int flags, int stream, byte[] payload) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(9 + payload.length);
        bytes.put((byte) (payload.length >> 16)).putShort((short) payload.length);
        bytes.put((byte) type).put((byte) flags).putInt(stream).put(payload);
        synchronized (out) {
            out.write(bytes.array());
        }
    }

    private void windowUpdate(int stream, long bytes) throws IOException {
        frame(
                WINDOW_UPDATE,
                0,
                stream,
                ByteBuffer.allocate(4).putInt((int) bytes).array());
    }

    private synchronized int reserve(Stream stream, int wanted) throws IOException {
        long deadline = System.nanoTime() + patience.toNanos();
        while (stream.sendWindow <= 0 || window <= 0) {
            long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (stream.isDone()) {
                throw new IOException("stream " + stream.id + " has ended before all was sent: " + stream.answer());
            }
            if (left <= 0) {
                throw new IOException("the server gives no window for stream " + stream.id);
            }
            try {
                wait(left);
            } catch (InterruptedException e) {
                throw new IOException("interrupted", e);
            }
        }
        int granted = (int) Math.min(wanted, Math.min(stream.sendWindow, window));
        stream.sendWindow -= granted;
        window -= granted;
        return granted;
    }

    private void readAll() {
        Throwable end;
        try {
            while (readFrame()) {
                // until it ends
            }
            end = new IOException("the server closed the connection" + farewell);
        } catch (Throwable e) {
            end = e;
        }
        ended.complete(null);
        settings.completeExceptionally(end);
        pong.completeExceptionally(end);
        for (Stream stream : streams.values()) {
            stream.fail(new IOException("the connection ended", end));
        }
    }

    private boolean readFrame() throws IOException {
        int high = in.read();
        if (high < 0) {
            return false;
        }
        int length = (high << 16) | in.readUnsignedShort();
        int type = in.readUnsignedByte();
        int flags = in.readUnsignedByte();
        int id = in.readInt() & 0x7fffffff;
        byte[] payload = in.readNBytes(length);
        @Nullable Stream stream = streams.get(id);
        switch (type) {
            case DATA -> onData(stream, payload, flags);
            case HEADERS -> onHeaders(stream, payload, flags);
            case RST_STREAM -> {
                if (stream != null) {
                    stream.fail(new ResetException(ByteBuffer.wrap(payload).getInt()));
                }
            }
            case SETTINGS -> onSettings(payload, flags);
            case PING -> onPing(payload, flags);
            case GOAWAY -> onGoAway(payload);
            case WINDOW_UPDATE -> onWindow(stream, id, ByteBuffer.wrap(payload).getInt());
            default -> {
                // nothing that concerns us
            }
        }
        return true;
    }

    private void onGoAway(byte[] payload) {
        farewell = ", going away with error " + ByteBuffer.wrap(payload).getInt(4) + " '"
                + new String(payload, 8, payload.length - 8, StandardCharsets.UTF_8) + "'";
        goingAway = true;
    }

    private void onData(@Nullable Stream stream, byte[] payload, int flags) throws IOException {
        if (payload.length > 0) {
            windowUpdate(0, payload.length);
        }
        if (stream != null) {
            stream.onData(unpadded(payload, flags, 0), payload.length, (flags & END_STREAM) != 0);
        }
    }

    private void onHeaders(@Nullable Stream stream, byte[] payload, int flags) throws IOException {
        ByteArrayOutputStream block = new ByteArrayOutputStream();
        block.write(unpadded(payload, flags, (flags & PRIORITY) != 0 ? 5 : 0));
        int last = flags;
        while ((last & END_HEADERS) == 0) {
            int length = (in.readUnsignedByte() << 16) | in.readUnsignedShort();
            if (in.readUnsignedByte() != CONTINUATION) {
                throw new IOException("expected the continuation of a header block");
            }
            last = in.readUnsignedByte();
            in.readInt();
            block.write(in.readNBytes(length));
        }
        Map<String, String> fields = hpack.decode(block.toByteArray());
        if (stream != null) {
            stream.onHeaders(fields, (flags & END_STREAM) != 0);
        }
    }

    private static byte[] unpadded(byte[] payload, int flags, int skip) {
        boolean padded = (flags & PADDED) != 0;
        int from = (padded ? 1 : 0) + skip;
        int to = payload.length - (padded ? payload[0] & 0xff : 0);
        return java.util.Arrays.copyOfRange(payload, from, to);
    }

    private void onSettings(byte[] payload, int flags) throws IOException {
        if ((flags & ACK) != 0) {
            return;
        }
        ByteBuffer bytes = ByteBuffer.wrap(payload);
        synchronized (this) {
            while (bytes.hasRemaining()) {
                int setting = bytes.getShort();
                int value = bytes.getInt();
                if (setting == SETTING_INITIAL_WINDOW) {
                    for (Stream stream : streams.values()) {
                        stream.sendWindow += value - initialWindow;
                    }
                    initialWindow = value;
                    notifyAll();
                }
            }
        }
        frame(SETTINGS, ACK, 0, new byte[0]);
        settings.complete(null);
    }

    private void onPing(byte[] payload, int flags) throws IOException {
        if ((flags & ACK) != 0) {
            pong.complete(null);
        } else {
            frame(PING, ACK, 0, payload);
        }
    }

    private synchronized void onWindow(@Nullable Stream stream, int id, int more) {
        if (id == 0) {
            window += more;
        } else if (stream != null) {
            stream.sendWindow += more;
        }
        notifyAll();
    }

    private <T> T get(Future<T> future) throws IOException {
        try {
            return future.get(patience.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new java.net.SocketTimeoutException(
                    "the server did not answer within " + patience.toMillis() + " ms");
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            throw cause instanceof IOException failure ? failure : new IOException(cause);
        } catch (InterruptedException e) {
            throw new IOException("interrupted while waiting for the server", e);
        }
    }
}
