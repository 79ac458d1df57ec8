package dev.weir.examples;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** The servers the examples know. */
enum ServerKind {
    JETTY("Jetty"),
    NETTY("Netty"),
    TOMCAT("Tomcat"),
    UNDERTOW("Undertow");

    private final String title;

    ServerKind(String title) {
        this.title = title;
    }

    static Optional<ServerKind> named(String option) {
        return Arrays.stream(values())
                .filter(kind -> kind.option().equals(option))
                .findFirst();
    }

    /** All of them, as one may write them on the command line. */
    static String names() {
        return Arrays.stream(values()).map(ServerKind::option).collect(Collectors.joining("|"));
    }

    private String option() {
        return name().toLowerCase(Locale.ROOT);
    }

    String title() {
        return title;
    }

    Server create() {
        return switch (this) {
            case JETTY -> new JettyServer();
            case NETTY -> new NettyServer();
            case TOMCAT -> new TomcatServer();
            case UNDERTOW -> new UndertowServer();
        };
    }
}
