package dev.weir.limiter.servlet;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.LimiterRole;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.http.PermitScope;
import jakarta.servlet.FilterConfig;
import jakarta.servlet.ServletException;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What the init parameters of a filter say. */
final class FilterSettings {

    private static final List<String> KNOWN =
            List.of("capacity", "limiter", "max-wait", "max-waiting", "permit-scope", "stop-timeout");

    private static final String CAPACITY = "a number from 0, or unlimited";

    private final FilterConfig config;

    FilterSettings(FilterConfig config) throws ServletException {
        this.config = config;
        for (String name : Collections.list(config.getInitParameterNames())) {
            if (!KNOWN.contains(name)) {
                throw new ServletException("Filter '" + config.getFilterName() + "': unknown init parameter '" + name
                        + "', expected one of " + String.join(", ", KNOWN));
            }
        }
    }

    PermitScope permitScope() throws ServletException {
        return read("permit-scope", "exchange or handler", text -> PermitScope.valueOf(text.toUpperCase(Locale.ROOT)))
                .orElse(PermitScope.EXCHANGE);
    }

    void stopTimeout(Consumer<Duration> setter) throws ServletException {
        set("stop-timeout", "a time such as 0s, 500ms, 30s or PT1M", text -> setter.accept(time(text)));
    }

    /** A limiter of the application's, one that its scope makes, or empty when there is no scope. */
    Optional<CapacityLimiter> fromScope() throws ServletException {
        if (!(config.getServletContext().getAttribute(LimitFilter.LIMITERS) instanceof LimiterScope limiters)) {
            return Optional.empty();
        }
        leaveToScope("max-waiting");
        leaveToScope("max-wait");
        String name = limiterName();
        for (LimiterRole role : LimiterRole.values()) {
            if (role.key().equals(name)) {
                leaveToScope("capacity");
                return Optional.of(limiters.limiter(role));
            }
        }
        int capacity =
                read("capacity", CAPACITY, FilterSettings::capacity).orElse(CapacityLimiterBuilder.DEFAULT_CAPACITY);
        try {
            return Optional.of(limiters.limiter(name, capacity));
        } catch (IllegalArgumentException e) {
            throw new ServletException("Filter '" + config.getFilterName() + "': " + e.getMessage(), e);
        }
    }

    CapacityLimiter ownLimiter() throws ServletException {
        CapacityLimiterBuilder builder = CapacityLimiter.builder(limiterName());
        set("capacity", CAPACITY, text -> builder.capacity(capacity(text)));
        set("max-waiting", "a number from 0", text -> builder.maxWaiting(Integer.parseInt(text)));
        set("max-wait", "a time such as 500ms, 30s or PT1M, or none", text -> {
            if (!text.equals("none")) {
                builder.maxWait(time(text));
            }
        });
        return builder.build();
    }

    private static int capacity(String text) {
        return text.equals("unlimited") ? CapacityLimiter.UNLIMITED : Integer.parseInt(text);
    }

    private static Duration time(String text) {
        if (text.endsWith("ms")) {
            return Duration.ofMillis(Long.parseLong(text.substring(0, text.length() - 2)));
        }
        return Duration.parse(text.toUpperCase(Locale.ROOT).startsWith("P") ? text : "PT" + text);
    }

    private String limiterName() {
        return Optional.ofNullable(config.getInitParameter("limiter")).orElse(config.getFilterName());
    }

    private void leaveToScope(String name) throws ServletException {
        if (config.getInitParameter(name) != null) {
            throw refusal(name, "it is for the settings of the application's limiters", null);
        }
    }

    private void set(String name, String expected, Consumer<String> setter) throws ServletException {
        read(name, expected, text -> {
            setter.accept(text);
            return text;
        });
    }

    private <T> Optional<T> read(String name, String expected, Function<String, T> parser) throws ServletException {
        String text = config.getInitParameter(name);
        try {
            return Optional.ofNullable(text).map(String::strip).map(parser);
        } catch (IllegalArgumentException | DateTimeParseException | ArithmeticException e) {
            throw refusal(name, "expected " + expected, e);
        }
    }

    private ServletException refusal(String name, String why, @Nullable Throwable cause) {
        return new ServletException(
                "Filter '" + config.getFilterName() + "': init parameter '" + name + "' is '"
                        + config.getInitParameter(name) + "': " + why,
                cause);
    }
}
