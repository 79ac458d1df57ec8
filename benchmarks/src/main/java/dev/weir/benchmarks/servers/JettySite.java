package dev.weir.benchmarks.servers;

import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.jetty.EndpointHandler;
import dev.weir.limiter.jetty.LimitHandler;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.function.UnaryOperator;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.pathmap.PathSpec;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.PathMappingsHandler;
import org.eclipse.jetty.server.handler.QoSHandler;
import org.eclipse.jetty.util.Blocker;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/** An embedded Jetty. */
final class JettySite implements Site {

    private final Server server;
    private final ServerConnector connector;
    private final AutoCloseable limits;

    private JettySite(int threads, Handler work, Handler leave, AutoCloseable limits) throws Exception {
        this.limits = limits;
        QueuedThreadPool pool = new QueuedThreadPool();
        pool.setDaemon(true);
        server = new Server(pool);
        connector = new ServerConnector(server);
        connector.setHost("127.0.0.1");
        connector.setAcceptQueueSize(BACKLOG);
        pool.setMaxThreads(threads
                + connector.getAcceptors()
                + connector.getSelectorManager().getSelectorCount());
        server.addConnector(connector);
        PathMappingsHandler paths = new PathMappingsHandler(false);
        paths.addMapping(PathSpec.from(LIMITED + WORK), work);
        paths.addMapping(PathSpec.from(LIMITED + LEAVE), leave);
        paths.addMapping(PathSpec.from(HEALTH), new Health());
        server.setHandler(paths);
        server.start();
    }

    /** Nothing but threads. */
    static Site threads(int threads, Work work) throws Exception {
        return new JettySite(threads, new Working(work), new Leaving(work), () -> {});
    }

    static Site qos(UnaryOperator<QoSHandler> settings, Work work) throws Exception {
        return new JettySite(
                MANY_THREADS,
                settings.apply(new QoSHandler(new Working(work))),
                settings.apply(new QoSHandler(new Leaving(work))),
                () -> {});
    }

    static Site weir(LimiterScope limits, Work work) throws Exception {
        return new JettySite(
                MANY_THREADS,
                new LimitHandler(limits.endpoints(), new Working(work)),
                new EndpointHandler(Limits.leave(limits, work)),
                limits);
    }

    @Override
    public int port() {
        return connector.getLocalPort();
    }

    @Override
    public void stop() throws Exception {
        server.setStopTimeout(0);
        server.stop();
        limits.close();
    }

    private static ByteBuffer body(Response response) {
        byte[] body = BODY.getBytes(StandardCharsets.US_ASCII);
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, "text/plain");
        response.getHeaders().put(HttpHeader.CONTENT_LENGTH, body.length);
        return ByteBuffer.wrap(body);
    }

    private static final class Working extends Handler.Abstract {
        private final Work work;

        Working(Work work) {
            this.work = work;
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            work.run();
            response.write(true, body(response), callback);
            return true;
        }
    }

    private static final class Leaving extends Handler.Abstract {
        private final Work work;

        Leaving(Work work) {
            this.work = work;
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            try (Blocker.Callback written = Blocker.callback()) {
                response.write(true, body(response), written);
                written.block();
            }
            callback.succeeded();
            work.run();
            return true;
        }
    }

    private static final class Health extends Handler.Abstract.NonBlocking {
        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            response.write(true, body(response), callback);
            return true;
        }
    }
}
