package dev.weir.limiter.tck;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A body of {@code multipart/form-data} under construction. */
final class Multipart {

    static final String BOUNDARY = "----weir7MA4YWxk";
    static final String TYPE = "multipart/form-data; boundary=" + BOUNDARY;
    private static final int CHUNK = 50_000;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    private Multipart() {}

    static Multipart of() {
        return new Multipart();
    }

    Multipart field(String name, String value) {
        return part("name=\"" + name + "\"", value.getBytes(StandardCharsets.UTF_8));
    }

    Multipart file(String name, String fileName, byte[] content) {
        return part("name=\"" + name + "\"; filename=\"" + fileName + "\"", content);
    }

    private Multipart part(String disposition, byte[] content) {
        String head = "--" + BOUNDARY + "\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n";
        bytes.writeBytes(head.getBytes(StandardCharsets.UTF_8));
        bytes.writeBytes(content);
        bytes.writeBytes(new byte[] {'\r', '\n'});
        return this;
    }

    /** Without its end. */
    byte[] truncated() {
        return bytes.toByteArray();
    }

    byte[] bytes() {
        byte[] end = ("--" + BOUNDARY + "--\r\n").getBytes(StandardCharsets.US_ASCII);
        byte[] whole = Arrays.copyOf(bytes.toByteArray(), bytes.size() + end.length);
        System.arraycopy(end, 0, whole, bytes.size(), end.length);
        return whole;
    }

    RawClient post(RawClient client, String path) throws IOException {
        return client.post(path, TYPE, bytes());
    }

    /** Without saying how long it is. */
    static RawClient postChunked(RawClient client, String path, byte[] body) throws IOException {
        client.request("POST", path, "Content-Type: " + TYPE, "Transfer-Encoding: chunked");
        try {
            for (int from = 0; from < body.length; from += CHUNK) {
                int to = Math.min(from + CHUNK, body.length);
                client.send(Integer.toHexString(to - from) + "\r\n");
                client.send(Arrays.copyOfRange(body, from, to));
                client.send("\r\n");
            }
            client.send("0\r\n\r\n");
        } catch (IOException e) {
            // answered before the end: the test reads the answer
        }
        return client;
    }
}
