/**
 * The API of Weir: capacity limiters, the verbs that run work under them, and what a provider or a server adapter
 * implements.
 */
module dev.weir.limiter {
    requires static transitive org.jspecify;

    exports dev.weir.limiter;
    exports dev.weir.limiter.http;
    exports dev.weir.limiter.spi;

    uses dev.weir.limiter.spi.LimiterProvider;
}
