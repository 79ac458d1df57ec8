package dev.weir.limiter.servlet;

import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.Headers;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;

/** The head of a request, copied: containers use their request objects again. */
abstract class RequestExchange extends Exchange {

    private final Container container;
    private final String method;
    private final String path;
    private final Optional<String> query;
    private final Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
    private final long length;
    private final String protocol;
    private final Optional<String> remoteAddress;

    RequestExchange(Drain drain, Container container, HttpServletRequest request) {
        super(drain);
        this.container = container;
        this.method = request.getMethod();
        this.path = request.getRequestURI();
        this.query = Optional.ofNullable(request.getQueryString());
        this.length = request.getContentLengthLong();
        this.protocol = request.getProtocol();
        this.remoteAddress = Optional.ofNullable(request.getRemoteAddr());
        for (String name : Collections.list(request.getHeaderNames())) {
            headers.put(name, request.getHeader(name));
        }
    }

    final Container container() {
        return container;
    }

    final boolean isHttp1() {
        return protocol.startsWith("HTTP/1");
    }

    /** Adds to what filters have set: theirs stays. */
    final void apply(int status, Headers fields, HttpServletResponse response) {
        response.setStatus(status);
        fields.forEach((name, value) -> {
            if (name.equalsIgnoreCase("Content-Length")) {
                response.setContentLengthLong(Long.parseLong(value));
            } else if (name.equalsIgnoreCase("Content-Type")) {
                response.setContentType(value);
                if (container == Container.JETTY && !value.contains("charset")) {
                    response.setCharacterEncoding(null); // ee11 would add one of its own
                }
            } else {
                response.addHeader(name, value);
            }
        });
    }

    @Override
    public final String method() {
        return method;
    }

    @Override
    public final String path() {
        return path;
    }

    @Override
    public final Optional<String> query() {
        return query;
    }

    @Override
    public final Optional<String> header(String name) {
        return Optional.ofNullable(headers.get(name));
    }

    @Override
    public final Optional<String> remoteAddress() {
        return remoteAddress;
    }

    @Override
    public final OptionalLong declaredLength() {
        return length < 0 ? OptionalLong.empty() : OptionalLong.of(length);
    }

    @Override
    public final String protocol() {
        return protocol;
    }

    @Override
    public Set<Capability> capabilities() {
        return container.capabilities(protocol);
    }
}
