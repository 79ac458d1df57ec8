package dev.weir.limiter.servlet;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.Endpoint;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import jakarta.servlet.ServletContext;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRegistration;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;

/**
 * Answers requests with a portable handler, one that runs unchanged on every server. Threads of the container are never
 * blocked: blocking code runs on workers of its limiter, bodies are read and written without blocking.
 *
 * <p>The servlet and all filters in front of it must support asynchronous processing; {@link #register} says so for the
 * servlet. For a {@code web.xml}, derive a class with a constructor that takes nothing.
 *
 * <p>The methods of the Servlet API are not for use here: the exchange has all there is of the request.
 */
public class EndpointServlet extends HttpServlet {

    private static final long serialVersionUID = 1L;

    private final transient ExchangeHandler handler;
    private final transient Stopping stopping = new Stopping();

    /**
     * Runs a handler that does not block.
     *
     * @param handler answers the requests, on threads of the container
     */
    public EndpointServlet(ExchangeHandler handler) {
        this.handler = Objects.requireNonNull(handler, "handler");
    }

    /**
     * Runs a blocking endpoint on workers of the limiter.
     *
     * @param limiter the budget that is spent
     * @param endpoint answers the requests
     */
    public EndpointServlet(CapacityLimiter limiter, Endpoint endpoint) {
        this(ExchangeHandler.endpoint(limiter, endpoint));
    }

    /**
     * Registers this servlet with support of asynchronous processing, under a name of its own.
     *
     * @param context the application, not yet started
     * @param urlPatterns where to map it
     * @return the registration
     * @throws IllegalStateException when the application has started
     */
    public final ServletRegistration.Dynamic register(ServletContext context, String... urlPatterns) {
        ServletRegistration.Dynamic registration = context.addServlet(
                "weir-endpoint-" + context.getServletRegistrations().size(), this);
        registration.setAsyncSupported(true);
        registration.addMapping(urlPatterns);
        return registration;
    }

    /**
     * Sets how long {@link #destroy} waits at most. The default is 30 seconds.
     *
     * @param timeout zero does not wait
     * @throws IllegalArgumentException when it is negative
     */
    public final void setStopTimeout(Duration timeout) {
        stopping.setTimeout(timeout);
    }

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response)
            throws ServletException, IOException {
        if (request.getAttribute(ServletExchange.CUT) instanceof CutException cut) {
            throw cut;
        }
        if (!request.isAsyncSupported()) {
            throw new ServletException(
                    "Servlet '" + getServletName()
                            + "' needs <async-supported>true</async-supported>, for itself and for every filter in front of it");
        }
        Container container = Container.of(request.getServletContext());
        Exchanges.serve(container.suspend(stopping.drain(), request, response), handler);
    }

    /**
     * Begins to stop: from now on requests are answered with 503, and those that were accepted are finished, with their
     * background tasks. To be called before the container is stopped, which may close connections early. Does not block.
     *
     * @return completes when nothing is under way any more
     */
    public final CompletableFuture<Void> shutdown() {
        return stopping.drain().begin();
    }

    /**
     * Stops as {@link #shutdown} does, and blocks until all accepted requests and their background tasks have ended, or the
     * {@linkplain #setStopTimeout time} has passed. Called by the container.
     */
    @Override
    public void destroy() {
        stopping.await("servlet '" + getServletName() + "'");
    }
}
