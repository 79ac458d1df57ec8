package dev.weir.limiter.http;

import static dev.weir.limiter.http.Decoding.Decoded.malformed;
import static dev.weir.limiter.http.Decoding.Decoded.tooLarge;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.http.Decoding.Decoded;
import dev.weir.limiter.http.Decoding.Stored;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a multipart body is and what it is not: rule 5.5. */
class MultipartDecoderTest {

    private static final String TYPE = "multipart/form-data; boundary=b";

    private static final UploadLimits SMALL =
            UploadLimits.defaults().fieldSize(30).fileSize(40).parts(3).headerSize(150);

    private static final String FIELD = "Content-Disposition: form-data; name=\"f\"\r\n\r\n";

    @TempDir
    Path directory;

    private static Stored field(String name, String content) {
        return new Stored(name, Optional.empty(), Optional.empty(), content);
    }

    private static Stored file(String name, String fileName, String content) {
        return new Stored(name, Optional.of(fileName), Optional.empty(), content);
    }

    /** A body of one part whose disposition has more than its type. */
    private static String disposed(String parameters) {
        return withHeaders("Content-Disposition: form-data" + parameters + "\r\n");
    }

    private static String withHeaders(String headers) {
        return "--b\r\n" + headers + "\r\nv\r\n--b--\r\n";
    }

    private static Arguments row(String title, String body, Stored... parts) {
        return Arguments.of(title, body, Decoded.of(parts));
    }

    private static Arguments row(String title, String body, Decoded failure) {
        return Arguments.of(title, body, failure);
    }

    static Stream<Arguments> framing() {
        Decoded early = malformed("the body ended before its last boundary");
        Decoded noLineEnd = malformed("expected CR LF, or two dashes and CR LF, behind boundary 2");
        String part = "--b\r\n" + FIELD + "v\r\n";
        return Stream.of(
                row("one part", part + "--b--\r\n", field("f", "v")),
                row("three parts", part.repeat(3) + "--b--\r\n", field("f", "v"), field("f", "v"), field("f", "v")),
                row("no line end at the end", part + "--b--", field("f", "v")),
                row("half a line end at the end", part + "--b--\r", field("f", "v")),
                row("no parts", "--b--\r\n"),
                row("no parts behind an empty line", "\r\n--b--\r\n"),
                row("a preamble", "--a\r\n--\r\n\n--b\r\npreamble\r\n" + part + "--b--", field("f", "v")),
                row("a preamble that ends in the boundary", "preamble--b--\r\n", early),
                row("an epilogue", part + "--b--\r\n" + part + "--b\r\n\0", field("f", "v")),
                row("blanks behind boundaries", "--b \t \r\n" + FIELD + "v\r\n--b-- \t\r\n", field("f", "v")),
                row("blanks to the end", part + "--b-- \t ", field("f", "v")),
                row("no content", "--b\r\n" + FIELD + "\r\n--b--", field("f", "")),
                row("no content and one line end less", "--b\r\n" + FIELD + "--b--", field("f", "")),
                row("content that ends in a line end", "--b\r\n" + FIELD + "\r\n\r\n--b--", field("f", "\r\n")),
                row("content that begins with a line end", "--b\r\n" + FIELD + "\r\nv\r\n--b--", field("f", "\r\nv")),
                row(
                        "nearly boundaries",
                        "--b\r\n" + FIELD + "\r\r\n\r\n-\r\n--\r\n--a--b\n--b\r\n--b--",
                        field("f", "\r\r\n\r\n-\r\n--\r\n--a--b\n--b")),
                row(
                        "content of any bytes",
                        "--b\r\n" + FIELD + "\0\u0001ü\u007f\r\n--b--",
                        field("f", "\0\u0001Ã¼\u007f")),
                row("nothing", "", early),
                row("garbage", "garbage\r\n".repeat(20), early),
                row("another boundary", part.replace("--b", "--c") + "--c--", early),
                row("only a boundary", "--b\r\n", early),
                row("only headers", "--b\r\n" + FIELD, early),
                row("no boundary at the end", "--b\r\n" + FIELD + "v", early),
                row("a line end at the end", part, early),
                row("a boundary that is not the last", part + "--b", early),
                row("one dash behind it", part + "--b-", early),
                row("a boundary line at the end", part + "--b\r\n", early),
                row("a longer boundary", part + "--bc\r\n--b--", noLineEnd),
                row("one dash", part + "--b-\r\n--b--", noLineEnd),
                row("one dash and blanks", part + "--b- \r\n", noLineEnd),
                row("a dash behind blanks", part + "--b -", noLineEnd),
                row("garbage behind the last boundary", part + "--b--garbage", noLineEnd),
                row("three dashes", part + "--b---", noLineEnd),
                row("a carriage return alone behind a boundary", part + "--b\rX", noLineEnd),
                row("a carriage return alone behind the last", part + "--b--\rX", noLineEnd),
                row("a line feed alone behind a boundary", part + "--b\n" + FIELD + "v\r\n--b--", noLineEnd),
                row("a line feed alone behind the last", part + "--b--\n", noLineEnd),
                row("a line feed alone before a boundary", "--b\r\n" + FIELD + "v\n--b--\r\n", early),
                row(
                        "line feeds alone",
                        (part + "--b--\r\n").replace("\r", ""),
                        malformed("expected CR LF, or two dashes and CR LF, behind boundary 1")));
    }

