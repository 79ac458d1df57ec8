/** Admits Netty HTTP requests under a limiter. */
module dev.weir.limiter.netty {
    requires transitive dev.weir.limiter;
    requires static transitive org.jspecify;
    requires transitive io.netty.codec.http;
    requires static io.netty.codec.http2;
}
