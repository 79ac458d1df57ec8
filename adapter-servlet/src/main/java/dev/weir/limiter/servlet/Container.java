package dev.weir.limiter.servlet;

import static dev.weir.limiter.http.Capability.ABORT_COMMITTED;
import static dev.weir.limiter.http.Capability.CONTINUE_AFTER_ADMISSION;
import static dev.weir.limiter.http.Capability.DISCONNECT_WHILE_WAITING;
import static dev.weir.limiter.http.Capability.KEEPALIVE_AFTER_503;
import static dev.weir.limiter.http.Capability.MULTIPLEXED;
import static dev.weir.limiter.http.Capability.NON_BLOCKING_BODY;
import static dev.weir.limiter.http.Capability.SENT_CONFIRMED;

import dev.weir.limiter.http.Capability;
import jakarta.servlet.ServletContext;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/** What is known about a container that the Servlet API does not tell. */
@SuppressWarnings("ImmutableEnumChecker") // the sets are unmodifiable
enum Container {
    TOMCAT(
            EnumSet.of(NON_BLOCKING_BODY, ABORT_COMMITTED, SENT_CONFIRMED),
            EnumSet.of(DISCONNECT_WHILE_WAITING, MULTIPLEXED, KEEPALIVE_AFTER_503)),
    JETTY(
            EnumSet.of(NON_BLOCKING_BODY, ABORT_COMMITTED, CONTINUE_AFTER_ADMISSION, KEEPALIVE_AFTER_503),
            EnumSet.of(DISCONNECT_WHILE_WAITING, MULTIPLEXED)),
    UNDERTOW(
            EnumSet.of(
                    NON_BLOCKING_BODY, ABORT_COMMITTED, SENT_CONFIRMED, CONTINUE_AFTER_ADMISSION, KEEPALIVE_AFTER_503),
            EnumSet.of(MULTIPLEXED)),
    /** One that nobody has tried. */
    OTHER(EnumSet.of(NON_BLOCKING_BODY), EnumSet.of(MULTIPLEXED));

    private final Set<Capability> http1;
    private final Set<Capability> http2;

    Container(Set<Capability> always, Set<Capability> moreOnHttp2) {
        http1 = Collections.unmodifiableSet(always);
        EnumSet<Capability> both = EnumSet.copyOf(always);
        both.addAll(moreOnHttp2);
        http2 = Collections.unmodifiableSet(both);
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

    Set<Capability> capabilities(String protocol) {
        return protocol.startsWith("HTTP/1") ? http1 : http2;
    }
}
