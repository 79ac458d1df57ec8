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
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What the init parameters of a filter say. */
final class FilterSettings {

    private static final Map<String, Duration> UNITS =
            Map.of("ms", Duration.ofMillis(1), "s", Duration.ofSeconds(1), "m", Duration.ofMinutes(1));
    private static final List<String> QUEUE = List.of("max-waiting", "max-wait");
    private static final Set<String> KNOWN =
            new TreeSet<>(List.of("limiter", "capacity", "max-waiting", "max-wait", "permit-scope", "stop-timeout"));

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

    String limiterName() {
        return Optional.ofNullable(config.getInitParameter("limiter")).orElse(config.getFilterName());
    }

    PermitScope permitScope() throws ServletException {
        return value(
                "permit-scope",
                PermitScope.EXCHANGE,
                "exchange or handler",
                text -> PermitScope.valueOf(text.toUpperCase(Locale.ROOT)));
    }

    Duration stopTimeout() throws ServletException {
        return value(
                "stop-timeout",
                Stopping.DEFAULT_TIMEOUT,
                "a time such as 0s, 500ms, 30s or PT1M",
                text -> Stopping.checked(duration(text)));
    }

    /** A limiter of the application's, one that its scope makes, or empty when there is no scope. */
    Optional<CapacityLimiter> fromScope() throws ServletException {
        if (!(config.getServletContext().getAttribute(LimitFilter.LIMITERS) instanceof LimiterScope limiters)) {
            return Optional.empty();
        }
        for (String name : QUEUE) {
            refuse(name, "it is for the settings of the application's limiters");
        }
        String name = limiterName();
        for (LimiterRole role : LimiterRole.values()) {
            if (role.key().equals(name)) {
                refuse("capacity", "it is for the settings of the application's limiters");
                return Optional.of(limiters.limiter(role));
            }
        }
        try {
            return Optional.of(limiters.limiter(name, capacity()));
        } catch (IllegalArgumentException e) {
            throw new ServletException("Filter '" + config.getFilterName() + "': " + e.getMessage(), e);
        }
    }

    CapacityLimiter ownLimiter() throws ServletException {
        CapacityLimiterBuilder builder = CapacityLimiter.builder(limiterName()).capacity(capacity());
        builder.maxWaiting(value(
                "max-waiting",
                CapacityLimiterBuilder.DEFAULT_MAX_WAITING,
                "a number from 0",
                text -> notNegative(Integer.parseInt(text))));
        Duration maxWait =
                value("max-wait", Duration.ZERO, "a time such as 500ms, 30s or PT1M, or none", text -> maxWait(text));
        if (!maxWait.isZero()) {
            builder.maxWait(maxWait);
        }
        return builder.build();
    }

    private int capacity() throws ServletException {
        return value(
                "capacity",
                CapacityLimiterBuilder.DEFAULT_CAPACITY,
                "a number from 0, or unlimited",
                text -> text.equals("unlimited") ? CapacityLimiter.UNLIMITED : notNegative(Integer.parseInt(text)));
    }

    private static int notNegative(int number) {
        if (number < 0) {
            throw new IllegalArgumentException();
        }
        return number;
    }

    private static Duration maxWait(String text) {
        if (text.equals("none")) {
            return Duration.ZERO;
        }
        Duration time = duration(text);
        if (time.isNegative() || time.isZero()) {
            throw new IllegalArgumentException();
        }
        return time;
    }

    private static Duration duration(String text) {
        if (text.startsWith("P") || text.startsWith("p")) {
            return Duration.parse(text);
        }
        String unit = text.replaceFirst("^\\d+", "");
        Duration one = UNITS.get(unit);
        if (one == null) {
            throw new IllegalArgumentException();
        }
        return one.multipliedBy(Long.parseLong(text.substring(0, text.length() - unit.length())));
    }

    private <T> T value(String name, T otherwise, String expected, Function<String, T> parser) throws ServletException {
        String text = config.getInitParameter(name);
        if (text == null) {
            return otherwise;
        }
        try {
            return parser.apply(text.strip());
        } catch (IllegalArgumentException | DateTimeParseException | ArithmeticException e) {
            throw refusal(name, "expected " + expected, e);
        }
    }

    private void refuse(String name, String why) throws ServletException {
        if (config.getInitParameter(name) != null) {
            throw refusal(name, why, null);
        }
    }

    private ServletException refusal(String name, String why, @Nullable Throwable cause) {
        return new ServletException(
                "Filter '" + config.getFilterName() + "': init parameter '" + name + "' is '"
                        + config.getInitParameter(name) + "': " + why,
                cause);
    }
}
