package dev.weir.limiter.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DelimiterSearchTest {

    private static final String LONG = "-".repeat(30) + "a".repeat(40);

    /** Counts the bytes that are looked at. */
    private static final class Counting extends DelimiterSearch {
        private long looks;

        Counting(String boundary) {
            super(boundary);
        }

        @Override
        byte look(ByteBuffer data, int index) {
            looks++;
            return super.look(data, index);
        }
    }

    /** What is between the delimiters. */
    private static List<String> split(DelimiterSearch search, byte[] text, int piece) throws IOException {
        List<String> between = new ArrayList<>();
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        for (int at = 0; at < text.length; at += piece) {
            ByteBuffer data = ByteBuffer.wrap(text, at, Math.min(piece, text.length - at));
            while (data.hasRemaining()) {
                if (search.find(
                        data,
                        bytes -> content.write(
                                bytes.array(), bytes.arrayOffset() + bytes.position(), bytes.remaining()))) {
                    between.add(content.toString(StandardCharsets.ISO_8859_1));
                    content.reset();
                }
            }
        }
        between.add(content.toString(StandardCharsets.ISO_8859_1));
        return between;
    }

    private static List<String> splitNaively(String text, String delimiter) {
        List<String> between = new ArrayList<>();
        int from = 0;
        for (int at = text.indexOf(delimiter); at >= 0; at = text.indexOf(delimiter, from)) {
            between.add(text.substring(from, at));
            from = at + delimiter.length();
        }
        between.add(text.substring(from));
        return between;
    }

    private static String random(Random random, String alphabet, int length) {
        StringBuilder text = new StringBuilder();
        random.ints(length, 0, alphabet.length()).forEach(i -> text.append(alphabet.charAt(i)));
        return text.toString();
    }

    @Test
    void finds_what_a_naive_search_finds_in_pieces_of_any_size() throws IOException {
        for (int seed = 0; seed < 1_000; seed++) {
            Random random = new Random(seed);
            String boundary = random(random, "ab-", 1 + random.nextInt(4));
            String delimiter = "\r\n--" + boundary;
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < 30; i++) {
                text.append(random(random, "\r\n-ab", random.nextInt(6)));
                text.append(delimiter, random.nextInt(2), random.nextInt(delimiter.length()) + 1);
            }
            // A delimiter that the text ends with in part is kept back, so it must not.
            String whole = text + "x";
            int piece = 1 + random.nextInt(whole.length());

            List<String> found = split(new DelimiterSearch(boundary), whole.getBytes(StandardCharsets.US_ASCII), piece);

            assertThat(found)
                    .as("seed %d, boundary %s, pieces of %d bytes", seed, boundary, piece)
                    .isEqualTo(splitNaively(whole, delimiter));
        }
    }

    @Test
    void the_line_end_before_a_delimiter_can_be_assumed() throws IOException {
        for (String text : List.of("--bx", "\r\n--bx")) {
            DelimiterSearch search = new DelimiterSearch("b");
            search.beginLine();
            assertThat(split(search, text.getBytes(StandardCharsets.US_ASCII), 1))
                    .containsExactly("", "x");
        }
        DelimiterSearch search = new DelimiterSearch("b");
        search.beginLine();
        assertThat(split(search, "--a\n--b".getBytes(StandardCharsets.US_ASCII), 1))
                .as("what was assumed is never passed on")
                .containsExactly("--a\n--b");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 70, 71, 72, 73, 74, 75, 8_192, 1 << 20})
    void looks_at_no_byte_more_than_three_times(int piece) throws IOException {
        String delimiter = "\r\n--" + LONG;
        String nearly = delimiter.substring(0, delimiter.length() - 1);
        for (String flood : List.of(
                "\r\n--",
                "\r",
                "\r\n",
                "-",
                "a",
                nearly,
                nearly + "\r",
                nearly.substring(1) + "\r",
                "\r" + LONG,
                "\r" + "a".repeat(delimiter.length() - 1),
                delimiter)) {
            byte[] text = flood.repeat(50_000 / flood.length()).getBytes(StandardCharsets.US_ASCII);
            Counting search = new Counting(LONG);
            split(search, text, piece);
            assertThat(search.looks)
                    .as("looks at %d bytes of '%s' in pieces of %d", text.length, flood, piece)
                    .isLessThanOrEqualTo(3L * text.length);
        }
    }

    @Test
    void looks_at_few_bytes_of_large_pieces() throws IOException {
        byte[] content = new byte[1 << 20];
        new Random(1).nextBytes(content);
        Counting search = new Counting("-".repeat(24) + "d74496d66958873e");
        split(search, content, 1 << 16);
        assertThat(search.looks).isLessThan(content.length / 20);
    }
}
