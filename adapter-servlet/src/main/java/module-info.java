/** Admits Servlet requests under a limiter. */
module dev.weir.limiter.servlet {
    requires transitive dev.weir.limiter;
    requires static transitive org.jspecify;
    requires transitive jakarta.servlet;
}