    static Stream<Arguments> headers() {
        Decoded notALine = malformed("part 1: expected each line of its headers to be 'name: value'");
        Decoded control =
                malformed("part 1: expected no control characters in its headers, and CR LF at the end of each");
        Decoded noDisposition = malformed("part 1: expected Content-Disposition: form-data");
        String type = "Content-Type: a/b\r\n";
        String disposition = "Content-Disposition: form-data; name=f\r\n";
        String encoding = "Content-Transfer-Encoding: ";
        return Stream.of(
                row(
                        "any order",
                        withHeaders(type + "X-Y: ü\r\n" + disposition),
                        new Stored("f", Optional.empty(), Optional.of("a/b"), "v")),
                row(
                        "any case",
                        withHeaders(
                                "content-DISPOSITION:FORM-data;NAME=f;FileName=x\r\ncontent-type:\t a/B; c=\"d\" \t\r\n"),
                        new Stored("f", Optional.of("x"), Optional.of("a/B; c=\"d\""), "v")),
                row(
                        "an empty content type",
                        withHeaders(disposition + "Content-Type:\r\n"),
                        new Stored("f", Optional.empty(), Optional.of(""), "v")),
                row(
                        "a multipart in the multipart is content",
                        "--b\r\n" + disposition + "\r\n--c\r\n\r\nv\r\n--c--\r\n--b--",
                        field("f", "--c\r\n\r\nv\r\n--c--")),
                row(
                        "transfer encodings that change nothing",
                        withHeaders(disposition + encoding + "Binary\r\n"),
                        field("f", "v")),
                row(
                        "a transfer encoding that does",
                        withHeaders(disposition + encoding + "base64\r\n"),
                        malformed("part 1: expected no Content-Transfer-Encoding other than 7bit, 8bit and binary")),
                row("no headers", "--b\r\n\r\nv\r\n--b--", noDisposition),
                row("no disposition", withHeaders(type), noDisposition),
                row("an attachment", withHeaders("Content-Disposition: attachment; name=f\r\n"), noDisposition),
                row(
                        "two dispositions",
                        withHeaders(disposition + disposition),
                        malformed("part 1: expected Content-Disposition once")),
                row(
                        "two content types",
                        withHeaders(disposition + type + type),
                        malformed("part 1: expected Content-Type once")),
                row(
                        "two transfer encodings",
                        withHeaders(disposition + (encoding + "8bit\r\n").repeat(2)),
                        malformed("part 1: expected Content-Transfer-Encoding once")),
                row("no colon", withHeaders(disposition + "X-Y\r\n"), notALine),
                row("no header name", withHeaders(disposition + ": x\r\n"), notALine),
                row("a blank before the colon", withHeaders("Content-Disposition : form-data; name=f\r\n"), notALine),
                row("a blank in the name", withHeaders("Content Disposition: form-data; name=f\r\n"), notALine),
                row("an unusual name", withHeaders("Cöntent: x\r\n" + disposition), notALine),
                row("a folded header", withHeaders("Content-Disposition: form-data;\r\n name=f\r\n"), notALine),
                row("a line feed alone", withHeaders(type.replace("\r", "") + disposition), control),
                row("an empty line of a line feed alone", "--b\r\n" + disposition + "\nv\r\n--b--", control),
                row("a carriage return alone", withHeaders("X-Y: \rz\r\n" + disposition), control),
                row("two carriage returns", withHeaders("X-Y: z\r\r\n" + disposition), control),
                row("a zero byte", withHeaders("Content-Disposition: form-data; name=\"f\0\"\r\n"), control),
                row("an escape", withHeaders("Content-Disposition: form-data; name=\"\u001b[0m\"\r\n"), control),
                row("a delete", withHeaders("Content-Disposition: form-data; name=\"\u007f\"\r\n"), control),
                row(
                        "a control character of two bytes",
                        withHeaders("Content-Disposition: form-data; name=\"a\u0085b\"\r\n"),
                        control),
                row(
                        "headers of just the limit",
                        withHeaders(disposition + "X: " + "x".repeat(150 - disposition.length() - 7) + "\r\n"),
                        field("f", "v")),
                row(
                        "a byte more",
                        withHeaders(disposition + "X: " + "x".repeat(150 - disposition.length() - 6) + "\r\n"),
                        tooLarge("part 1: headers of more than 150 bytes")),
                row(
                        "endless headers",
                        "--b\r\nX: " + "x".repeat(1_000),
                        tooLarge("part 1: headers of more than 150 bytes")),
                row(
                        "headers of a later part",
                        "--b\r\n" + FIELD + "v\r\n" + withHeaders(type),
                        malformed("part 2: expected Content-Disposition: form-data")));
    }

