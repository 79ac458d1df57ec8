package dev.weir.limiter.netty;

import dev.weir.limiter.tck.AdapterContract;
import dev.weir.limiter.tck.ServerFixture;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Netty keeps the contract of adapters. */
class NettyAdapterContractTest extends AdapterContract {

    @RegisterExtension
    static final LeakReports LEAKS = new LeakReports();

    @Override
    protected ServerFixture newServer() {
        return new NettyServer();
    }
}
