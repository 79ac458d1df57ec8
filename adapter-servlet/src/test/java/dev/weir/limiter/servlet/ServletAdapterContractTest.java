package dev.weir.limiter.servlet;

import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.tck.AdapterContract;
import dev.weir.limiter.tck.HttpProtocol;
import dev.weir.limiter.tck.ServerFixture;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.BeforeAll;

/** The endpoint servlet keeps the contract of adapters in the container of this run. */
class ServletAdapterContractTest extends AdapterContract {

    @BeforeAll
    static void makeTemporaryFolder() throws Exception {
        Files.createDirectories(Path.of(System.getProperty("java.io.tmpdir")));
    }

    @Override
    protected ServerFixture newServer() {
        try {
            return new Fixture(TestContainer.create());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static final class Fixture implements ServerFixture {
        private final TestContainer container;
        private final AtomicBoolean running = new AtomicBoolean();
        private CompletableFuture<EndpointServlet> servlet = new CompletableFuture<>();

        Fixture(TestContainer container) {
            this.container = container;
        }

        @Override
        public int start(ExchangeHandler application) throws Exception {
            servlet = CompletableFuture.completedFuture(new EndpointServlet(application));
            int port = container.start((classes, context) -> servlet.join().register(context, "/*"));
            running.set(true);
            return port;
        }

        @Override
        public int start(ExchangeHandler application, HttpProtocol protocol) throws Exception {
            return start(application); // they speak both on one port
        }

        @Override
        public Set<HttpProtocol> protocols() {
            return EnumSet.allOf(HttpProtocol.class);
        }

        @Override
        public CompletableFuture<Void> shutdown() {
            return servlet.join().shutdown().thenRunAsync(() -> {
                try {
                    kill();
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            });
        }

        @Override
        public Set<Capability> capabilities() {
            return capabilities(HttpProtocol.HTTP_1_1);
        }

        @Override
        public Set<Capability> capabilities(HttpProtocol protocol) {
            return TestContainer.kind().capabilities(protocol.version());
        }

        @Override
        public boolean idleTimeout(Duration idleTime) {
            container.setIdleTimeout(idleTime);
            return true;
        }

        @Override
        public boolean isServerThread(Thread thread) {
            return !thread.getName().startsWith("weir-") && !thread.getName().startsWith("main");
        }

        @Override
        public void kill() throws Exception {
            if (running.compareAndSet(true, false)) {
                servlet.join().setStopTimeout(Duration.ZERO);
                container.close();
            }
        }
    }
}
