package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.LimiterScope;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The dashboard asks for what a scrape really has. */
class DashboardTest {

    private static final Path DASHBOARD = Path.of("..", "docs", "grafana", "weir.json");
    private static final Pattern QUERY = Pattern.compile("\"(?:expr|query)\": \"((?:[^\"\\\\]|\\\\.)*)\"");
    private static final Pattern METRIC = Pattern.compile("weir_\\w+");
    private static final Pattern LABELS = Pattern.compile("by \\(([^)]*)\\)|(\\w+)=~|label_values\\([^,]*, (\\w+)\\)");

    @Test
    void everyMetricAndLabelOfTheDashboardIsInTheScrape() throws Exception {
        List<String> queries = queries();
        Set<String> metrics = new TreeSet<>();
        Set<String> labels = new TreeSet<>();
        for (String query : queries) {
            METRIC.matcher(query).results().map(MatchResult::group).forEach(metrics::add);
            LABELS.matcher(query).results().forEach(found -> labels.addAll(words(found)));
        }
        assertThat(queries).hasSizeGreaterThan(10);
        assertThat(metrics).hasSizeGreaterThan(10);
        assertThat(labels).contains("scope", "limiter", "reason", "le");

        try (LimiterScope limiters = LimiterScope.open()) {
            PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
            Snippets.histograms(registry);
            Snippets.metrics(limiters, registry);
            Scrape scrape = Scrape.of(registry.scrape());

            assertThat(scrape.names()).containsAll(metrics);
            String samples = String.join("\n", scrape.samples().keySet());
            assertThat(labels).allSatisfy(label -> assertThat(samples).contains(label + "=\""));
        }
    }

    private static List<String> queries() throws IOException {
        List<String> queries = new ArrayList<>();
        QUERY.matcher(Files.readString(DASHBOARD)).results().forEach(found -> queries.add(found.group(1)));
        return queries;
    }

    private static List<String> words(MatchResult found) {
        for (int group = 1; group <= found.groupCount(); group++) {
            if (found.group(group) != null) {
                return List.of(found.group(group).split(", "));
            }
        }
        throw new IllegalStateException("the pattern of labels has no group for " + found.group());
    }
}
