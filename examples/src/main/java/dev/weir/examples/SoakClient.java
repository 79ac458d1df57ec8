package dev.weir.examples;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.function.BooleanSupplier;

/** A client that asks for anything, in any way: whole or in drops, reading all or nothing, and leaving when it likes. */
final class SoakClient implements Runnable {

    /** An answer that takes longer than this does not come. */
    private static final int PATIENCE_MILLIS = 60_000;

    private static final List<String> PATHS =
            List.of("/work", "/work", "/exception", "/error", "/tasks", "/stream", "/broken-stream");
    private static final String BOUNDARY = "soak";

    private final int port;
    private final Random random;
    private final SoakTally tally;
    private final BooleanSupplier goOn;

    SoakClient(int port, long seed, SoakTally tally, BooleanSupplier goOn) {
        this.port = port;
        this.random = new Random(seed);
        this.tally = tally;
        this.goOn = goOn;
    }

    @Override
    public void run() {
        while (goOn.getAsBoolean()) {
            byte[] request = random.nextInt(3) == 0 ? upload() : get();
            boolean leaves = random.nextInt(3) == 0;
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
                socket.setSoTimeout(PATIENCE_MILLIS);
                if (leaves) {
                    leave(socket, request);
                    tally.left();
                } else {
                    stay(socket, request);
                }
            } catch (SocketTimeoutException e) {
                tally.unanswered(firstLine(request));
            } catch (IOException e) { // a server may cut whom it refuses
                tally.cut();
            }
        }
    }

    private static String firstLine(byte[] request) {
        String text = new String(request, StandardCharsets.ISO_8859_1);
        return text.substring(0, text.indexOf('\r'));
    }

    private byte[] get() {
        String path = PATHS.get(random.nextInt(PATHS.size()));
        return bytes("GET " + path + " HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n");
    }

    private byte[] upload() {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        int parts = 1 + random.nextInt(5);
        for (int part = 0; part < parts; part++) {
            body.writeBytes(bytes("--" + BOUNDARY + "\r\nContent-Disposition: form-data; name=\"part" + part
                    + "\"; filename=\"../../etc/passwd\"\r\n\r\n"));
            body.writeBytes(new byte[random.nextInt(100_000)]);
            body.writeBytes(bytes("\r\n"));
        }
        boolean whole = random.nextInt(5) > 0;
        body.writeBytes(bytes(whole ? "--" + BOUNDARY + "--\r\n" : "--" + BOUNDARY + "\r\nno header at all"));
        ByteArrayOutputStream request = new ByteArrayOutputStream();
        request.writeBytes(bytes("POST /upload HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n"
                + "Content-Type: multipart/form-data; boundary=" + BOUNDARY + "\r\nContent-Length: " + body.size()
                + "\r\n\r\n"));
        request.writeBytes(body.toByteArray());
        return request.toByteArray();
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    /** Sends some of the request, reads some of the answer, and goes. */
    private void leave(Socket socket, byte[] request) throws IOException {
        boolean all = random.nextBoolean();
        socket.getOutputStream().write(request, 0, all ? request.length : random.nextInt(request.length));
        if (all && random.nextBoolean()) {
            socket.getInputStream().readNBytes(1 + random.nextInt(SoakApplication.ITEM_SIZE));
        }
        if (random.nextBoolean()) {
            socket.setSoLinger(true, 0); // goes without a word
        }
    }

    /** Sends all, perhaps in drops, and reads all, perhaps slowly. */
    private void stay(Socket socket, byte[] request) throws IOException {
        OutputStream out = socket.getOutputStream();
        int drops = random.nextInt(4) == 0 ? 5 : 1;
        int sent = 0;
        for (int drop = 1; drop <= drops; drop++) {
            int until = drop == drops ? request.length : sent + random.nextInt(request.length - sent);
            out.write(request, sent, until - sent);
            sent = until;
            SeedApplication.pause(drop == drops ? 0 : 5);
        }
        boolean slow = random.nextInt(4) == 0;
        InputStream in = new BufferedInputStream(socket.getInputStream(), 1024);
        byte[] status = in.readNBytes("HTTP/1.1 200".length());
        if (status.length < "HTTP/1.1 200".length()) {
            tally.cut();
            return;
        }
        tally.answered(new String(status, StandardCharsets.ISO_8859_1).substring("HTTP/1.1 ".length()));
        byte[] some = new byte[64 * 1024];
        for (int reads = 1; in.read(some) >= 0; reads++) {
            if (slow && reads <= 10) {
                SeedApplication.pause(10);
            }
        }
    }
}
