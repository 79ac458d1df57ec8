/**
 * The contract of a limiter and of a server adapter, as tests to inherit.
 */
open module dev.weir.limiter.tck {
    requires transitive dev.weir.limiter;
    requires static transitive org.jspecify;
    requires transitive org.junit.jupiter.api;
    requires java.management;
    requires org.assertj.core;

    exports dev.weir.limiter.tck;
}
