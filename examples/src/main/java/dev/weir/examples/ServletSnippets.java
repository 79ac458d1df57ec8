package dev.weir.examples;

import dev.weir.examples.Snippets.Order;
import dev.weir.examples.Snippets.Orders;
import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.http.Endpoint;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.servlet.EndpointServlet;
import dev.weir.limiter.servlet.LimitFilter;
import io.undertow.Undertow;
import io.undertow.UndertowOptions;
import jakarta.servlet.ServletContext;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.catalina.startup.Tomcat;

/** The code that the documentation shows of Servlet containers, and of adapters; see {@link Snippets}. */
@SuppressWarnings("FutureReturnValueIgnored") // nobody waits for a background task
final class ServletSnippets {

    private ServletSnippets() {}

    static void filter(LimiterScope limiters, ServletContext context) {
        // tag::servlet-filter
        CapacityLimiter orders = CapacityLimiter.of("orders", 20);
        new LimitFilter(orders).register(context, "/orders/*");
        new LimitFilter(limiters).register(context, "/api/*"); // limiters.endpoints()
        // end::servlet-filter
    }

    static void scope(LimiterScope limiters, ServletContext context) {
        // tag::servlet-scope
        context.setAttribute(LimitFilter.LIMITERS, limiters); // init parameter limiter=endpoints finds it
        // end::servlet-scope
    }

    static void endpoint(LimiterScope limiters, Orders orders, ServletContext context) {
        // tag::servlet-endpoint
        EndpointServlet servlet = new EndpointServlet(limiters.endpoints(), exchange -> {
            Order found = orders.find("4711");
            Exchanges.background(exchange, limiters, () -> orders.send(found)); // starts after the last byte
            Exchanges.text(exchange, 202, "On its way\n");
        });
        servlet.register(context, "/orders");
        // end::servlet-endpoint
    }

    static void stop(LimitFilter filter, EndpointServlet servlet, Tomcat server) throws Exception {
        // tag::servlet-stop
        CompletableFuture.allOf(filter.shutdown(), servlet.shutdown()).get(30, TimeUnit.SECONDS);
        server.stop();
        // end::servlet-stop
    }

    static Undertow.Builder undertow() {
        // tag::servlet-undertow
        Undertow.Builder server = Undertow.builder()
                .setServerOption(UndertowOptions.BUFFER_PIPELINED_DATA, false)
                .setServerOption(UndertowOptions.MAX_ENTITY_SIZE, 100L << 20);
        // end::servlet-undertow
        return server;
    }

    static void serve(Exchange exchange, CapacityLimiter limiter, Endpoint endpoint) {
        // tag::serve
        Exchanges.serve(exchange, ExchangeHandler.endpoint(limiter, endpoint)); // a portable endpoint, on workers
        // end::serve
    }
}
