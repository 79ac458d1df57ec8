package dev.weir.limiter.servlet;

import jakarta.servlet.AsyncContext;
import jakarta.servlet.AsyncEvent;
import jakarta.servlet.AsyncListener;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A request of a container that calls nobody back, unless the test does in its place. */
final class SilentRequest {

    final HttpServletRequest request = proxy(
            HttpServletRequest.class,
            (proxy, method, arguments) ->
                    request(method.getName(), arguments == null ? List.of() : Arrays.asList(arguments)));
    final HttpServletResponse response = proxy(HttpServletResponse.class, (proxy, method, arguments) -> {
        throw new UnsupportedOperationException(method.getName());
    });
    DispatcherType type = DispatcherType.REQUEST;
    /** Of the last asynchronous processing that was started. */
    final List<AsyncListener> listeners = new ArrayList<>();

    final List<Object> timeouts = new ArrayList<>();
    int dispatches;
    boolean completed;
    private final Map<Object, Object> attributes = new HashMap<>();
    private final AsyncContext async =
            proxy(AsyncContext.class, (proxy, method, arguments) -> async(method.getName(), arguments));

    private static <T> T proxy(Class<T> type, InvocationHandler handler) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
    }

    private @Nullable Object request(String method, List<Object> arguments) {
        return switch (method) {
            case "getAttribute" -> attributes.get(arguments.get(0));
            case "setAttribute" -> attributes.put(arguments.get(0), arguments.get(1));
            case "getDispatcherType" -> type;
            case "getHeaderNames" -> Collections.enumeration(List.of());
            case "getMethod" -> "GET";
            case "getRequestURI" -> "/silent";
            case "getProtocol" -> "HTTP/1.1";
            case "getQueryString", "getRemoteAddr" -> null;
            case "isAsyncSupported" -> true;
            case "startAsync" -> start();
            case "getAsyncContext" -> async;
            default -> throw new UnsupportedOperationException(method);
        };
    }

    private AsyncContext start() {
        listeners.clear();
        return async;
    }

    private @Nullable Object async(String method, Object @Nullable [] arguments) {
        switch (method) {
            case "setTimeout" -> timeouts.add(arguments[0]);
            case "addListener" -> listeners.add((AsyncListener) arguments[0]);
            case "dispatch" -> dispatches++;
            case "complete" -> complete();
            case "getRequest", "getResponse" -> {} // what an event asks for
            default -> throw new UnsupportedOperationException(method);
        }
        return null;
    }

    private void complete() {
        if (completed) {
            throw new IllegalStateException("completed before");
        }
        completed = true;
    }

    AsyncEvent event() {
        return new AsyncEvent(async);
    }
}
