package dev.weir.limiter.http;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Finds the delimiter of parts, CR LF, two dashes and the boundary, in bytes that come in pieces.
 *
 * <p>A boundary has no carriage return, so within a delimiter no other one can begin. Bytes that look like a delimiter until one
 * differs are therefore skipped together, and no byte is looked at more than a few times whatever the client sends. And of what
 * a piece ends with only a number has to be kept: the bytes themselves are those of the delimiter.
 *
 * <p>Inside a piece the last byte of each place where the delimiter may be is looked at first. Most bytes do not occur in a
 * delimiter: then its whole length is skipped. Not thread-safe.
 */
class DelimiterSearch {

    /** Takes what comes before a delimiter. */
    @FunctionalInterface
    interface Sink {

        /**
         * Takes the next bytes.
         *
         * @param data the bytes, the caller's again on return
         */
        void accept(ByteBuffer data) throws IOException;
    }

    private final byte[] delimiter;
    /** How far the next place is from one that ends with a certain byte. */
    private final int[] shifts = new int[256];
    /** How many bytes of a delimiter the pieces so far end with. */
    private int matched;
    /** How many of these were not there, but assumed. */
    private int assumed;

    DelimiterSearch(String boundary) {
        delimiter = ("\r\n--" + boundary).getBytes(StandardCharsets.US_ASCII);
        int last = delimiter.length - 1;
        Arrays.fill(shifts, delimiter.length);
        for (int i = 0; i < last; i++) {
            shifts[delimiter[i] & 0xff] = last - i;
        }
    }

    /** What comes next is the beginning of a line: it may be a delimiter without its CR LF. */
    void beginLine() {
        matched = 2;
        assumed = 2;
    }

    /**
     * Passes on what comes before the delimiter, up to the end of the piece if there is none.
     *
     * @param data the piece; on return it is at the end of the delimiter, or at its own
     * @return whether a delimiter has ended
     */
    boolean find(ByteBuffer data, Sink before) throws IOException {
        return matched > 0 ? resume(data, before) : findWithin(data, before);
    }

    /** Goes on with a delimiter that may have begun in former pieces. */
    private boolean resume(ByteBuffer data, Sink before) throws IOException {
        while (matched < delimiter.length) {
            if (!data.hasRemaining()) {
                return false;
            }
            if (look(data, data.position()) != delimiter[matched]) {
                ByteBuffer content = ByteBuffer.wrap(delimiter, assumed, matched - assumed);
                forget();
                pass(content, before);
                return findWithin(data, before);
            }
            data.get();
            matched++;
        }
        forget();
        return true;
    }

    private boolean findWithin(ByteBuffer data, Sink before) throws IOException {
        int begin = data.position();
        int last = delimiter.length - 1;
        int place = begin;
        while (place + last < data.limit()) {
            int end = look(data, place + last);
            int length = end == delimiter[last] ? matching(data, place) : 0;
            if (length == delimiter.length) {
                data.position(place + length);
                pass(data.slice(begin, place - begin), before);
                return true;
            }
            place += Math.max(length, shifts[end & 0xff]);
        }
        while (place < data.limit()) {
            int length = matching(data, place);
            if (place + length == data.limit()) {
                matched = length;
                break;
            }
            place++;
        }
        data.position(data.limit());
        pass(data.slice(begin, place - begin), before);
        return false;
    }

    /** How many bytes from a place on are those of a delimiter. */
    private int matching(ByteBuffer data, int place) {
        int longest = Math.min(delimiter.length, data.limit() - place);
        int length = 0;
        while (length < longest && look(data, place + length) == delimiter[length]) {
            length++;
        }
        return length;
    }

    private void forget() {
        matched = 0;
        assumed = 0;
    }

    private static void pass(ByteBuffer content, Sink before) throws IOException {
        if (content.hasRemaining()) {
            before.accept(content);
        }
    }

    /** Tests count here. */
    byte look(ByteBuffer data, int index) {
        return data.get(index);
    }
}
