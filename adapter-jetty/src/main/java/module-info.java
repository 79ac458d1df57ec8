/** Admits Jetty requests under a limiter. */
module dev.weir.limiter.jetty {
    requires transitive dev.weir.limiter;
    requires static transitive org.jspecify;
    requires transitive org.eclipse.jetty.server;
}