    static Stream<Arguments> names() {
        String in = "part 1: Content-Disposition: ";
        Decoded notAParameter = malformed(in + "expected name=value behind a semicolon");
        Decoded noName = malformed("part 1: expected a name in its Content-Disposition");
        Decoded notExtended = malformed(
                "part 1: expected filename* to be UTF-8''name, percent-encoded and without control characters");
        return Stream.of(
                row("without quotes", disposed("; name=f; filename=a.txt"), file("f", "a.txt", "v")),
                row(
                        "without quotes, as some send it",
                        disposed(";name=a[0]/b=:;filename=grün"),
                        file("a[0]/b=:", "grün", "v")),
                row("in single quotes", disposed("; name='f'"), field("'f'", "v")),
                row("in UTF-8", disposed("; name=\"grüße\"; filename=\"日本.txt\""), file("grüße", "日本.txt", "v")),
                row(
                        "with separators",
                        disposed("; name=\"a;b, c\"; filename=\"name=x; y\""),
                        file("a;b, c", "name=x; y", "v")),
                row("with tabs", disposed(";\tname=\"a\tb\"\t"), field("a\tb", "v")),
                row("an empty name", disposed("; name=\"\""), field("", "v")),
                row("an empty file name", disposed("; name=f; filename=\"\""), file("f", "", "v")),
                row(
                        "quotes as browsers send them",
                        disposed("; name=\"%22f%22\"; filename=\"a%22b\""),
                        file("\"f\"", "a\"b", "v")),
                row(
                        "line ends as browsers send them stay",
                        disposed("; name=\"a%0D%0Ab\"; filename=\"%0A%00%2e\""),
                        file("a%0D%0Ab", "%0A%00%2e", "v")),
                row(
                        "quotes as others send them",
                        disposed("; name=\"\\\"f\\\"\"; filename=\"a\\\"; filename=b\""),
                        file("\"f\"", "a\"; filename=b", "v")),
                row(
                        "a path of Windows",
                        disposed("; name=f; filename=\"C:\\new\\x.txt\""),
                        file("f", "C:\\new\\x.txt", "v")),
                row(
                        "a network path of Windows",
                        disposed("; name=f; filename=\"\\\\server\\x.txt\""),
                        file("f", "\\\\server\\x.txt", "v")),
                row("a backslash at the end", disposed("; name=f; filename=\"x\\\\\""), file("f", "x\\\\", "v")),
                row("more parameters", disposed("; name=f; x=y; size=\"3\""), field("f", "v")),
                row("semicolons with nothing between", disposed(";; name=f ; ;"), field("f", "v")),
                row(
                        "an extended file name",
                        disposed("; name=f; filename=x; filename*=utf-8'de'gr%C3%BCn+%22.txt"),
                        file("f", "grün+\".txt", "v")),
                row(
                        "an extended file name first",
                        disposed("; filename*=UTF-8''a; filename=x; name=f"),
                        file("f", "a", "v")),
                row(
                        "an extended file name in ISO-8859-1",
                        disposed("; name=f; filename*=iso-8859-1''gr%FCn"),
                        notExtended),
                row("an extended file name without charset", disposed("; name=f; filename*=a"), notExtended),
                row("an extended file name without language", disposed("; name=f; filename*=UTF-8'a"), notExtended),
                row("an extended file name that ends early", disposed("; name=f; filename*=UTF-8''a%2"), notExtended),
                row("an extended file name with a sign", disposed("; name=f; filename*=UTF-8''a%+1"), notExtended),
                row("an extended file name with a line end", disposed("; name=f; filename*=UTF-8''a%0Ab"), notExtended),
                row("an extended name is none", disposed("; name*=UTF-8''f"), noName),
                row("no name", disposed(""), noName),
                row("only a file name", disposed("; filename=\"name\""), noName),
                row("two names", disposed("; name=f; name=g"), malformed(in + "expected name once")),
                row("two names in two cases", disposed("; name=f; NAME=f"), malformed(in + "expected NAME once")),
                row(
                        "two file names",
                        disposed("; name=f; filename=a; filename=a"),
                        malformed(in + "expected filename once")),
                row("a blank before the equals sign", disposed("; name =f"), notAParameter),
                row("no equals sign", disposed("; name"), notAParameter),
                row("no parameter's name", disposed("; =f"), notAParameter),
                row("a colon", disposed("; name:f"), notAParameter),
                row("a blank behind the equals sign", disposed("; name= f"), notAValue("name")),
                row("no value", disposed("; name=; filename=x"), notAValue("name")),
                row("no value at the end", disposed("; name="), notAValue("name")),
                row("two words", disposed("; name=a b"), notAValue("name")),
                row("two words with a comma", disposed("; name=a,b"), notAValue("name")),
                row("a backslash without quotes", disposed("; name=a\\b"), notAValue("name")),
                row("a quote too late", disposed("; name=a\"b\""), notAValue("name")),
                row("a quote too early", disposed("; name=\"a\"b"), notAValue("name")),
                row("no quote at the end", disposed("; name=\"f"), notAValue("name")),
                row("no quote at the end but an escaped one", disposed("; name=\"f\\\""), notAValue("name")));
    }

