package dev.weir.limiter.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.http.Decoding.Decoded;
import dev.weir.limiter.http.Decoding.Stored;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Random bodies: rule 5.5. {@code -Dweir.multipart.bodies} sets how many (200 of each kind unless set), {@code
 * -Dweir.multipart.seed} repeats one whose seed was named.
 */
class MultipartFuzzTest {

    private static final UploadLimits LIMITS =
            UploadLimits.defaults().fieldSize(2_000).fileSize(20_000).parts(5).headerSize(300);

    private static final String BOUNDARY_CHARS =
            "abcXYZ019'()+_,-./:=? ------------------------------------------------------------";

    private static final String[] NAME_PIECES = {"a", "b", "ü", "日本", " ", ";", "=", "'", "%", "/", ".", "\"", "\t", "*"
    };

    @TempDir
    Path directory;

    static void forSeeds(LongConsumer action) {
        Long chosen = Long.getLong("weir.multipart.seed");
        int bodies = chosen == null ? Integer.getInteger("weir.multipart.bodies", 200) : 1;
        for (int i = 0; i < bodies; i++) {
            long seed = chosen == null ? ThreadLocalRandom.current().nextLong() : chosen;
            try {
                action.accept(seed);
            } catch (Throwable e) {
                throw new AssertionError("A body failed, repeat it with -Dweir.multipart.seed=" + seed, e);
            }
        }
    }

    /** A body within the limits, and its parts. */
    private static final class Body {
        private final Random random;
        private final String boundary;
        private final List<Stored> parts = new ArrayList<>();
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        Body(Random random) {
            this.random = random;
            this.boundary = boundary();
            if (random.nextInt(3) == 0) {
                write(content(300));
                write("\r\n");
            }
            for (int count = random.nextInt(LIMITS.parts() + 1); count > 0; count--) {
                part();
            }
            write("--" + boundary + "--" + blanks());
            if (random.nextInt(3) == 0) {
                write("\r\n");
                write(content(300));
            }
        }

        private String boundary() {
            StringBuilder text = new StringBuilder();
            for (int length = random.nextInt(70); length > 0; length--) {
                text.append(BOUNDARY_CHARS.charAt(random.nextInt(BOUNDARY_CHARS.length())));
            }
            return text.append('x').toString();
        }

        private void part() {
            String name = name();
            Optional<String> fileName = random.nextBoolean() ? Optional.of(name()) : Optional.empty();
            Optional<String> type =
                    random.nextBoolean() ? Optional.of("text/plain; charset=\"utf-8\"") : Optional.empty();
            byte[] content = content(fileName.isPresent() ? 20_000 : 2_000);
            write("--" + boundary + blanks() + "\r\n");
            type.ifPresent(value -> write("content-type:" + blanks() + value + blanks() + "\r\n"));
            write("Content-Disposition: form-data" + blanks() + ";" + blanks() + "name=" + quoted(name));
            fileName.ifPresent(value -> write(blanks() + ";filename=" + quoted(value)));
            write("\r\n\r\n");
            write(content);
            write("\r\n");
            parts.add(new Stored(name, fileName, type, new String(content, StandardCharsets.ISO_8859_1)));
        }

        private String blanks() {
            return random.nextInt(4) == 0 ? " \t".repeat(random.nextInt(3)) : "";
        }

        private String name() {
            StringBuilder name = new StringBuilder();
            for (int length = random.nextInt(8); length > 0; length--) {
                name.append(NAME_PIECES[random.nextInt(NAME_PIECES.length)]);
            }
            return name.toString();
        }

        private String quoted(String name) {
            return '"' + name.replace("\"", random.nextBoolean() ? "%22" : "\\\"") + '"';
        }

