package dev.weir.limiter.http;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import java.util.Objects;

/**
 * What a server adapter calls for each request: the portable handler. It runs on a thread of the server and must not block.
 *
 * <p>The factories make handlers of code that does block. A lambda serves what needs no limiter, such as a health check:
 *
 * <pre>{@code
 * ExchangeHandler health = exchange -> Exchanges.text(exchange, 200, "up");
 * }</pre>
 */
@FunctionalInterface
public interface ExchangeHandler {

    /**
     * Answers a request, or starts something that will. Must not block; blocking forms of limiters are refused here on every
     * server, whatever thread it is. What it throws is answered as {@link Exchanges#fail} describes.
     *
     * @param exchange the request and its response
     * @throws Exception when the request cannot be answered
     */
    void handle(Exchange exchange) throws Exception;

    /**
     * Runs a blocking endpoint on workers of the given limiter, holding a permit until it has returned.
     *
     * @param limiter the budget that is spent
     * @param endpoint the blocking code
     * @return a handler that does not block
     */
    static ExchangeHandler endpoint(CapacityLimiter limiter, Endpoint endpoint) {
        return endpoint(limiter, PermitScope.HANDLER, endpoint);
    }

    /**
     * Runs a blocking endpoint under {@link LimiterScope#endpoints}.
     *
     * @param limiters the application's limiters
     * @param endpoint the blocking code
     * @return a handler that does not block
     */
    static ExchangeHandler endpoint(LimiterScope limiters, Endpoint endpoint) {
        return endpoint(limiters.endpoints(), endpoint);
    }

    /**
     * Runs an endpoint on workers of the given limiter, as {@link Admission} describes.
     *
     * @param limiter the budget that is spent
     * @param scope how long a permit is held
     * @param endpoint the code
     * @return a handler that does not block
     */
    static ExchangeHandler endpoint(CapacityLimiter limiter, PermitScope scope, Endpoint endpoint) {
        Admission admission = Admission.of(limiter, scope);
        Objects.requireNonNull(endpoint, "endpoint");
        return exchange -> admission.handle(exchange, endpoint);
    }

    /**
     * Stores a multipart body as {@link Exchanges#upload} does, then runs a blocking endpoint with it. While bytes are awaited
     * neither limiter is in use. A request whose body was stored is refused no more.
     *
     * @param storage the budget for storing slices of the body
     * @param limits how large the body and its parts may be
     * @param limiter the budget for the endpoint
     * @param endpoint the blocking code
     * @return a handler that does not block
     */
    static ExchangeHandler upload(
            CapacityLimiter storage, UploadLimits limits, CapacityLimiter limiter, UploadEndpoint endpoint) {
        Admission admission = Admission.of(limiter, PermitScope.HANDLER);
        Objects.requireNonNull(endpoint, "endpoint");
        return exchange -> Exchanges.upload(exchange, storage, limits)
                .thenAccept(upload -> admission.handleAdmitted(exchange, stored -> endpoint.handle(stored, upload)));
    }

    /**
     * As the other {@code upload}, storing under {@link LimiterScope#shared} and answering under {@link
     * LimiterScope#endpoints}.
     *
     * @param limiters the application's limiters
     * @param limits how large the body and its parts may be
     * @param endpoint the blocking code
     * @return a handler that does not block
     */
    static ExchangeHandler upload(LimiterScope limiters, UploadLimits limits, UploadEndpoint endpoint) {
        return upload(limiters.shared(), limits, limiters.endpoints(), endpoint);
    }
}
