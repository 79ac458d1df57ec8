package dev.weir.limiter.servlet;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.*;
import java.net.http.*;
import java.util.concurrent.*;
import org.junit.jupiter.api.Test;

class DebugTest extends ContainerTest {
    @Test
    void head() throws Exception {
        CapacityLimiter limiter = limiter("e", 1);
        start(context -> new EndpointServlet(limiter, e -> Exchanges.text(e, 200, "hi")).register(context, "/x/*"));
        HttpClient c = http2();
        var r = c.send(
                HttpRequest.newBuilder(uri("/x/1"))
                        .method("HEAD", HttpRequest.BodyPublishers.noBody())
                        .build(),
                HttpResponse.BodyHandlers.ofString());
        System.out.println("DEBUG " + r + r.headers().map() + r.version());
    }

    @Test
    void pipeline() throws Exception {
        if (KIND != Container.UNDERTOW) return;
        CapacityLimiter limiter = limiter("e", 1);
        CountDownLatch gate = latch();
        start(context -> new EndpointServlet(e -> {
                    if (e.method().equals("GET")) {
                        ExchangeHandler.endpoint(limiter, x -> {
                                    gate.await();
                                    Exchanges.text(x, 200, "passed");
                                })
                                .handle(e);
                    } else e.read().whenComplete((d, f) -> Exchanges.text(e, 200, "" + d + f));
                })
                .register(context, "/x/*"));
        Connection c = connect();
        c.send(
                "GET /x/slow HTTP/1.1\r\nHost: a\r\n\r\nPOST /x/up HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        eventuallyUses(limiter, 1, 0);
        gate.countDown();
        try {
            while (true) System.out.println("DEBUG " + c.line());
        } catch (Exception e) {
            System.out.println("DEBUG " + e);
        }
    }
}
