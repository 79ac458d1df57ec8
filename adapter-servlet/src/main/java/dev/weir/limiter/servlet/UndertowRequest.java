package dev.weir.limiter.servlet;

import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletRequestWrapper;
import java.io.Closeable;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What Undertow knows of a request and the Servlet API does not tell. Undertow's jars have no module names, so they are not
 * compiled against but asked.
 */
final class UndertowRequest {

    private static final String LISTENER = "io.undertow.server.ExchangeCompletionListener";

    private final Object exchange;

    private UndertowRequest(Object exchange) {
        this.exchange = exchange;
    }

    /** Empty when this Undertow hides its exchange. */
    static Optional<UndertowRequest> of(ServletRequest request) {
        ServletRequest original = request;
        while (original instanceof ServletRequestWrapper wrapper) {
            original = wrapper.getRequest();
        }
        try {
            return Optional.of(new UndertowRequest(ask(original, "getExchange")));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** Closes the connection, or resets the HTTP/2 stream: the only way to let a client see that a response is incomplete. */
    void close() throws IOException {
        if (!isGone()) {
            ((Closeable) ask(exchange, "getConnection")).close();
        }
    }

    /**
     * Gives an HTTP/2 connection's window back what has arrived of a stream that is closed, and was not read. Undertow drops it and
     * does not count it (AbstractFramedStreamSourceChannel.markStreamBroken), so that after some resets a connection takes no more
     * bodies. Where its fields have other names it stays so.
     *
     * @param taken how many bytes of the body were read from Undertow's channel, which has given those back
     */
    void giveBackUnread(long taken) {
        try {
            Object connection = ask(exchange, "getConnection");
            long received = (long) field(field(connection, "requestChannel"), "currentStreamSize");
            Object channel = field(connection, "channel");
            channel.getClass()
                    .getMethod("updateReceiveFlowControlWindow", int.class)
                    .invoke(channel, (int) (received - taken));
        } catch (ReflectiveOperationException | IOException | RuntimeException e) {
            // The connection is as Undertow leaves it.
        }
    }

    /**
     * Whether the client of an HTTP/2 exchange has reset its stream or left. Undertow tells nobody of a reset while bytes wait
     * for the stream's window (Http2StreamSinkChannel.rstStream), and has no method to ask; where its fields have other names,
     * only the end of the connection is seen.
     */
    boolean isGone() throws IOException {
        Object connection = ask(exchange, "getConnection");
        if (!(boolean) ask(connection, "isOpen")) {
            return true;
        }
        try {
            return (boolean) field(field(connection, "responseChannel"), "reset");
        } catch (ReflectiveOperationException | RuntimeException e) {
            return false;
        }
    }

    private static Object field(Object whom, String name) throws ReflectiveOperationException {
        for (Class<?> type = whom.getClass(); type != null; type = type.getSuperclass()) {
            for (Field field : type.getDeclaredFields()) {
                if (field.getName().equals(name)) {
                    field.setAccessible(true);
                    return field.get(whom);
                }
            }
        }
        throw new NoSuchFieldException(name);
    }

    /** Whether all of the request has arrived. Until then Undertow does not say that the exchange has ended. */
    boolean isRequestComplete() throws IOException {
        return (boolean) ask(exchange, "isRequestComplete");
    }

    /**
     * Calls back when all of the response has been handed to the transport, or the connection is closed.
     *
     * @param action runs on a thread of Undertow's; must neither block nor throw
     */
    void onComplete(Runnable action) throws IOException {
        try {
            Class<?> listener =
                    Class.forName(LISTENER, false, exchange.getClass().getClassLoader());
            Object proxy = Proxy.newProxyInstance(
                    listener.getClassLoader(), new Class<?>[] {listener}, new CompletionListener(action));
            exchange.getClass()
                    .getMethod("addExchangeCompleteListener", listener)
                    .invoke(exchange, proxy);
        } catch (ReflectiveOperationException e) {
            throw hidden(e);
        }
    }

    private record CompletionListener(Runnable action) implements InvocationHandler {
        @Override
        public @Nullable Object invoke(Object proxy, Method method, Object @Nullable [] arguments) throws Throwable {
            if (arguments != null && method.getName().equals("exchangeEvent")) {
                try {
                    action.run();
                } finally {
                    Object next = arguments[1];
                    method.getParameterTypes()[1].getMethod("proceed").invoke(next);
                }
                return null;
            }
            return method.invoke(this, arguments); // equals, hashCode, toString
        }
    }

    private static Object ask(Object whom, String what) throws IOException {
        try {
            return whom.getClass().getMethod(what).invoke(whom);
        } catch (ReflectiveOperationException e) {
            throw hidden(e);
        }
    }

    private static IOException hidden(ReflectiveOperationException cause) {
        return new IOException("this Undertow hides its exchange", cause);
    }
}
