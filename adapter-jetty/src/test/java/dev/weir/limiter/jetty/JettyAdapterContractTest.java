package dev.weir.limiter.jetty;

import dev.weir.limiter.tck.AdapterContract;
import dev.weir.limiter.tck.ServerFixture;

/** Jetty keeps the contract of adapters, over HTTP/1.1 and HTTP/2. */
class JettyAdapterContractTest extends AdapterContract {

    @Override
    protected ServerFixture newServer() {
        return new JettyFixture(EndpointHandler::new);
    }
}
