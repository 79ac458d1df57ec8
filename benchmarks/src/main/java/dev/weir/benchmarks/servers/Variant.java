package dev.weir.benchmarks.servers;

import dev.weir.limiter.LimiterScope;
import io.undertow.server.handlers.RequestLimit;
import java.time.Duration;
import java.util.List;
import org.eclipse.jetty.server.handler.QoSHandler;

/**
 * A server with a limit.
 *
 * @param server which server
 * @param limit what limits it
 * @param isOurs whether that is Weir
 * @param start starts it
 */
record Variant(String server, String limit, boolean isOurs, Start start) {

    /** Starts a server whose endpoints have work to do. */
    @FunctionalInterface
    interface Start {
        Site with(Work work) throws Exception;
    }

    /** Starts a server with limits of Weir, which it closes. */
    @FunctionalInterface
    private interface LimitedStart {
        Site with(LimiterScope limits, Work work) throws Exception;
    }

    /** Waits for 40 permits at 200 a second are half a second at most. */
    private static final int QUEUE = 100;

    private static final String THREADS = "40 threads";
    private static final String QUEUED = ", queue of " + QUEUE;

    /** Half of a client's patience. */
    private static final Duration WAIT = Duration.ofSeconds(1);

    private static final String WAITING = ", waits of at most 1 s";

    /** Limits as they come, and with a short queue where there can be one. */
    static List<Variant> all() {
        return List.of(
                jettyThreads(),
                peer("Jetty", "QoSHandler", work -> JettySite.qos(Variant::limited, work)),
                peer("Jetty", "QoSHandler" + QUEUED, work -> JettySite.qos(Variant::queued, work)),
                peer("Jetty", "QoSHandler" + WAITING, work -> JettySite.qos(Variant::waiting, work)),
                weir("Jetty", JettySite::weir),
                weirQueued("Jetty", JettySite::weir),
                weirWaiting("Jetty", JettySite::weir),
                nettyThreads(),
                weir("Netty", NettySite::weir),
                weirQueued("Netty", NettySite::weir),
                weirWaiting("Netty", NettySite::weir),
                tomcatThreads(),
                peer("Tomcat", "SemaphoreValve", work -> TomcatSite.semaphoreValve(true, work)),
                peer("Tomcat", "SemaphoreValve, block=false", work -> TomcatSite.semaphoreValve(false, work)),
                weir("Tomcat", TomcatSite::weir),
                weirQueued("Tomcat", TomcatSite::weir),
                undertowThreads(),
                peer("Undertow", "RequestLimit", work -> UndertowSite.requestLimit(requestLimit(), work)),
                peer("Undertow", "RequestLimit" + QUEUED, work -> UndertowSite.requestLimit(requestQueue(), work)),
                weir("Undertow", UndertowSite::weir),
                weirQueued("Undertow", UndertowSite::weir));
    }

    /** Limits as they come. */
    static List<Variant> asTheyCome() {
        return all().stream().filter(variant -> !variant.limit.contains(",")).toList();
    }

    private static Variant jettyThreads() {
        return peer("Jetty", THREADS, work -> JettySite.threads(Limits.CAPACITY, work));
    }

    private static Variant nettyThreads() {
        return peer("Netty", THREADS, work -> NettySite.pool(Limits.CAPACITY, work));
    }

    private static Variant tomcatThreads() {
        return peer("Tomcat", THREADS, work -> TomcatSite.threads(Limits.CAPACITY, work));
    }

    private static Variant undertowThreads() {
        return peer("Undertow", THREADS, work -> UndertowSite.threads(Limits.CAPACITY, work));
    }

    private static Variant peer(String server, String limit, Start start) {
        return new Variant(server, limit, false, start);
    }

    private static Variant weir(String server, LimitedStart start) {
        return new Variant(server, "Weir", true, work -> start.with(Limits.with(settings -> settings), work));
    }

    private static Variant weirQueued(String server, LimitedStart start) {
        return new Variant(
                server,
                "Weir" + QUEUED,
                true,
                work -> start.with(Limits.with(settings -> settings.maxWaiting(QUEUE)), work));
    }

    private static Variant weirWaiting(String server, LimitedStart start) {
        return new Variant(
                server,
                "Weir" + WAITING,
                true,
                work -> start.with(Limits.with(settings -> settings.maxWait(WAIT)), work));
    }

    private static QoSHandler limited(QoSHandler handler) {
        handler.setMaxRequestCount(Limits.CAPACITY);
        return handler;
    }

    private static QoSHandler queued(QoSHandler handler) {
        handler.setMaxRequestCount(Limits.CAPACITY);
        handler.setMaxSuspendedRequestCount(QUEUE);
        return handler;
    }

    private static QoSHandler waiting(QoSHandler handler) {
        handler.setMaxRequestCount(Limits.CAPACITY);
        handler.setMaxSuspend(WAIT);
        return handler;
    }

    private static RequestLimit requestLimit() {
        return new RequestLimit(Limits.CAPACITY);
    }

    private static RequestLimit requestQueue() {
        return new RequestLimit(Limits.CAPACITY, QUEUE);
    }
}
