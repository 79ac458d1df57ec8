package dev.weir.benchmarks.servers;

import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import java.util.function.UnaryOperator;

/** Weir's limits as the sites use them. */
final class Limits {

    /** The capacity of everything here: Weir's default. */
    static final int CAPACITY = 40;

    private Limits() {}

    /** Weir's defaults, but for some settings. */
    static LimiterScope with(UnaryOperator<CapacityLimiterBuilder> settings) {
        return LimiterScope.builder().capacity(CAPACITY).each(settings).open();
    }

    static ExchangeHandler work(LimiterScope limits, Work work) {
        return ExchangeHandler.endpoint(limits, exchange -> {
            work.run();
            Exchanges.text(exchange, 200, Site.BODY);
        });
    }

    @SuppressWarnings("FutureReturnValueIgnored") // nobody waits for a background task
    static ExchangeHandler leave(LimiterScope limits, Work work) {
        return ExchangeHandler.endpoint(limits, exchange -> {
            Exchanges.background(exchange, limits, work);
            Exchanges.text(exchange, 200, Site.BODY);
        });
    }
}
