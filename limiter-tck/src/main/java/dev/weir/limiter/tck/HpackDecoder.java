package dev.weir.limiter.tck;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Reads the header blocks of one HTTP/2 connection (RFC 7541): whatever a server may send, it must be understood. */
final class HpackDecoder {

    private static final int ENTRY_OVERHEAD = 32;

    /** Appendix A: name and value, in order. */
    private static final List<Field> STATIC_TABLE = staticTable("""
            :authority
            :method=GET
            :method=POST
            :path=/
            :path=/index.html
            :scheme=http
            :scheme=https
            :status=200
            :status=204
            :status=206
            :status=304
            :status=400
            :status=404
            :status=500
            accept-charset
            accept-encoding=gzip, deflate
            accept-language
            accept-ranges
            accept
            access-control-allow-origin
            age
            allow
            authorization
            cache-control
            content-disposition
            content-encoding
            content-language
            content-length
            content-location
            content-range
            content-type
            cookie
            date
            etag
            expect
            expires
            from
            host
            if-match
            if-modified-since
            if-none-match
            if-range
            if-unmodified-since
            last-modified
            link
            location
            max-forwards
            proxy-authenticate
            proxy-authorization
            range
            referer
            refresh
            retry-after
            server
            set-cookie
            strict-transport-security
            transfer-encoding
            user-agent
            vary
            via
            www-authenticate
            """);

    private record Field(String name, String value) {
        int size() {
            return name.length() + value.length() + ENTRY_OVERHEAD;
        }
    }

    /** The newest first. */
    private final List<Field> dynamicTable = new ArrayList<>();

    private int dynamicSize;
    private int maxDynamicSize = 4096;

    private static List<Field> staticTable(String lines) {
        List<Field> table = new ArrayList<>();
        lines.lines().forEach(line -> {
            int equals = line.indexOf('=');
            table.add(
                    equals < 0
                            ? new Field(line, "")
                            : new Field(line.substring(0, equals), line.substring(equals + 1)));
        });
        return List.copyOf(table);
    }

    /** The fields of a whole block; the last one of a name counts. */
    Map<String, String> decode(byte[] block) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(block);
        Map<String, String> fields = new TreeMap<>();
        while (in.hasRemaining()) {
            int first = in.get(in.position()) & 0xff;
            if ((first & 0x80) != 0) {
                put(fields, entry(integer(in, 7)));
            } else if ((first & 0x40) != 0) {
                Field field = literal(in, 6);
                remember(field);
                put(fields, field);
            } else if ((first & 0x20) != 0) {
                maxDynamicSize = integer(in, 5);
                evict(0);
            } else {
                put(fields, literal(in, 4));
            }
        }
        return fields;
    }

    private static void put(Map<String, String> fields, Field field) {
        fields.put(field.name, field.value);
    }

    private Field literal(ByteBuffer in, int prefix) throws IOException {
        int index = integer(in, prefix);
        String name = index == 0 ? string(in) : entry(index).name;
        return new Field(name, string(in));
    }

    private Field entry(int index) throws IOException {
        int dynamic = index - STATIC_TABLE.size() - 1;
        if (index < 1 || dynamic >= dynamicTable.size()) {
            throw new IOException("no header field of index " + index);
        }
        return dynamic < 0 ? STATIC_TABLE.get(index - 1) : dynamicTable.get(dynamic);
    }

    private void remember(Field field) {
        evict(field.size());
        if (field.size() <= maxDynamicSize) {
            dynamicTable.add(0, field);
            dynamicSize += field.size();
        }
    }

    private void evict(int needed) {
        while (!dynamicTable.isEmpty() && dynamicSize + needed > maxDynamicSize) {
            dynamicSize -= dynamicTable.remove(dynamicTable.size() - 1).size();
        }
    }

    private static int integer(ByteBuffer in, int prefix) {
        int limit = (1 << prefix) - 1;
        int value = in.get() & limit;
        if (value < limit) {
            return value;
        }
        int shift = 0;
        int next;
        do {
            next = in.get();
            value += (next & 0x7f) << shift;
            shift += 7;
        } while ((next & 0x80) != 0);
        return value;
    }

    private static String string(ByteBuffer in) throws IOException {
        boolean huffman = (in.get(in.position()) & 0x80) != 0;
        byte[] bytes = new byte[integer(in, 7)];
        in.get(bytes);
        return huffman ? Huffman.decode(bytes) : new String(bytes, StandardCharsets.ISO_8859_1);
    }

    /**
     * Appendix B. The code is canonical: symbols in the order of their lengths, then of their values, get the numbers in order.
     * So the lengths say it all.
     */
    static final class Huffman {

        /** The length of the code of each byte and of the end: A is 1, Z is 26, a is 27. */
        private static final String LENGTHS =
                "MWbbbbbbbXdbbdbbbbbbbbdbbbbbbbbbFJJLMFHKJJHKHFFFEEEFFFFFFFGHOFLJMFGGGGGGG"
                        + "GGGGGGGGGGGGGGGHGHMSMNFOEFEFEFFFEGGFFFEFGFEEFGGGGGOKNMbTVTTVVVWVWWWWWXWXXVWXWWWWUVWVWWXVUTVVWWUWVVXUVWW"
                        + "UUVUWVWWTVVVWVVWZZTSVWVYZZZaaZXYSUZaaZaXUUZZbaaaTXTUVUUWVVYYXXZWZaZZaaaaabaaaaaZd";

        private static final int LONGEST = 30;
        private static final List<List<Integer>> SYMBOLS = symbolsByLength();

        private Huffman() {}

        static String decode(byte[] bytes) throws IOException {
            ByteArrayOutputStream decoded = new ByteArrayOutputStream();
            int code = 0;
            int length = 0;
            for (int bit = 0; bit < bytes.length * 8; bit++) {
                code = (code << 1) | ((bytes[bit / 8] >> (7 - bit % 8)) & 1);
                length++;
                int symbol = symbol(code, length);
                if (symbol >= 0) {
                    decoded.write(symbol);
                    code = 0;
                    length = 0;
                } else if (length == LONGEST) {
                    throw new IOException("no such Huffman code");
                }
            }
            return decoded.toString(StandardCharsets.ISO_8859_1);
        }

        private static int symbol(int code, int length) {
            int first = 0;
            for (int shorter = 1; shorter < length; shorter++) {
                first = (first + SYMBOLS.get(shorter).size()) << 1;
            }
            List<Integer> symbols = SYMBOLS.get(length);
            int nth = code - first;
            return nth >= 0 && nth < symbols.size() ? symbols.get(nth) : -1;
        }

        private static List<List<Integer>> symbolsByLength() {
            List<List<Integer>> symbols = new ArrayList<>();
            for (int length = 0; length <= LONGEST; length++) {
                symbols.add(new ArrayList<>());
            }
            for (int symbol = 0; symbol < LENGTHS.length(); symbol++) {
                char letter = LENGTHS.charAt(symbol);
                symbols.get(letter <= 'Z' ? letter - 'A' + 1 : letter - 'a' + 27)
                        .add(symbol);
            }
            return symbols;
        }
    }
}
