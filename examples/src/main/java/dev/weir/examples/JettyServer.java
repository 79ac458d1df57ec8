package dev.weir.examples;

import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.jetty.EndpointHandler;
import java.util.Map;
import org.eclipse.jetty.http.pathmap.PathSpec;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.handler.PathMappingsHandler;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/** An embedded Jetty. */
final class JettyServer implements Server {

    private final org.eclipse.jetty.server.Server server;
    private final ServerConnector connector;

    JettyServer() {
        QueuedThreadPool threads = new QueuedThreadPool();
        threads.setDaemon(true);
        server = new org.eclipse.jetty.server.Server(threads);
        connector = new ServerConnector(server);
        connector.setHost("127.0.0.1");
        connector.setShutdownIdleTimeout(200); // stopping need not wait long for connections nobody uses
        server.addConnector(connector);
        server.setStopTimeout(STOP_TIMEOUT.toMillis());
    }

    @Override
    public int start(Map<String, ExchangeHandler> routes, int port) throws Exception {
        PathMappingsHandler paths = new PathMappingsHandler(false); // not dynamic: then Jetty sees that nothing blocks
        routes.forEach((path, handler) -> paths.addMapping(PathSpec.from(path), new EndpointHandler(handler)));
        server.setHandler(paths);
        connector.setPort(port);
        server.start();
        return connector.getLocalPort();
    }

    @Override
    public void stop() throws Exception {
        server.stop();
    }
}
