package dev.weir.limiter.servlet;

import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.RequestHead;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Collections;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** What exchanges over requests of a container have in common. */
abstract class RequestExchange extends Exchange implements AsyncListener {

    private final Container container;
    private final Optional<String> remoteAddress;

    RequestExchange(Drain drain, Container container, HttpServletRequest request) {
        super(drain, headOf(request));
        this.container = container;
        this.remoteAddress = Optional.ofNullable(request.getRemoteAddr());
    }

    /** Copies it: containers use their request objects again. */
    private static RequestHead headOf(HttpServletRequest request) {
        Map<String, String> headers = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        for (String name : Collections.list(request.getHeaderNames())) {
            headers.put(name, request.getHeader(name));
        }
        return new RequestHead(
                request.getMethod(),
                request.getRequestURI(),
                Optional.ofNullable(request.getQueryString()),
                request.getProtocol(),
                name -> Optional.ofNullable(headers.get(name)));
    }

    @Override
    public final Optional<String> remoteAddress() {
        return remoteAddress;
    }

    @Override
    public final Set<Capability> capabilities() {
        return container.capabilities(protocol());
    }

    /** Adds the head to what filters have set: theirs stays. */
    final void apply(HttpServletResponse response) {
        response.setStatus(status());
        headers().forEach((name, value) -> {
            if (name.equalsIgnoreCase("Content-Length")) {
                response.setContentLengthLong(Long.parseLong(value));
            } else if (name.equalsIgnoreCase("Content-Type")) {
                response.setContentType(value);
                if (container == Container.JETTY
                        && !value.toLowerCase(Locale.ROOT).contains("charset")) {
                    response.setCharacterEncoding(null); // ee11 would add one of its own
                }
            } else {
                response.addHeader(name, value);
            }
        });
    }

    /** The container has seen the request fail. */
    abstract void failed(Throwable cause);

    @Override
    public final void onError(AsyncEvent event) {
        Throwable failure = event.getThrowable();
        failed(failure == null ? new IOException("the client of " + description() + " has left") : failure);
    }

    /** It is the target's, if there is one: it completes then, or the container does. */
    @Override
    public final void onTimeout(AsyncEvent event) {}

    @Override
    public final void onStartAsync(AsyncEvent event) {
        event.getAsyncContext().addListener(this);
    }
}
