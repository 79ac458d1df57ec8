package dev.weir.limiter.servlet;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Bodies of uploads. */
final class Multipart {

    private Multipart() {}

    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Piece(String headers, byte[] content) {}

    static String type(String boundary) {
        return "multipart/form-data; boundary=" + boundary;
    }

    static Piece field(String name, String value) {
        return new Piece(
                "Content-Disposition: form-data; name=\"" + name + "\"", value.getBytes(StandardCharsets.UTF_8));
    }

    static Piece file(String name, String fileName, int size) {
        byte[] content = new byte[size];
        for (int i = 0; i < size; i++) {
            content[i] = (byte) (i * 31);
        }
        return new Piece(
                "Content-Disposition: form-data; name=\"" + name + "\"; filename=\"" + fileName
                        + "\"\r\nContent-Type: application/octet-stream",
                content);
    }

    static byte[] body(String boundary, Piece... pieces) {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (Piece piece : pieces) {
            body.writeBytes(ascii("--" + boundary + "\r\n" + piece.headers + "\r\n\r\n"));
            body.writeBytes(piece.content);
            body.writeBytes(ascii("\r\n"));
        }
        body.writeBytes(ascii("--" + boundary + "--\r\n"));
        return body.toByteArray();
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }
}
