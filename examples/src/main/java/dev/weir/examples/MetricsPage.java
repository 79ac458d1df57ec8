package dev.weir.examples;

import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.metrics.LimiterMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.nio.charset.StandardCharsets;

/** What Prometheus reads. */
final class MetricsPage implements AutoCloseable {

    private static final Headers TEXT = Headers.of("Content-Type", "text/plain; version=0.0.4; charset=utf-8");

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final LimiterMetrics metrics;

    MetricsPage(LimiterScope limiters) {
        Snippets.histograms(registry);
        metrics = Snippets.metrics(limiters, registry);
    }

    void text(Exchange exchange) {
        Exchanges.send(exchange, 200, TEXT, registry.scrape().getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void close() {
        metrics.close();
        registry.close();
    }
}