    private static Decoded notAValue(String name) {
        return malformed("part 1: Content-Disposition: expected " + name
                + " to be a word or a quoted string, and a semicolon or nothing behind it");
    }

    static Stream<Arguments> sizes() {
        String part = "--b\r\n" + FIELD;
        return Stream.of(
                row("a field of just the limit", part + "x".repeat(30) + "\r\n--b--", field("f", "x".repeat(30))),
                row("a byte more", part + "x".repeat(31) + "\r\n--b--", tooLarge("a part of more than 30 bytes")),
                row(
                        "more, and malformed",
                        part + "x".repeat(31) + "\r\n--bad",
                        tooLarge("a part of more than 30 bytes")),
                row(
                        "nearly boundaries count",
                        part + "\r\n--".repeat(8) + "\r\n--b--",
                        tooLarge("a part of more than 30 bytes")),
                row(
                        "a file of just the limit",
                        disposed("; name=f; filename=x").replace("v", "x".repeat(40)),
                        file("f", "x", "x".repeat(40))),
                row(
                        "a byte more in a file",
                        disposed("; name=f; filename=x").replace("v", "x".repeat(41)),
                        tooLarge("a part of more than 40 bytes")),
                row("four parts", (part + "v\r\n").repeat(4) + "--b--", tooLarge("more than 3 parts")));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource({"framing", "headers", "names", "sizes"})
    void rule_5_5_a_body_gives_the_same_in_whatever_pieces_it_comes(String title, String body, Decoded expected) {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        Decoding decoding = new Decoding(TYPE, SMALL, directory);

        assertThat(decoding.whole(bytes)).as(title).isEqualTo(expected);
        assertThat(decoding.inPiecesOf(bytes, 1)).as("%s, byte by byte", title).isEqualTo(expected);
        for (int split = 1; split < bytes.length; split++) {
            assertThat(decoding.splitAt(bytes, split))
                    .as("%s, split at %d", title, split)
                    .isEqualTo(expected);
        }
    }

    @Test
    void rule_5_5_large_parts_are_the_same_in_whatever_pieces_they_come() {
        Decoding decoding = new Decoding(TYPE, UploadLimits.defaults(), directory);
        String large = "\r\n--line\r\n--\r\n\r".repeat(700);
        for (int size : new int[] {PartStore.MEMORY_SIZE, PartStore.MEMORY_SIZE + 1, large.length()}) {
            String content = large.substring(0, size);
            byte[] body = disposed("; name=f; filename=x").replace("v", content).getBytes(StandardCharsets.US_ASCII);
            Decoded expected = Decoded.of(file("f", "x", content));
            assertThat(decoding.whole(body)).isEqualTo(expected);
            for (int piece : new int[] {1, 2, 5, 7, 13, 1_000, PartStore.MEMORY_SIZE}) {
                assertThat(decoding.inPiecesOf(body, piece))
                        .as("pieces of %d", piece)
                        .isEqualTo(expected);
            }
            for (int split = 1; split < 200; split++) {
                assertThat(decoding.splitAt(body, split))
                        .as("split at %d", split)
                        .isEqualTo(expected);
                assertThat(decoding.splitAt(body, body.length - split))
                        .as("split at -%d", split)
                        .isEqualTo(expected);
            }
        }
    }

    @Test
    void rule_5_5_the_file_of_a_part_that_is_cut_short_is_closed() {
        Decoding decoding = new Decoding(TYPE, UploadLimits.defaults(), directory);
        String body = disposed("; name=f; filename=x").replace("v", "x".repeat(20_000));
        byte[] half = body.substring(0, 15_000).getBytes(StandardCharsets.US_ASCII);
        assertThat(decoding.whole(half)).isEqualTo(malformed("the body ended before its last boundary"));
    }

    @Test
    void rule_5_5_only_large_parts_are_in_files() throws IOException {
        String body = disposed("; name=f; filename=x")
                        .replace("v", "x".repeat(PartStore.MEMORY_SIZE))
                        .replace("--b--\r\n", "")
                + disposed("; name=f; filename=x").replace("v", "x".repeat(PartStore.MEMORY_SIZE + 1));
        try (MultipartDecoder decoder = MultipartDecoder.of(Optional.of(TYPE), UploadLimits.defaults(), directory)) {
            decoder.offer(StandardCharsets.US_ASCII.encode(body));
            assertThat(decoder.finish()).hasSize(2);
        }
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).containsExactly(directory.resolve("part-1"));
        }
    }

    // ------------------------------------------------------------------ the type of the request's body

    @ParameterizedTest
    @ValueSource(
            strings = {
                "multipart/form-data; boundary=b",
                "multipart/form-data;boundary=b",
                "multipart/form-data ; charset=utf-8;\tboundary=\"b\" ; x=y;",
                "Multipart/Form-Data; Boundary=b",
                "multipart/form-data; charset=\"a;boundary=c\"; boundary=b"
            })
    void rule_5_5_the_boundary_is_found(String contentType) {
        Decoding decoding = new Decoding(contentType, SMALL, directory);
        assertThat(decoding.whole("--b--".getBytes(StandardCharsets.US_ASCII))).isEqualTo(Decoded.of());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "a",
                "----WebKitFormBoundary7MA4YWxkTrZu0gW",
                "----=_Part_1_2.3",
                "'()+_-./:=?",
                "0123456789012345678901234567890123456789012345678901234567890123456789"
            })
    void rule_5_5_boundaries_are_up_to_seventy_characters(String boundary) {
        for (String value : List.of(boundary, "\"" + boundary + "\"")) {
            Decoding decoding = new Decoding("multipart/form-data; boundary=" + value, SMALL, directory);
            byte[] body = withHeaders(FIELD.substring(0, FIELD.length() - 2))
                    .replace("--b", "--" + boundary)
                    .getBytes(StandardCharsets.US_ASCII);
            assertThat(decoding.inPiecesOf(body, 3)).isEqualTo(Decoded.of(field("f", "v")));
        }
    }

    @Test
    void rule_5_5_quoted_boundaries_may_have_blanks_and_commas() {
        Decoding decoding = new Decoding("multipart/form-data; boundary=\"a, b\"", SMALL, directory);
        assertThat(decoding.whole("--a, b--".getBytes(StandardCharsets.US_ASCII)))
                .isEqualTo(Decoded.of());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "multipart/form-data",
                "multipart/form-data;",
                "multipart/form-data; boundary",
                "multipart/form-data; boundary=",
                "multipart/form-data; boundary=\"\"",
                "multipart/form-data; boundary=\" \"",
                "multipart/form-data; boundary=\"b \"",
                "multipart/form-data; boundary=\"b",
                "multipart/form-data; boundary=\"\\b\"",
                "multipart/form-data; boundary=\"b\\\"\"",
                "multipart/form-data; boundary=b\u00fc",
                "multipart/form-data; boundary=b,c",
                "multipart/form-data; boundary=b c",
                "multipart/form-data; boundary = b",
                "multipart/form-data; boundary=b; boundary=b",
                "multipart/form-data; xboundary=b",
                "multipart/form-data; boundary*=b",
                "multipart/form-data; boundary=01234567890123456789012345678901234567890123456789012345678901234567890",
                "multipart/form-datax; boundary=b",
                "multipart/form-data, multipart/form-data; boundary=b",
                "multipart/mixed; boundary=b",
                "text/plain; boundary=b"
            })
    void rule_5_5_a_body_without_a_usable_boundary_is_malformed(String contentType) {
        assertThatThrownBy(() -> MultipartDecoder.of(Optional.of(contentType), SMALL, directory))
                .isInstanceOf(MalformedBodyException.class)
                .hasMessageContaining("expected")
                .hasMessageContaining("'" + contentType + "'");
    }

    @Test
    void rule_5_5_a_body_without_a_type_is_malformed() {
        assertThatThrownBy(() -> MultipartDecoder.of(Optional.empty(), SMALL, directory))
                .isInstanceOf(MalformedBodyException.class)
                .hasMessage("expected multipart/form-data, was ''");
    }

    // ------------------------------------------------------------------ hostile clients

    /** Sends the same again and again. */
    private MultipartDecoder flood(String begin, String again, long bytes, UploadLimits limits) throws IOException {
        MultipartDecoder decoder = MultipartDecoder.of(Optional.of(TYPE), limits, directory);
        decoder.offer(StandardCharsets.US_ASCII.encode(begin));
        ByteBuffer piece = StandardCharsets.US_ASCII.encode(again.repeat(10_000 / again.length()));
        for (long sent = 0; sent < bytes; sent += piece.limit()) {
            decoder.offer(piece.rewind());
            assertThat(Decoding.kept(decoder)).isLessThan(limits.headerSize() + 2_000L);
        }
        return decoder;
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "--b ", "--b--\r\n", "--b--"})
    void rule_5_5_what_is_dropped_is_not_kept(String begin) throws IOException {
        try (MultipartDecoder decoder = flood(begin, "  \t", 5_000_000, SMALL)) {
            if (begin.startsWith("--b--")) {
                assertThat(decoder.finish()).isEmpty();
            } else {
                assertThatThrownBy(decoder::finish).isInstanceOf(MalformedBodyException.class);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"x", "X: y\r\n", "\t"})
    void rule_5_5_endless_headers_are_too_large(String again) {
        UploadLimits limits = UploadLimits.defaults().headerSize(100_000);
        assertThatThrownBy(() -> flood("--b\r\n", again, 90_000, limits).finish())
                .isInstanceOf(MalformedBodyException.class)
                .hasMessageContaining("last boundary");
        assertThatThrownBy(() -> flood("--b\r\n", again, 110_000, limits))
                .isInstanceOf(BodyTooLargeException.class)
                .hasMessage("part 1: headers of more than 100000 bytes");
    }

    @Test
    void rule_5_5_thousands_of_tiny_parts_are_counted_or_kept() throws IOException {
        String part = "--b\r\n" + FIELD + "\r\n";
        UploadLimits limits = UploadLimits.defaults();
        assertThatThrownBy(() -> flood("", part, 2_000L * part.length(), limits))
                .isInstanceOf(BodyTooLargeException.class)
                .hasMessage("more than 1000 parts");
        try (MultipartDecoder decoder = flood("", part, 50_000L * part.length(), limits.parts(100_000))) {
            decoder.offer(StandardCharsets.US_ASCII.encode("--b--"));
            assertThat(decoder.finish()).hasSizeGreaterThanOrEqualTo(50_000);
        }
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).isEmpty();
        }
    }

    @Test
    void rule_5_5_small_parts_together_take_only_so_much_memory() throws IOException {
        String content = "x".repeat(PartStore.MEMORY_SIZE);
        String part = "--b\r\n" + FIELD + content + "\r\n";
        int inMemory = PartStore.TOTAL_MEMORY_SIZE / PartStore.MEMORY_SIZE;
        try (MultipartDecoder decoder = MultipartDecoder.of(Optional.of(TYPE), UploadLimits.defaults(), directory)) {
            decoder.offer(StandardCharsets.US_ASCII.encode(part.repeat(inMemory + 3)));
            decoder.offer(StandardCharsets.US_ASCII.encode("--b\r\n" + FIELD + "\r\n--b--"));

            List<Part> parts = decoder.finish();

            assertThat(parts).hasSize(inMemory + 4);
            assertThat(parts.get(inMemory + 3).text()).isEmpty();
            for (Part each : parts.subList(0, inMemory + 3)) {
                assertThat(each.text()).isEqualTo(content);
            }
        }
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files)
                    .containsExactlyInAnyOrder(
                            directory.resolve("part-" + inMemory),
                            directory.resolve("part-" + (inMemory + 1)),
                            directory.resolve("part-" + (inMemory + 2)));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"; name=\"%s\"\r\n", "; name=f; filename=%s\r\n", "; name=f\r\nContent-Type: %s\r\n"})
    void rule_5_5_names_and_types_together_take_only_so_much_memory(String headers) {
        UploadLimits limits = UploadLimits.defaults().parts(100);
        String header = "Content-Disposition: form-data" + String.format(headers, "n".repeat(5_000));
        byte[] body = ("--b\r\n" + header + "\r\nv\r\n").repeat(7).getBytes(StandardCharsets.US_ASCII);

        assertThat(new Decoding(TYPE, limits, directory).whole(body))
                .isEqualTo(tooLarge("names and types of parts with more than 25600 characters"));
    }

    @Test
    void rule_5_5_one_part_may_have_names_as_long_as_its_headers_may_be() {
        String name = "n".repeat(5_000);
        byte[] body = withHeaders("Content-Disposition: form-data; name=" + name + "\r\n")
                .getBytes(StandardCharsets.US_ASCII);

        assertThat(new Decoding(TYPE, UploadLimits.defaults().parts(1), directory).whole(body))
                .isEqualTo(Decoded.of(field(name, "v")));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../../../escaped",
                "..\\..\\escaped",
                "/etc/escaped",
                "C:\\escaped",
                "C:escaped",
                "..",
                ".",
                "",
                "part-0",
                "part-0/../../escaped",
                "%2e%2e%2fescaped",
                "escaped\u202e",
                "CON",
                "~/escaped",
                "$(escaped)"
            })
    void rule_5_5_a_hostile_name_goes_nowhere(String hostile) throws IOException {
        byte[] content = new byte[20_000];
        new Random(1).nextBytes(content);
        Path kept = Files.createDirectory(directory.resolve("kept"));
        Path own = Files.createDirectory(directory.resolve("own"));
        List<ByteBuffer> body = new ArrayList<>();
        String parameters = "; name=\"" + hostile + "\"; filename=\"" + hostile + "\"";
        body.add(StandardCharsets.UTF_8.encode("--b\r\nContent-Disposition: form-data" + parameters + "\r\n\r\n"));
        body.add(ByteBuffer.wrap(content));
        body.add(StandardCharsets.UTF_8.encode("\r\n--b--"));
        try (MultipartDecoder decoder = MultipartDecoder.of(Optional.of(TYPE), UploadLimits.defaults(), own)) {
            for (ByteBuffer data : body) {
                decoder.offer(data);
            }
            Part part = decoder.finish().get(0);

            assertThat(part.name()).isEqualTo(hostile);
            assertThat(part.submittedFileName()).contains(hostile);
            assertThat(part.bytes()).isEqualTo(content);
            part.fileName().ifPresent(safe -> {
                assertThat(safe).doesNotContain("/", "\\", ":", "\u202e").doesNotStartWith(".");
                assertThat(kept.resolve(safe).normalize().getParent()).isEqualTo(kept);
            });
        }
        try (Stream<Path> all = Files.walk(directory)) {
            assertThat(all).containsExactlyInAnyOrder(directory, kept, own, own.resolve("part-0"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"x", "ü", "日", "𠮷"})
    void rule_5_5_a_long_name_is_cut_to_what_file_systems_take(String letter) throws IOException {
        Part part = Part.ofMemory("f", Optional.of(letter.repeat(300)), Optional.empty(), new byte[] {'v'});

        String safe = part.fileName().orElseThrow();

        assertThat(safe).matches("(" + letter + ")+");
        assertThat(safe.getBytes(StandardCharsets.UTF_8).length).isBetween(117, 240);
        part.moveTo(directory.resolve(safe));
    }

    @Test
    void rule_5_5_a_file_that_cannot_be_stored_is_no_fault_of_the_client() throws IOException {
        Path absent = directory.resolve("absent");
        try (MultipartDecoder decoder = MultipartDecoder.of(Optional.of(TYPE), UploadLimits.defaults(), absent)) {
            decoder.offer(StandardCharsets.US_ASCII.encode("--b\r\n" + FIELD));
            byte[] content = new byte[10_000];
            Arrays.fill(content, (byte) 'x');
            assertThatThrownBy(() -> decoder.offer(ByteBuffer.wrap(content)))
                    .isInstanceOf(IOException.class)
                    .isNotInstanceOfAny(MalformedBodyException.class, BodyTooLargeException.class);
        }
    }
}
