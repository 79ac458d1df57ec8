/** Admits Jakarta Servlet requests under a limiter. */
module dev.weir.limiter.servlet {
    requires transitive dev.weir.limiter;
    requires transitive jakarta.servlet;
    requires static transitive org.jspecify;

    exports dev.weir.limiter.servlet;
}
