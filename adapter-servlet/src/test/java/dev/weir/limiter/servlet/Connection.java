package dev.weir.limiter.servlet;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/** A client of HTTP/1.1 over a raw socket: what is sent, and when, is up to the test. Every read is bounded. */
final class Connection implements AutoCloseable {

    private final Socket socket;
    private final InputStream in;
    private final OutputStream out;

    Connection(int port) throws IOException {
        this(port, 0);
    }

    Connection(int port, int receiveBuffer) throws IOException {
        socket = new Socket();
        if (receiveBuffer > 0) {
            socket.setReceiveBufferSize(receiveBuffer);
        }
        socket.connect(new java.net.InetSocketAddress(InetAddress.getLoopbackAddress(), port), 5000);
        socket.setSoTimeout(15_000);
        socket.setTcpNoDelay(true);
        in = socket.getInputStream();
        out = socket.getOutputStream();
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Answer(int status, Map<String, String> headers, byte[] body) {
        String text() {
            return new String(body, StandardCharsets.UTF_8);
        }

        String header(String name) {
            return headers.getOrDefault(name, "");
        }
    }

    Connection send(String text) throws IOException {
        return send(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    Connection send(byte[] bytes) throws IOException {
        out.write(bytes);
        out.flush();
        return this;
    }

    Connection request(String method, String path) throws IOException {
        return send(method + " " + path + " HTTP/1.1\r\nHost: test\r\n\r\n");
    }

    Connection get(String path) throws IOException {
        return request("GET", path);
    }

    /** Fails with EOFException when the answer is cut. */
    Answer answer() throws IOException {
        return answer("GET");
    }

    Answer answer(String method) throws IOException {
        Answer head = head();
        boolean bodiless = method.equals("HEAD") || head.status == 204 || head.status == 304 || head.status < 200;
        return bodiless ? head : new Answer(head.status, head.headers, body(head));
    }

    Answer head() throws IOException {
        String line = line();
        int status = Integer.parseInt(line.substring(9, 12));
        Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        for (String field = line(); !field.isEmpty(); field = line()) {
            int colon = field.indexOf(':');
            headers.put(field.substring(0, colon), field.substring(colon + 1).strip());
        }
        return new Answer(status, headers, new byte[0]);
    }

    byte[] body(Answer head) throws IOException {
        String length = head.header("Content-Length");
        if (!length.isEmpty()) {
            return exactly(Integer.parseInt(length));
        }
        if (!head.header("Transfer-Encoding").equalsIgnoreCase("chunked")) {
            return in.readAllBytes();
        }
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        while (true) {
            int size = Integer.parseInt(line(), 16);
            byte[] chunk = exactly(size);
            line();
            if (size == 0) {
                return body.toByteArray();
            }
            body.write(chunk);
        }
    }

    String line() throws IOException {
        StringBuilder line = new StringBuilder();
        while (true) {
            int c = in.read();
            if (c < 0) {
                throw new EOFException("cut after '" + line + "'");
            }
            if (c == '\n') {
                return line.toString().stripTrailing();
            }
            line.append((char) c);
        }
    }

    /** Reads up to the end of the given text. */
    void await(String text) throws IOException {
        StringBuilder read = new StringBuilder();
        while (read.indexOf(text) < 0) {
            int c = in.read();
            if (c < 0) {
                throw new EOFException("cut after '" + read + "'");
            }
            read.append((char) c);
        }
    }

    byte[] exactly(int count) throws IOException {
        byte[] bytes = in.readNBytes(count);
        if (bytes.length < count) {
            throw new EOFException("cut after " + bytes.length + " of " + count + " bytes");
        }
        return bytes;
    }

    /** Whether nothing comes for a while. */
    boolean isSilent(int millis) throws IOException {
        socket.setSoTimeout(millis);
        try {
            return in.read() < -1;
        } catch (SocketTimeoutException e) {
            return true;
        } finally {
            socket.setSoTimeout(15_000);
        }
    }

    void shutdownOutput() throws IOException {
        socket.shutdownOutput();
    }

    /** Closes with a reset, so that a server that writes is told at once. */
    void reset() throws IOException {
        socket.setSoLinger(true, 0);
        socket.close();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
