package dev.weir.limiter.http;

/**
 * A handler for a request whose multipart body has been stored. It runs on a worker of its limiter, under a permit, and may
 * block.
 *
 * @see ExchangeHandler#upload
 */
@FunctionalInterface
public interface UploadEndpoint {

    /**
     * Answers a request. The upload's temporary files are removed when the exchange has completed; what is to be kept must have
     * been copied or {@linkplain Part#moveTo moved} by then.
     *
     * @param exchange the request and its response
     * @param upload the stored body
     * @throws Exception when the request cannot be answered; see {@link Endpoint#handle}
     */
    void handle(Exchange exchange, Upload upload) throws Exception;
}
