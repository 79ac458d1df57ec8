/** The limiters of Weir, with a Resilience4j bulkhead as the ledger of permits. */
module dev.weir.limiter.core {
    requires transitive dev.weir.limiter;
    requires static transitive org.jspecify;
    requires transitive io.github.resilience4j.bulkhead;
    requires io.github.resilience4j.core;
    requires org.slf4j;
    requires static io.github.resilience4j.micrometer;
    requires static transitive micrometer.core;
    requires static transitive micrometer.observation;
    requires static micrometer.commons;
    requires static context.propagation;
    requires static transitive java.management;
    requires static jdk.jfr;

    exports dev.weir.limiter.core;
    exports dev.weir.limiter.jmx;
    exports dev.weir.limiter.metrics;
    exports dev.weir.limiter.observation;
    exports dev.weir.limiter.page;
    exports dev.weir.limiter.resilience4j;

    provides dev.weir.limiter.spi.LimiterProvider with
            dev.weir.limiter.core.CoreProvider;
}
