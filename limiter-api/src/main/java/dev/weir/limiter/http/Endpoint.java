package dev.weir.limiter.http;

/**
 * A handler that may block, the same on every server. It runs on a worker of its limiter, under a permit.
 *
 * @see ExchangeHandler#endpoint
 */
@FunctionalInterface
public interface Endpoint {

    /**
     * Answers a request, or starts something that will, such as {@link Exchanges#stream}. What it throws before the response
     * is committed is answered as {@link Exchanges#fail} describes, and afterwards cuts the response.
     *
     * @param exchange the request and its response
     * @throws Exception when the request cannot be answered
     */
    void handle(Exchange exchange) throws Exception;
}
