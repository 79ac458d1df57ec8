package dev.weir.limiter.http;

import java.net.URLDecoder;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The headers of one part: bytes that come in pieces, and what they say when all are there. Not thread-safe.
 *
 * <p>Names are UTF-8, whatever a field {@code _charset_} says. {@code %22} in them is the quote that browsers send so; their
 * {@code %0D} and {@code %0A} stay, so that no name has a line end.
 */
final class PartHeaders {

    private static final String DISPOSITION = "Content-Disposition";

    private static final String CONTROL = "expected no control characters in its headers, and CR LF at the end of each";

    /** Those that leave the content as it is. */
    private static final Set<String> TRANSFER_ENCODINGS = Set.of("7bit", "8bit", "binary");

    private final int limit;
    private final String part;
    private byte[] block;
    private int size;

    private @Nullable HeaderValue disposition;
    private @Nullable String contentType;
    private @Nullable String transferEncoding;

    /**
     * No headers yet.
     *
     * @param limit how many bytes they may have
     * @param part names the part in messages
     */
    PartHeaders(int limit, String part) {
        this.limit = limit;
        this.part = part;
        this.block = new byte[Math.min(limit, 256)];
    }

    /**
     * Takes bytes up to the empty line that ends the headers.
     *
     * @param data consumed up to the end of the headers, or its own
     * @return whether that line came
     */
    boolean read(ByteBuffer data) throws BodyTooLargeException, MalformedBodyException {
        while (data.hasRemaining()) {
            byte next = data.get();
            if (size == limit) {
                throw new BodyTooLargeException(part + ": headers of more than " + limit + " bytes");
            }
            boolean afterReturn = size > 0 && block[size - 1] == '\r';
            if (afterReturn != (next == '\n') || isForbidden(next)) {
                throw malformed(CONTROL);
            }
            if (size == block.length) {
                block = Arrays.copyOf(block, (int) Math.min(limit, 2L * size));
            }
            block[size++] = next;
            if (next == '\n' && (size == 2 || (size >= 4 && block[size - 3] == '\n'))) {
                parse();
                return true;
            }
        }
        return false;
    }

    private static boolean isForbidden(byte next) {
        return next == 0x7f || (next >= 0 && next < ' ' && next != '\t' && next != '\r' && next != '\n');
    }

    private void parse() throws MalformedBodyException {
        String text = new String(block, 0, size - 2, StandardCharsets.UTF_8);
        if (text.chars().anyMatch(c -> c > 0x7f && Character.isISOControl(c))) {
            throw malformed(CONTROL);
        }
        for (String line : (Iterable<String>) text.lines()::iterator) {
            int colon = line.indexOf(':');
            if (colon < 0 || !Headers.isToken(line.substring(0, colon))) {
                throw malformed("expected each line of its headers to be 'name: value'");
            }
            String value = line.substring(colon + 1).trim();
            switch (line.substring(0, colon).toLowerCase(Locale.ROOT)) {
                case "content-disposition" -> {
                    once(DISPOSITION, disposition);
                    disposition = HeaderValue.parse(part + ": " + DISPOSITION, value);
                }
                case "content-type" -> {
                    once("Content-Type", contentType);
                    contentType = value;
                }
                case "content-transfer-encoding" -> {
                    once("Content-Transfer-Encoding", transferEncoding);
                    transferEncoding = value.toLowerCase(Locale.ROOT);
                }
                default -> {
                    // says nothing that we want to know
                }
            }
        }
        if (disposition == null || !disposition.value().equals("form-data")) {
            throw malformed("expected " + DISPOSITION + ": form-data");
        }
        if (transferEncoding != null && !TRANSFER_ENCODINGS.contains(transferEncoding)) {
            throw malformed("expected no Content-Transfer-Encoding other than 7bit, 8bit and binary");
        }
    }

    private void once(String name, @Nullable Object former) throws MalformedBodyException {
        if (former != null) {
            throw malformed("expected " + name + " once");
        }
    }

    /** The field's name. */
    String name() throws MalformedBodyException {
        return parameter("name")
                .map(PartHeaders::withQuotes)
                .orElseThrow(() -> malformed("expected a name in its " + DISPOSITION));
    }

    /** The name of a file. {@code filename*}, which RFC 7578 forbids and some clients send, goes before {@code filename}. */
    Optional<String> fileName() throws MalformedBodyException {
        Optional<String> extended = parameter("filename*");
        return extended.isPresent()
                ? Optional.of(decoded(extended.get()))
                : parameter("filename").map(PartHeaders::withQuotes);
    }

    Optional<String> contentType() {
        return Optional.ofNullable(contentType);
    }

    private Optional<String> parameter(String name) {
        return Optional.ofNullable(disposition).flatMap(value -> value.parameter(name));
    }

    private static String withQuotes(String sent) {
        return sent.replace("%22", "\"");
    }

    /** Charset, language and percent-encoded bytes with quotes between them, as in RFC 8187. */
    private String decoded(String extended) throws MalformedBodyException {
        int charsetEnd = extended.indexOf('\'');
        int languageEnd = extended.indexOf('\'', charsetEnd + 1);
        if (languageEnd > 0 && extended.substring(0, charsetEnd).equalsIgnoreCase("UTF-8")) {
            try {
                String name = URLDecoder.decode(
                        extended.substring(languageEnd + 1).replace("+", "%2B"), StandardCharsets.UTF_8);
                if (name.chars().noneMatch(Character::isISOControl)) {
                    return name;
                }
            } catch (IllegalArgumentException e) {
                // as malformed as anything else
            }
        }
        throw malformed("expected filename* to be UTF-8''name, percent-encoded and without control characters");
    }

    private MalformedBodyException malformed(String expected) {
        return new MalformedBodyException(part + ": " + expected);
    }
}
