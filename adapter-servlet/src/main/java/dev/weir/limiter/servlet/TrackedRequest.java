package dev.weir.limiter.servlet;

import jakarta.servlet.AsyncContext;
import jakarta.servlet.AsyncListener;
import jakarta.servlet.ServletContext;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletRequestWrapper;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import org.jspecify.annotations.Nullable;

/**
 * Sees that the target starts and completes asynchronous processing. A container's own callback may never come, and whether a
 * request is still asynchronous when its servlet has returned, containers answer differently.
 */
final class TrackedRequest extends HttpServletRequestWrapper {

    private final FilterExchange exchange;

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
        exchange.started(async);
        return new TrackedContext(async, exchange);
    }

    @Override
    public AsyncContext getAsyncContext() {
        return new TrackedContext(super.getAsyncContext(), exchange);
    }

    private record TrackedContext(AsyncContext async, FilterExchange exchange) implements AsyncContext {

        @Override
        public void complete() {
            try {
                async.complete();
            } finally {
                exchange.completed();
            }
        }

        @Override
        public void dispatch() {
            async.dispatch();
        }

        @Override
        public void dispatch(String path) {
            async.dispatch(path);
        }

        @Override
        public void dispatch(ServletContext context, String path) {
            async.dispatch(context, path);
        }

        @Override
        public ServletRequest getRequest() {
            return async.getRequest();
        }

        @Override
        public ServletResponse getResponse() {
            return async.getResponse();
        }

        @Override
        public boolean hasOriginalRequestAndResponse() {
            return async.hasOriginalRequestAndResponse();
        }

        @Override
        public void start(Runnable run) {
            async.start(run);
        }

        @Override
        public void addListener(AsyncListener listener) {
            async.addListener(listener);
        }

        @Override
        public void addListener(
                AsyncListener listener, @Nullable ServletRequest request, @Nullable ServletResponse response) {
            async.addListener(listener, request, response);
        }

        @Override
        public <T extends AsyncListener> T createListener(Class<T> type) throws jakarta.servlet.ServletException {
            return async.createListener(type);
        }

        @Override
        public void setTimeout(long timeout) {
            async.setTimeout(timeout);
        }

        @Override
        public long getTimeout() {
            return async.getTimeout();
        }
    }
}
