package dev.weir.limiter.servlet;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.http.Admission;
import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.PermitScope;
import dev.weir.limiter.http.Ticket;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.Filter;
import jakarta.servlet.FilterChain;
import jakarta.servlet.FilterConfig;
import jakarta.servlet.FilterRegistration;
import jakarta.servlet.ServletContext;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Puts a limiter in front of servlets, without a change to them: those that the filter is mapped to.
 *
 * <p>A request that is admitted at once goes straight on. One that has to wait is suspended, so that it holds no thread, and is
 * dispatched when it has a permit; the chain runs on a thread of the container. The permit is held until the servlet has
 * returned and, if it started asynchronous processing, until that has ended, however it ends; or, in {@link
 * PermitScope#HANDLER}, until the servlet has returned. A refused request is answered with 503 and {@code Retry-After}. One
 * whose client resets its HTTP/2 stream while it waits is never run, where the container says so; on HTTP/1.1 no container
 * does, and there the limiter's bounds are what ends a useless wait.
 *
 * <p>The filter is to be mapped for the dispatcher types {@code REQUEST} and {@code ASYNC}, with support of asynchronous
 * processing; {@link #register} does both. The servlets behind it need not support it. Where the filter, or one in front of
 * it, lacks that support, nobody can wait without a thread: a request is then admitted at once or refused at once, and that is
 * logged as a warning, once.
 *
 * <p>Other dispatches of a request that holds its permit, such as forwards, includes and error pages, need no second one.
 *
 * <p>Made with a constructor that takes a limiter, the filter has no init parameters. Made without, as by a {@code web.xml}, it
 * has these, all optional:
 *
 * <ul>
 *   <li>{@code limiter}: the limiter's name; by default the filter's. If the application has put a {@link LimiterScope} into
 *       the attribute {@link #LIMITERS} of its servlet context, that is the name of a role, such as {@code endpoints}, or of a
 *       named group; if not, the filter has a limiter of its own
 *   <li>{@code capacity}: a number from 0, or {@code unlimited}; by default 40; not for a role
 *   <li>{@code max-waiting}: a number from 0; by default 1024; only for a limiter of the filter's own
 *   <li>{@code max-wait}: a time such as {@code 500ms}, {@code 30s}, {@code 2m}, an ISO-8601 duration, or {@code none}; by
 *       default none; only for a limiter of the filter's own
 *   <li>{@code permit-scope}: {@code exchange} or {@code handler}; by default the former
 *   <li>{@code stop-timeout}: as {@link #setStopTimeout}; by default {@code 30s}
 * </ul>
 */
public class LimitFilter implements Filter {

    /** The attribute of the servlet context in which an application puts its {@link LimiterScope}. */
    public static final String LIMITERS = "dev.weir.limiter.LimiterScope";

    private static final System.Logger LOGGER = System.getLogger(LimitFilter.class.getName());

    private static final AtomicLong FILTERS = new AtomicLong();

    /** The attribute of a request with its exchange; other instances have other ones. */
    private final String attribute = LimitFilter.class.getName() + "." + FILTERS.incrementAndGet();

    private final AtomicBoolean warned = new AtomicBoolean();
    private final Stopping stopping = new Stopping();
    private final boolean configured;
    private volatile @Nullable Admission admission;
    private volatile @Nullable CapacityLimiter own;
    private volatile Container container = Container.OTHER;

    /** A filter that its init parameters configure. */
    public LimitFilter() {
        configured = true;
    }

    /**
     * A filter that holds permits until the exchange has ended.
     *
     * @param limiter the budget that is spent
     */
    public LimitFilter(CapacityLimiter limiter) {
        this(limiter, PermitScope.EXCHANGE);
    }

    /**
     * A filter under {@link LimiterScope#endpoints} that holds permits until the exchange has ended.
     *
     * @param limiters the application's limiters
     */
    public LimitFilter(LimiterScope limiters) {
        this(limiters.endpoints());
    }

    /**
     * A filter.
     *
     * @param limiter the budget that is spent
     * @param scope how long a permit is held
     */
    public LimitFilter(CapacityLimiter limiter, PermitScope scope) {
        admission = Admission.of(limiter, scope);
        configured = false;
    }

    /**
     * Registers this filter in front of what else is registered, for the right dispatcher types and with support of
     * asynchronous processing, under a name of its own.
     *
     * @param context the application, not yet started
     * @param urlPatterns what to limit
     * @return the registration
     * @throws IllegalStateException when the application has started
     */
    public final FilterRegistration.Dynamic register(ServletContext context, String... urlPatterns) {
        FilterRegistration.Dynamic registration = context.addFilter(
                "weir-limit-" + context.getFilterRegistrations().size(), this);
        registration.setAsyncSupported(true);
        registration.addMappingForUrlPatterns(
                EnumSet.of(DispatcherType.REQUEST, DispatcherType.ASYNC), true, urlPatterns);
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

    /**
     * Makes ready for requests. Called by the container.
     *
     * @throws ServletException when an init parameter is unknown or its value is bad; the message names the filter, the
     *     parameter, its value and what was expected
     */
    @Override
    public void init(FilterConfig config) throws ServletException {
        container = Container.of(config.getServletContext());
        if (configured) {
            FilterSettings settings = new FilterSettings(config);
            PermitScope scope = settings.permitScope();
            settings.stopTimeout(stopping::setTimeout);
            Optional<CapacityLimiter> shared = settings.fromScope();
            CapacityLimiter limiter = shared.isPresent() ? shared.get() : settings.ownLimiter();
            own = shared.isPresent() ? null : limiter;
            admission = Admission.of(limiter, scope);
        } else if (config.getInitParameterNames().hasMoreElements()) {
            throw new ServletException(
                    "Filter '" + config.getFilterName() + "' was given its limiter in code; unexpected"
                            + " init parameters: " + Collections.list(config.getInitParameterNames()));
        }
    }

    /** Admits the request, or lets one go on that was admitted. Does not block, unless the chain does. */
    @Override
    public void doFilter(ServletRequest request, ServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        if (request instanceof HttpServletRequest http && response instanceof HttpServletResponse answer) {
            filter(http, answer, chain);
        } else {
            chain.doFilter(request, response);
        }
    }

    private void filter(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        DispatcherType type = request.getDispatcherType();
        if (request.getAttribute(attribute) instanceof FilterExchange exchange) {
            if (type == DispatcherType.ASYNC) {
                proceed(exchange, request, response, chain);
            } else {
                chain.doFilter(request, response);
            }
        } else if (type == DispatcherType.ERROR) {
            chain.doFilter(request, response);
        } else {
            admit(request, response, chain);
        }
    }

    private void admit(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        Admission current = Objects.requireNonNull(admission, "the filter was not initialised");
        Drain drain = stopping.drain();
        FilterExchange exchange = new FilterExchange(drain, container, request, response);
        request.setAttribute(attribute, exchange);
        Optional<Ticket> ticket = drain.isDraining() ? Optional.empty() : current.tryAdmit(exchange);
        if (ticket.isPresent()) {
            exchange.admitted(ticket.get());
            proceed(exchange, request, response, chain);
        } else if (request.isAsyncSupported()) {
            exchange.suspend();
            Exchanges.serve(exchange, waiting -> current.admit(waiting, exchange::resume));
        } else {
            warn();
            Exchanges.serve(exchange, current::refuse);
        }
    }

    private static void proceed(
            FilterExchange exchange, HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        Runnable finish = exchange.enter();
        if (finish == null) {
            return; // given up meanwhile: its client has left
        }
        boolean thrown = true;
        try {
            chain.doFilter(TrackedRequest.of(request, exchange), response);
            thrown = false;
        } finally {
            exchange.leave(thrown, finish);
        }
    }

    private void warn() {
        if (warned.compareAndSet(false, true)) {
            LOGGER.log(
                    Level.WARNING,
                    "Requests cannot wait for {0} and are refused at once when it is full: this filter, or one in front"
                            + " of it, lacks <async-supported>true</async-supported>",
                    this);
        }
    }

    /**
     * Begins to stop: from now on requests are answered with 503, and those that were accepted are finished, waiting ones too.
     * To be called before the container is stopped, which may close connections early. Does not block.
     *
     * @return completes when nothing is under way any more
     */
    public final CompletableFuture<Void> shutdown() {
        return stopping.drain().begin();
    }

    /**
     * Stops as {@link #shutdown} does, and blocks until all accepted requests have ended, or the {@linkplain #setStopTimeout
     * time} has passed. A limiter of the filter's own is closed then. Called by the container.
     */
    @Override
    public void destroy() {
        stopping.await(this);
        CapacityLimiter closing = own;
        if (closing != null) {
            closing.close();
        }
    }

    @Override
    public String toString() {
        Admission current = admission;
        return "LimitFilter[" + (current == null ? "not initialised" : current.toString()) + "]";
    }
}
