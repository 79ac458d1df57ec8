package dev.weir.limiter.servlet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import jakarta.servlet.FilterConfig;
import jakarta.servlet.ServletContext;
import jakarta.servlet.ServletException;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the init parameters may be; no container is needed for that. */
class FilterSettingsTest {

    private final Map<String, Object> attributes = new HashMap<>();

    private FilterConfig config(Map<String, String> parameters) {
        ServletContext context = (ServletContext) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {ServletContext.class}, (proxy, method, arguments) -> {
                    return switch (method.getName()) {
                        case "getServerInfo" -> "test";
                        case "getAttribute" -> attributes.get((String) arguments[0]);
                        default -> throw new UnsupportedOperationException(method.getName());
                    };
                });
        return (FilterConfig) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {FilterConfig.class}, (proxy, method, arguments) -> {
                    return switch (method.getName()) {
                        case "getFilterName" -> "orders";
                        case "getServletContext" -> context;
                        case "getInitParameter" -> parameters.get((String) arguments[0]);
                        case "getInitParameterNames" -> Collections.enumeration(parameters.keySet());
                        default -> throw new UnsupportedOperationException(method.getName());
                    };
                });
    }

    @ParameterizedTest
    @CsvSource({
        "capacity, -1, a number from 0",
        "capacity, many, unlimited",
        "max-waiting, -5, a number from 0",
        "max-wait, soon, 500ms",
        "max-wait, 0s, 500ms",
        "permit-scope, request, exchange or handler",
        "stop-timeout, -1s, 30s",
        "stop-timeout, PT-1S, 30s"
    })
    void badValueIsRefusedNamingParameterValueAndWhatWasExpected(String name, String value, String expected) {
        assertThatThrownBy(() -> new LimitFilter().init(config(Map.of(name, value))))
                .isInstanceOf(ServletException.class)
                .hasMessageContaining("'orders'")
                .hasMessageContaining("'" + name + "'")
                .hasMessageContaining("'" + value + "'")
                .hasMessageContaining(expected);
    }

    @Test
    void unknownParameterIsRefused() {
        assertThatThrownBy(() -> new LimitFilter().init(config(Map.of("capactiy", "3"))))
                .isInstanceOf(ServletException.class)
                .hasMessageContaining("'capactiy'")
                .hasMessageContaining("capacity");
    }

    @ParameterizedTest
    @CsvSource({
        "capacity, unlimited",
        "capacity, 0",
        "max-wait, none",
        "max-wait, 500ms",
        "max-wait, PT1M",
        "max-wait, 2m",
        "permit-scope, handler",
        "stop-timeout, 0s"
    })
    void goodValueIsTaken(String name, String value) throws Exception {
        LimitFilter filter = new LimitFilter();
        assertThatCode(() -> filter.init(config(Map.of(name, value)))).doesNotThrowAnyException();
        filter.destroy();
    }

    @Test
    void limiterIsNamedAfterTheFilter() throws Exception {
        LimitFilter filter = new LimitFilter();
        filter.init(config(Map.of("capacity", "3")));
        assertThat(filter.toString()).contains("orders").contains("3");
        filter.destroy();
    }

    @Test
    void scopeRefusesWhatItsOwnSettingsAreFor() {
        try (LimiterScope scope = LimiterScope.open()) {
            attributes.put(LimitFilter.LIMITERS, scope);
            assertThatThrownBy(() -> new LimitFilter().init(config(Map.of("limiter", "endpoints", "capacity", "3"))))
                    .hasMessageContaining("'capacity'");
            assertThatThrownBy(() -> new LimitFilter().init(config(Map.of("max-wait", "3s"))))
                    .hasMessageContaining("'max-wait'");
            scope.limiter("reports", 5);
            assertThatThrownBy(() -> new LimitFilter().init(config(Map.of("limiter", "reports", "capacity", "6"))))
                    .hasMessageContaining("reports");
        }
    }

    @Test
    void limiterOfTheCodesTakesNoParameters() {
        try (LimiterScope scope = LimiterScope.open()) {
            CapacityLimiter limiter = scope.endpoints();
            assertThatThrownBy(() -> new LimitFilter(limiter).init(config(Map.of("capacity", "3"))))
                    .isInstanceOf(ServletException.class)
                    .hasMessageContaining("capacity");
        }
    }

    @Test
    void rule57StopTimeoutMayBeForEver() throws Exception {
        LimitFilter filter = new LimitFilter();
        filter.setStopTimeout(Duration.ofSeconds(Long.MAX_VALUE));
        filter.init(config(Map.of()));

        filter.destroy();

        assertThat(filter.toString()).contains("closed");
    }

    @Test
    void aLimiterOfTheFiltersOwnIsClosedWithIt() throws Exception {
        LimitFilter filter = new LimitFilter();
        filter.init(config(Map.of()));
        assertThat(filter.toString()).contains("'orders'").doesNotContain("closed");

        filter.destroy();

        assertThat(filter.toString()).contains("closed");
    }

    @Test
    void aLimiterOfTheApplicationsOutlivesTheFilter() throws Exception {
        try (LimiterScope limiters = LimiterScope.open()) {
            attributes.put(LimitFilter.LIMITERS, limiters);
            LimitFilter filter = new LimitFilter();
            filter.init(config(Map.of("limiter", "endpoints")));

            filter.destroy();

            assertThat(filter.toString()).contains("'endpoints'").doesNotContain("closed");
        }
    }
}
