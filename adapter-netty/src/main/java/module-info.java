/** Admits Netty HTTP requests under a limiter. */
module dev.weir.limiter.netty {
    requires transitive dev.weir.limiter;
    requires static transitive org.jspecify;
    requires transitive io.netty.transport;
    requires io.netty.buffer;
    requires io.netty.common;
    requires io.netty.codec;
    requires io.netty.codec.http;
    requires io.netty.handler;
    requires static io.netty.codec.http2;

    exports dev.weir.limiter.netty;
}
