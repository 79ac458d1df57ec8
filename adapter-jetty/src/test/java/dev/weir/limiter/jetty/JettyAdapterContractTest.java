package dev.weir.limiter.jetty;

import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.tck.AdapterContract;
import dev.weir.limiter.tck.ServerFixture;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/** Jetty keeps the contract of adapters, as far as it goes. */
class JettyAdapterContractTest extends AdapterContract {

    @Override
    protected ServerFixture newServer() {
        return new JettyFixture();
    }

    private static final class JettyFixture implements ServerFixture {
        private final QueuedThreadPool threads = new QueuedThreadPool(8, 8);
        private final Server server = new Server(threads);

        @Override
        public int start(ExchangeHandler application) throws Exception {
            threads.setName("jetty");
            ServerConnector connector = new ServerConnector(server);
            connector.setHost("127.0.0.1");
            server.addConnector(connector);
            server.setHandler(new EndpointHandler(application));
            server.setStopTimeout(10_000);
            server.start();
            return connector.getLocalPort();
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
        public boolean isServerThread(Thread thread) {
            return thread.getName().startsWith("jetty-");
        }

        @Override
        public void kill() throws Exception {
            server.setStopTimeout(0);
            server.stop();
        }
    }
}
