package dev.weir.limiter.tck;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** One HTTP/1.1 connection, byte by byte: what the server sends is what the test sees. */
final class RawClient implements AutoCloseable {

    /** An answer as it came over the wire. */
    @SuppressWarnings("ArrayRecordComponent") // read once, never compared
    record Answer(int status, Map<String, String> headers, byte[] body) {
        String text() {
            return new String(body, StandardCharsets.UTF_8);
        }

        String header(String name) {
            return headers.getOrDefault(name, "");
        }

        boolean closesConnection() {
            return header("connection").toLowerCase(Locale.ROOT).contains("close");
        }
    }

    private final Socket socket = new Socket();
    private final InputStream in;

    RawClient(int port, Duration patience) throws IOException {
        this(port, patience, 0);
    }

    /** With a receive buffer of a size, if more than 0: a small one, so that the server soon feels a client that stalls. */
    RawClient(int port, Duration patience, int receiveBuffer) throws IOException {
        if (receiveBuffer > 0) {
            socket.setReceiveBufferSize(receiveBuffer);
        }
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        socket.setSoTimeout((int) patience.toMillis());
        socket.setTcpNoDelay(true);
        in = new BufferedInputStream(socket.getInputStream(), 1024);
    }

    RawClient send(String text) throws IOException {
        return send(text.getBytes(StandardCharsets.UTF_8));
    }

    RawClient send(byte[] bytes) throws IOException {
        socket.getOutputStream().write(bytes);
        socket.getOutputStream().flush();
        return this;
    }

    RawClient request(String method, String path, String... fields) throws IOException {
        return send(head(method, path, fields));
    }

    static String head(String method, String path, String... fields) {
        StringBuilder head = new StringBuilder(method + " " + path + " HTTP/1.1\r\nHost: test\r\n");
        for (String field : fields) {
            head.append(field).append("\r\n");
        }
        return head.append("\r\n").toString();
    }

    RawClient post(String path, String contentType, byte[] body) throws IOException {
        return request("POST", path, "Content-Type: " + contentType, "Content-Length: " + body.length)
                .send(body);
    }

    Answer get(String path) throws IOException {
        return request("GET", path).answer();
    }

    Answer answer() throws IOException {
        return answer(false);
    }

    /** Reads one answer whole, an interim one too; an {@link EOFException} means that it was cut. */
    Answer answer(boolean toHead) throws IOException {
        Answer head = head();
        boolean bodiless = toHead || head.status < 200 || head.status == 204 || head.status == 304;
        return bodiless ? head : new Answer(head.status, head.headers, body(head));
    }

    /** Reads the head of an answer; its body is still to be read. */
    Answer head() throws IOException {
        String statusLine = line();
        Map<String, String> headers = new TreeMap<>();
        for (String line = line(); !line.isEmpty(); line = line()) {
            int colon = line.indexOf(':');
            headers.put(
                    line.substring(0, colon).toLowerCase(Locale.ROOT),
                    line.substring(colon + 1).strip());
        }
        return new Answer(Integer.parseInt(statusLine.split(" ", 3)[1]), headers, new byte[0]);
    }

    private byte[] body(Answer head) throws IOException {
        if (head.header("transfer-encoding").contains("chunked")) {
            ByteArrayOutputStream body = new ByteArrayOutputStream();
            for (byte[] chunk = chunk(); chunk.length > 0; chunk = chunk()) {
                body.write(chunk);
            }
            return body.toByteArray();
        }
        return head.headers.containsKey("content-length")
                ? exactly(Integer.parseInt(head.header("content-length")))
                : rest();
    }

    /** Reads one chunk; the last one is empty. */
    byte[] chunk() throws IOException {
        byte[] chunk = exactly(Integer.parseInt(line().split(";", 2)[0].strip(), 16));
        line();
        return chunk;
    }

    byte[] exactly(int length) throws IOException {
        byte[] bytes = in.readNBytes(length);
        if (bytes.length < length) {
            throw new EOFException("the answer ended after " + bytes.length + " of " + length + " bytes");
        }
        return bytes;
    }

    /** Reads to the end of the connection, be it a regular one or a reset. */
    byte[] rest() throws IOException {
        ByteArrayOutputStream rest = new ByteArrayOutputStream();
        try {
            in.transferTo(rest);
        } catch (SocketException e) {
            // a reset is an end
        }
        return rest.toByteArray();
    }

    /** Whether the server has sent something that was not read yet. */
    boolean hasUnread() throws IOException {
        return in.available() > 0;
    }

    String line() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int next = in.read(); next != '\n'; next = in.read()) {
            if (next < 0) {
                throw new EOFException("the answer ended within the line '" + line + "'");
            }
            if (next != '\r') {
                line.append((char) next);
            }
        }
        return line.toString();
    }

    /** Says that nothing more will be sent, and reads on. */
    void halfClose() throws IOException {
        socket.shutdownOutput();
    }

    /** Leaves as a client does that was killed: with a reset. */
    void kill() throws IOException {
        socket.setSoLinger(true, 0);
        socket.close();
    }

    /** Leaves as a client does that has lost interest: with a regular end, unless something came that it has not read. */
    @Override
    public void close() throws IOException {
        socket.close();
    }
}
