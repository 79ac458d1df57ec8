package dev.weir.limiter.jetty;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.http.Exchanges;
import org.eclipse.jetty.io.ArrayByteBufferPool;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.ServerConnector;
import org.junit.jupiter.api.Test;

/** Jetty lends its buffers and counts them. */
@SuppressWarnings("FutureReturnValueIgnored") // the client sees what became of an answer
class BuffersTest extends JettyTest {

    private final ArrayByteBufferPool.Tracking buffers = new ArrayByteBufferPool.Tracking();
    private final ServerConnector tracked =
            new ServerConnector(server, null, null, buffers, 1, 1, new HttpConnectionFactory(configuration));

    @Test
    void rule_5_5_whatAHandlerWasLentGoesBackThoughItDoesNotReadToTheEnd() throws Exception {
        server.addConnector(tracked);
        route(
                "/reads",
                exchange -> exchange.read()
                        .thenAccept(data -> Exchanges.text(
                                exchange, 200, "read " + data.orElseThrow().remaining())));
        start();

        try (RawClient client = new RawClient(tracked.getLocalPort())) {
            client.request("POST", "/reads", "Content-Length: 10").send("0123456789");
            assertThat(client.answer().text()).startsWith("read ");
        }

        soon().until(() ->
                tracked.getConnectedEndPoints().isEmpty() && buffers.getLeaks().isEmpty());
    }
}
