package dev.weir.limiter.http;

import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;

/**
 * What a request says before its body. For adapters: {@link Exchange} answers from it, also when the exchange has ended. So it
 * must not look into anything that the server uses again for another request.
 *
 * @param method such as {@code GET}
 * @param path the path as the client sent it, without the query
 * @param query the query as the client sent it, without the question mark, if there is one
 * @param protocol such as {@code HTTP/1.1} or {@code HTTP/2.0}
 * @param headers gives the value of the first header field of a name, which is in any case; called on any thread
 */
public record RequestHead(
        String method,
        String path,
        Optional<String> query,
        String protocol,
        Function<String, Optional<String>> headers) {

    OptionalLong declaredLength() {
        Optional<String> length = headers.apply("Content-Length");
        return length.isEmpty() ? OptionalLong.empty() : parsed(length.get());
    }

    /** Servers refuse what is no number, most of them. The body is counted in any case. */
    private static OptionalLong parsed(String length) {
        try {
            long bytes = Long.parseLong(length);
            return bytes < 0 ? OptionalLong.empty() : OptionalLong.of(bytes);
        } catch (NumberFormatException e) {
            return OptionalLong.empty();
        }
    }
}
