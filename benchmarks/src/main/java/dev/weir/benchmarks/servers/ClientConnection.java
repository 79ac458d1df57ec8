package dev.weir.benchmarks.servers;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** A connection of a client that sends one request at a time. */
final class ClientConnection {

    /** A request under way. */
    record Call(Flow flow, long due, ClientConnection connection) {}

    private static final int LARGEST_RESPONSE = 16 * 1024;
    private static final byte[] END_OF_HEAD = "\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] LAST_CHUNK = "0\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
    private static final int UNTIL_CLOSED = -1;
    private static final int CHUNKED = -2;

    private final SocketChannel channel;
    private final SelectionKey key;
    private final ByteBuffer received = ByteBuffer.allocate(LARGEST_RESPONSE);
    private @Nullable ByteBuffer unsent;
    private int bodyStart;
    private int bodyLength;
    private boolean keptAlive;
    private int status;

    @Nullable Call call;

    ClientConnection(Selector selector, int port) throws IOException {
        channel = SocketChannel.open();
        channel.configureBlocking(false);
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        boolean connected = channel.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        key = channel.register(selector, connected ? SelectionKey.OP_READ : SelectionKey.OP_CONNECT, this);
    }

    void send(Call next) throws IOException {
        call = next;
        received.clear();
        bodyStart = 0;
        String head = "GET " + next.flow().path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
        unsent = ByteBuffer.wrap(head.getBytes(StandardCharsets.US_ASCII));
        if (channel.isConnected()) {
            write();
        }
    }

    private void write() throws IOException {
        if (unsent != null) {
            channel.write(unsent);
            if (unsent.hasRemaining()) {
                throw new IOException("a request does not fit into the socket's buffer");
            }
            unsent = null;
        }
    }

    /**
     * Does what the socket is ready for.
     *
     * @return the status of the response if it is complete, otherwise 0
     */
    int ready() throws IOException {
        if (key.isConnectable()) {
            channel.finishConnect();
            key.interestOps(SelectionKey.OP_READ);
            write();
            return 0;
        }
        int read = channel.read(received);
        boolean closed = read < 0;
        if (closed && (bodyStart == 0 || bodyLength != UNTIL_CLOSED)) {
            throw new IOException("closed by the server");
        }
        if (closed) {
            keptAlive = false;
            return status;
        }
        if (!received.hasRemaining()) {
            throw new IOException("a response of more than " + LARGEST_RESPONSE + " bytes");
        }
        return isComplete() ? status : 0;
    }

    private boolean isComplete() {
        if (bodyStart == 0) {
            int end = indexOf(END_OF_HEAD, 0);
            if (end < 0) {
                return false;
            }
            bodyStart = end + END_OF_HEAD.length;
            head(new String(received.array(), 0, bodyStart, StandardCharsets.ISO_8859_1).toLowerCase(Locale.ROOT));
        }
        return switch (bodyLength) {
            case UNTIL_CLOSED -> false;
            case CHUNKED -> indexOf(LAST_CHUNK, bodyStart) >= 0; // no body here has it inside
            default -> received.position() >= bodyStart + bodyLength;
        };
    }

    private void head(String head) {
        status = Integer.parseInt(head.substring(9, 12));
        keptAlive = !head.contains("\r\nconnection: close");
        int length = head.indexOf("\r\ncontent-length: ");
        if (length >= 0) {
            int from = length + 18;
            bodyLength = Integer.parseInt(head.substring(from, head.indexOf('\r', from)));
        } else {
            bodyLength = head.contains("\r\ntransfer-encoding: chunked") ? CHUNKED : UNTIL_CLOSED;
        }
    }

    private int indexOf(byte[] wanted, int from) {
        byte[] bytes = received.array();
        for (int at = from; at <= received.position() - wanted.length; at++) {
            int same = 0;
            while (same < wanted.length && bytes[at + same] == wanted[same]) {
                same++;
            }
            if (same == wanted.length) {
                return at;
            }
        }
        return -1;
    }

    boolean isKeptAlive() {
        return keptAlive;
    }

    void close() {
        call = null;
        try {
            channel.close();
        } catch (IOException e) {
            throw new IllegalStateException("a socket cannot be closed", e);
        }
    }
}
