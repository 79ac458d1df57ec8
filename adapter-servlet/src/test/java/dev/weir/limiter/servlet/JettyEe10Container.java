package dev.weir.limiter.servlet;

import jakarta.servlet.ServletContainerInitializer;
import java.time.Duration;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.io.RateControl;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

final class JettyEe10Container implements TestContainer {

    private final Server server = new Server(new QueuedThreadPool(THREADS));
    private final ServletContextHandler context = new ServletContextHandler();
    private long idleMillis = 30_000;

    @Override
    public void setIdleTimeout(Duration idleTime) {
        idleMillis = idleTime.toMillis();
    }

    @Override
    public int start(ServletContainerInitializer application) throws Exception {
        HttpConfiguration http = new HttpConfiguration();
        HTTP2CServerConnectionFactory http2 = new HTTP2CServerConnectionFactory(http);
        http2.setRateControlFactory(new RateControl.Factory() {});
        http2.setMaxConcurrentStreams(400);
        ServerConnector connector = new ServerConnector(server, 1, 1, new HttpConnectionFactory(http), http2);
        connector.setIdleTimeout(idleMillis);
        server.addConnector(connector);
        context.addServletContainerInitializer(application);
        server.setHandler(context);
        server.start();
        return connector.getLocalPort();
    }

    @Override
    public void undeploy() throws Exception {
        context.stop();
    }

    @Override
    public void close() throws Exception {
        server.stop();
    }
}
