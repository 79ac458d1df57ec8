package dev.weir.limiter.jetty;

import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.tck.HttpProtocol;
import dev.weir.limiter.tck.ServerFixture;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.eclipse.jetty.http2.server.HTTP2CServerConnectionFactory;
import org.eclipse.jetty.io.RateControl;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/** A Jetty with few threads, on the loopback interface. */
final class JettyFixture implements ServerFixture {

    private final QueuedThreadPool threads = new QueuedThreadPool(8, 8);
    private final Server server = new Server(threads);
    private final Function<ExchangeHandler, Handler> adapter;
    private long idleTimeout = 30_000;

    JettyFixture(Function<ExchangeHandler, Handler> adapter) {
        this.adapter = adapter;
    }

    @Override
    public int start(ExchangeHandler application) throws Exception {
        return start(application, HttpProtocol.HTTP_1_1);
    }

    @Override
    public int start(ExchangeHandler application, HttpProtocol protocol) throws Exception {
        threads.setName("jetty");
        HttpConfiguration configuration = new HttpConfiguration();
        HTTP2CServerConnectionFactory http2 = new HTTP2CServerConnectionFactory(configuration);
        http2.setMaxConcurrentStreams(1024);
        http2.setRateControlFactory(new RateControl.Factory() {});
        ServerConnector connector = new ServerConnector(server, 1, 1, new HttpConnectionFactory(configuration), http2);
        connector.setHost("127.0.0.1");
        connector.setIdleTimeout(idleTimeout);
        server.addConnector(connector);
        server.setHandler(adapter.apply(application));
        server.setStopTimeout(10_000);
        server.start();
        return connector.getLocalPort();
    }

    @Override
    public Set<HttpProtocol> protocols() {
        return EnumSet.allOf(HttpProtocol.class);
    }

    @Override
    public CompletableFuture<Void> shutdown() {
        return CompletableFuture.runAsync(() -> {
            try {
                server.stop();
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
    }

    @Override
    public Set<Capability> capabilities() {
        return EnumSet.of(
                Capability.SENT_CONFIRMED,
                Capability.NON_BLOCKING_BODY,
                Capability.CONTINUE_AFTER_ADMISSION,
                Capability.ABORT_COMMITTED,
                Capability.KEEPALIVE_AFTER_503);
    }

    @Override
    public Set<Capability> capabilities(HttpProtocol protocol) {
        Set<Capability> capabilities = capabilities();
        if (protocol == HttpProtocol.HTTP_2) {
            capabilities.add(Capability.DISCONNECT_WHILE_WAITING);
            capabilities.add(Capability.MULTIPLEXED);
        }
        return capabilities;
    }

    @Override
    public boolean idleTimeout(Duration idleTime) {
        idleTimeout = idleTime.toMillis();
        return true;
    }

    @Override
    public boolean isServerThread(Thread thread) {
        return thread.getName().startsWith("jetty-");
    }

    @Override
    public void kill() throws Exception {
        server.setStopTimeout(0);
        server.stop();
    }
}