        /** Often nearly a delimiter, never one. */
        private byte[] content(int limit) {
            ByteArrayOutputStream content = new ByteArrayOutputStream();
            String delimiter = "\r\n--" + boundary;
            int size = random.nextInt(random.nextInt(4) == 0 ? limit : 200);
            while (content.size() < size) {
                if (random.nextInt(20) == 0) {
                    byte[] any = new byte[random.nextInt(size)];
                    random.nextBytes(any);
                    content.writeBytes(any);
                } else {
                    int from = random.nextInt(3);
                    int to = from + random.nextInt(delimiter.length() - from);
                    content.writeBytes(delimiter.substring(from, to).getBytes(StandardCharsets.US_ASCII));
                    content.write(random.nextBoolean() ? '\r' : '!');
                }
            }
            byte[] whole = Arrays.copyOf(content.toByteArray(), Math.min(content.size(), limit));
            String text = new String(whole, StandardCharsets.ISO_8859_1);
            return ("\r\n" + text).contains(delimiter) ? new byte[0] : whole;
        }

        private void write(String text) {
            write(text.getBytes(StandardCharsets.UTF_8));
        }

        private void write(byte[] data) {
            bytes.writeBytes(data);
        }

        Decoding decoding(Path directory) {
            return new Decoding("multipart/form-data; boundary=\"" + boundary + "\"", LIMITS, directory);
        }
    }

    private static Decoded sameInPieces(Random random, Decoding decoding, byte[] body) {
        Decoded whole = decoding.whole(body);
        assertThat(decoding.inPiecesOf(body, 1)).as("byte by byte").isEqualTo(whole);
        for (int i = 0; i < 3; i++) {
            int largest = 1 + random.nextInt(body.length + 1);
            assertThat(decoding.feed(body, at -> at + random.nextInt(largest + 1)))
                    .as("in pieces of up to %d bytes", largest)
                    .isEqualTo(whole);
        }
        return whole;
    }

    @Test
    void rule_5_5_random_bodies_are_decoded_to_what_they_were_made_of() {
        forSeeds(seed -> {
            Random random = new Random(seed);
            Body body = new Body(random);
            Decoded decoded = sameInPieces(random, body.decoding(directory), body.bytes.toByteArray());
            assertThat(decoded).isEqualTo(Decoded.of(body.parts.toArray(new Stored[0])));
        });
    }

    @Test
    void rule_5_5_mutated_bodies_are_decoded_or_refused_the_same_in_whatever_pieces_they_come() {
        forSeeds(seed -> {
            Random random = new Random(seed);
            Body body = new Body(random);
            byte[] bytes = body.bytes.toByteArray();
            for (int mutations = 1 + random.nextInt(4); mutations > 0; mutations--) {
                bytes = mutated(random, bytes, body.boundary);
            }
            sameInPieces(random, body.decoding(directory), bytes);
        });
    }

    private static byte[] mutated(Random random, byte[] bytes, String boundary) {
        int from = random.nextInt(bytes.length + 1);
        int to = from + random.nextInt(Math.min(200, bytes.length - from) + 1);
        byte[] middle = Arrays.copyOfRange(bytes, from, to);
        ByteArrayOutputStream changed = new ByteArrayOutputStream();
        changed.write(bytes, 0, from);
        switch (random.nextInt(6)) {
            case 0 -> {
                // left out
            }
            case 1 -> {
                changed.writeBytes(middle);
                changed.writeBytes(middle);
            }
            case 2 -> {
                random.nextBytes(middle);
                changed.writeBytes(middle);
            }
            case 3 -> {
                byte[] run = new byte[random.nextInt(1_000)];
                Arrays.fill(run, (byte) "\r\n -x;\0".charAt(random.nextInt(7)));
                changed.writeBytes(run);
                changed.writeBytes(middle);
            }
            default -> {
                String[] words = {
                    "\r\n",
                    "\r",
                    "\n",
                    "--",
                    "\r\n--" + boundary,
                    "\r\n--" + boundary + "--",
                    "--" + boundary + "\r\n",
                    "\"",
                    "\\",
                    ";",
                    "=",
                    ":",
                    "%22",
                    "\r\n\r\n",
                    " name=x",
                    ";filename*=UTF-8''%41",
                    ";filename*=''%",
                    "\0",
                    "\u00ff",
                    "\r\nContent-Disposition: form-data; name=x\r\n\r\n",
                    "\r\nContent-Transfer-Encoding: base64\r\n"
                };
                changed.writeBytes(words[random.nextInt(words.length)].getBytes(StandardCharsets.ISO_8859_1));
                changed.writeBytes(middle);
            }
        }
        changed.write(bytes, to, bytes.length - to);
        return changed.toByteArray();
    }
}
