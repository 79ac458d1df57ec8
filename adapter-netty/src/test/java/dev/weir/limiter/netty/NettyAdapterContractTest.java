package dev.weir.limiter.netty;

import dev.weir.limiter.tck.AdapterContract;
import dev.weir.limiter.tck.ServerFixture;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The contract of adapters, over HTTP/1.1. */
class NettyAdapterContractTest extends AdapterContract {

    @RegisterExtension
    static final LeakReports LEAKS = new LeakReports();

    @Override
    protected ServerFixture newServer() {
        return new NettyServer(NettyServer.Protocol.HTTP_1);
    }
}
