package dev.weir.limiter.servlet;

import jakarta.servlet.AsyncContext;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletRequestWrapper;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Sees that the target starts and completes asynchronous processing. A container's own callback may never come, and whether a
 * request is still asynchronous when its servlet has returned, containers answer differently.
 */
final class TrackedRequest extends HttpServletRequestWrapper {

    private final FilterExchange exchange;
    /** Of the asynchronous processing started last: the target has it dispatched, so it comes back, whoever completes it. */
    private volatile AtomicBoolean dispatched = new AtomicBoolean();

    private TrackedRequest(HttpServletRequest request, FilterExchange exchange) {
        super(request);
        this.exchange = exchange;
    }

    /** Tracks a request, unless it comes back tracked from a dispatch. */
    static HttpServletRequest of(HttpServletRequest request, FilterExchange exchange) {
        ServletRequest inner = request;
        while (inner instanceof ServletRequestWrapper wrapper) {
            if (inner instanceof TrackedRequest tracked && tracked.exchange == exchange) {
                return request;
            }
            inner = wrapper.getRequest();
        }
        return new TrackedRequest(request, exchange);
    }

    @Override
    public AsyncContext startAsync() {
        return started(super.startAsync());
    }

    @Override
    public AsyncContext startAsync(ServletRequest request, ServletResponse response) {
        return started(super.startAsync(request, response));
    }

    private AsyncContext started(AsyncContext async) {
        dispatched = new AtomicBoolean();
        exchange.started(async);
        return tracked(async);
    }

    @Override
    public AsyncContext getAsyncContext() {
        return tracked(super.getAsyncContext());
    }

    private AsyncContext tracked(AsyncContext async) {
        return (AsyncContext) Proxy.newProxyInstance(
                AsyncContext.class.getClassLoader(),
                new Class<?>[] {AsyncContext.class},
                new TrackedContext(async, exchange, dispatched));
    }

    private record TrackedContext(AsyncContext async, FilterExchange exchange, AtomicBoolean dispatched)
            implements InvocationHandler {
        @Override
        public @Nullable Object invoke(Object proxy, Method method, Object @Nullable [] arguments) throws Throwable {
            if (arguments != null && method.getName().equals("equals")) {
                return isOf(arguments[0]);
            }
            boolean completes = method.getName().equals("complete");
            boolean dispatches = method.getName().equals("dispatch") && dispatched.compareAndSet(false, true);
            boolean done = false;
            try {
                Object result = method.invoke(async, arguments);
                done = true;
                return result;
            } catch (InvocationTargetException e) {
                throw e.getTargetException();
            } finally {
                // A refusal says that it is over already, and the container may never; or that it is to come back.
                if (completes && (done || !dispatched.get())) {
                    exchange.completed();
                } else if (dispatches && !done) {
                    dispatched.set(false);
                }
            }
        }

        /** Whether an object is a proxy of the same: applications keep those of many requests, and look for one of them. */
        private boolean isOf(@Nullable Object other) {
            return other != null
                    && Proxy.isProxyClass(other.getClass())
                    && Proxy.getInvocationHandler(other) instanceof TrackedContext same
                    && same.async.equals(async)
                    && same.exchange == exchange;
        }
    }
}
