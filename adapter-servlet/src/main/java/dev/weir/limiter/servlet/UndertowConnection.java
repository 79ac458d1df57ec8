package dev.weir.limiter.servlet;

import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletRequestWrapper;
import java.io.Closeable;
import java.io.IOException;

/**
 * Closes the connection below a request of Undertow, or resets its HTTP/2 stream: the only way to let a client see that a
 * response is incomplete. Undertow's jars have no module names, so they are not compiled against but asked.
 */
final class UndertowConnection {

    private UndertowConnection() {}

    static void close(ServletRequest request) throws IOException {
        ServletRequest original = request;
        while (original instanceof ServletRequestWrapper wrapper) {
            original = wrapper.getRequest();
        }
        try {
            Object exchange = original.getClass().getMethod("getExchange").invoke(original);
            Object connection = exchange.getClass().getMethod("getConnection").invoke(exchange);
            ((Closeable) connection).close();
        } catch (ReflectiveOperationException | ClassCastException e) {
            throw new IOException("this Undertow hides its connection", e);
        }
    }
}
