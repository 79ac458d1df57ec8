package outside;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.jetty.LimitHandler;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.util.Callback;
import org.junit.jupiter.api.Test;

/** What a user's project has who imports the BOM and adds one adapter: a server that answers a request under a limiter. */
class OutsideProjectTest {

    @Test
    void oneAdapterIsEnoughToServeARequest() throws Exception {
        CapacityLimiter limiter = CapacityLimiter.of("endpoints", 40);
        Server server = new Server();
        ServerConnector connector = new ServerConnector(server);
        server.addConnector(connector);
        server.setHandler(new LimitHandler(limiter, new Hello()));
        server.start();
        try {
            HttpRequest request = HttpRequest.newBuilder(
                            URI.create("http://localhost:" + connector.getLocalPort() + "/"))
                    .build();

            var response = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());

            assertEquals(200, response.statusCode());
            assertEquals("hello", response.body());
        } finally {
            server.stop();
        }
        assertIdle(limiter);
        assertEquals(1, limiter.statistics().acquired());
    }

    /** The permit goes back beside the response, not before it: it may be a moment late. */
    private static void assertIdle(CapacityLimiter limiter) throws InterruptedException {
        for (int look = 0; look < 500 && limiter.statistics().inUse() > 0; look++) {
            Thread.sleep(10);
        }
        assertEquals(0, limiter.statistics().inUse());
        assertEquals(0, limiter.statistics().waiting());
    }

    private static final class Hello extends Handler.Abstract {
        @Override
        public boolean handle(Request request, Response response, Callback callback) {
            response.write(true, ByteBuffer.wrap("hello".getBytes(StandardCharsets.UTF_8)), callback);
            return true;
        }
    }
}
