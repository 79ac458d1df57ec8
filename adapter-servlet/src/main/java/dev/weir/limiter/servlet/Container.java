package dev.weir.limiter.servlet;

import static dev.weir.limiter.http.Capability.ABORT_COMMITTED;
import static dev.weir.limiter.http.Capability.CONTINUE_AFTER_ADMISSION;
import static dev.weir.limiter.http.Capability.DISCONNECT_WHILE_WAITING;
import static dev.weir.limiter.http.Capability.KEEPALIVE_AFTER_503;
import static dev.weir.limiter.http.Capability.MULTIPLEXED;
import static dev.weir.limiter.http.Capability.NON_BLOCKING_BODY;
import static dev.weir.limiter.http.Capability.SENT_CONFIRMED;

import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Drain;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.ServletContext;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What is known about a container that the Servlet API does not tell. */
@SuppressWarnings("ImmutableEnumChecker") // the sets are unmodifiable
enum Container {
    TOMCAT(
            Set.of(NON_BLOCKING_BODY, ABORT_COMMITTED, SENT_CONFIRMED),
            Set.of(DISCONNECT_WHILE_WAITING, MULTIPLEXED, KEEPALIVE_AFTER_503)),
    JETTY(
            Set.of(NON_BLOCKING_BODY, ABORT_COMMITTED, CONTINUE_AFTER_ADMISSION, KEEPALIVE_AFTER_503),
            Set.of(DISCONNECT_WHILE_WAITING, MULTIPLEXED)),
    UNDERTOW(
            Set.of(NON_BLOCKING_BODY, ABORT_COMMITTED, SENT_CONFIRMED, CONTINUE_AFTER_ADMISSION, KEEPALIVE_AFTER_503),
            Set.of(MULTIPLEXED)),
    /** One that nobody has tried. */
    OTHER(Set.of(NON_BLOCKING_BODY), Set.of(MULTIPLEXED));

    private final Set<Capability> http1;
    private final Set<Capability> http2;

    Container(Set<Capability> always, Set<Capability> moreOnHttp2) {
        http1 = always;
        http2 = Stream.of(always, moreOnHttp2).flatMap(Set::stream).collect(Collectors.toUnmodifiableSet());
    }

    static Container of(ServletContext context) {
        String info = context.getServerInfo().toLowerCase(Locale.ROOT);
        if (info.contains("tomcat")) {
            return TOMCAT;
        }
        if (info.startsWith("jetty")) {
            return JETTY;
        }
        return info.startsWith("undertow") ? UNDERTOW : OTHER;
    }

    /** An exchange over a request that is suspended from now on. */
    ServletExchange suspend(Drain drain, HttpServletRequest request, HttpServletResponse response) throws IOException {
        Optional<UndertowRequest> undertow = this == UNDERTOW ? UndertowRequest.of(request) : Optional.empty();
        AsyncContext async = request.startAsync(request, response);
        ServletExchange exchange;
        if (this == TOMCAT) {
            exchange = new TomcatExchange(drain, async, request, response);
        } else if (undertow.isPresent()) {
            exchange = new UndertowExchange(drain, async, request, response, undertow.get());
        } else {
            exchange = new ServletExchange(drain, this, async, request, response);
        }
        return exchange.begin();
    }

    Set<Capability> capabilities(String protocol) {
        return protocol.startsWith("HTTP/1") ? http1 : http2;
    }
}
