package dev.weir.examples;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterRole;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** Shows what the limiters of an application are doing: a page for people, and the same numbers as JSON. */
final class LimitsPage {

    private static final String FRAME = Resources.text("limits.html");

    /** Nothing from elsewhere, and nobody may frame it. */
    private static final Headers HTML = Headers.of("Content-Type", "text/html;charset=utf-8")
            .and("Cache-Control", "no-store")
            .and("X-Content-Type-Options", "nosniff")
            .and(
                    "Content-Security-Policy",
                    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self';"
                            + " frame-ancestors 'none'; base-uri 'none'; form-action 'none'");

    private static final Headers JSON =
            Headers.of("Content-Type", "application/json").and("Cache-Control", "no-store");

    private final LimiterScope limiters;

    LimitsPage(LimiterScope limiters) {
        this.limiters = limiters;
    }

    /** The page; with the query {@code now}, only the part of it that changes. */
    void html(Exchange exchange) {
        boolean part = exchange.query().filter("now"::equals).isPresent();
        String page = part ? cards() : Resources.fill(FRAME, Map.of("limiters", cards()));
        Exchanges.send(exchange, 200, HTML, page.getBytes(StandardCharsets.UTF_8));
    }

    void json(Exchange exchange) {
        Exchanges.send(exchange, 200, JSON, json().getBytes(StandardCharsets.UTF_8));
    }

    // ------------------------------------------------------------------ for machines

    String json() {
        return limiters.limiters().stream()
                .map(limiter -> json(limiter.statistics(), roles(limiter)))
                .collect(Collectors.joining(",\n", "{\"limiters\": [\n", "\n]}\n"));
    }

    private static String json(LimiterStatistics now, List<LimiterRole> roles) {
        String capacity =
                now.capacity() == CapacityLimiter.UNLIMITED ? "\"unlimited\"" : Integer.toString(now.capacity());
        String refused = Arrays.stream(RefusalReason.values())
                .map(reason -> Text.json(key(reason)) + ": " + now.refused(reason))
                .collect(Collectors.joining(", ", "{", "}"));
        return "  {\"name\": " + Text.json(now.limiterName())
                + ", \"roles\": "
                + roles.stream().map(role -> Text.json(role.key())).collect(Collectors.joining(", ", "[", "]"))
                + ", \"capacity\": " + capacity
                + ", \"inUse\": " + now.inUse()
                + ", \"waiting\": " + now.waiting()
                + ", \"maxWaiting\": " + now.maxWaiting()
                + ", \"oldestWaitMillis\": " + now.oldestWait().toMillis()
                + ", \"acquired\": " + now.acquired()
                + ", \"released\": " + now.released()
                + ", \"refused\": " + refused
                + ", \"withdrawn\": " + now.withdrawn()
                + ", \"abandoned\": " + now.abandoned() + "}";
    }

    /** Such as queueFull. */
    private static String key(RefusalReason reason) {
        StringBuilder key = new StringBuilder();
        for (String word : reason.name().split("_", -1)) {
            key.append(key.isEmpty() ? word.toLowerCase(Locale.ROOT) : word.charAt(0) + rest(word));
        }
        return key.toString();
    }

    private static String rest(String word) {
        return word.substring(1).toLowerCase(Locale.ROOT);
    }

    /** The roles a limiter has in the application. */
    private List<LimiterRole> roles(CapacityLimiter limiter) {
        return Arrays.stream(LimiterRole.values())
                .filter(role -> limiters.limiter(role).equals(limiter))
                .toList();
    }

    // ------------------------------------------------------------------ for people

    String cards() {
        return limiters.limiters().stream()
                .map(limiter -> card(limiter.statistics(), roles(limiter)))
                .collect(Collectors.joining());
    }

    private static String card(LimiterStatistics now, List<LimiterRole> roles) {
        boolean unlimited = now.capacity() == CapacityLimiter.UNLIMITED;
        boolean full = !unlimited && now.available() <= 0;
        String state = now.waiting() > 0 ? "queueing" : full ? "full" : now.inUse() > 0 ? "busy" : "idle";
        double share = unlimited || now.capacity() == 0
                ? (now.inUse() > 0 ? 100 : 0)
                : Math.min(100, 100.0 * now.inUse() / now.capacity());
        double queue = now.maxWaiting() == 0 ? 0 : Math.min(100, 100.0 * now.waiting() / now.maxWaiting());
        String capacity = unlimited ? "∞" : Integer.toString(now.capacity());
        return Text.format(
                """
                <article class="%s">
                  <header><h2>%s</h2><span class="role">%s</span><span class="state">%s</span></header>
                  <p class="use"><b>%d</b> of %s permits in use</p>
                  <div class="bar" role="img" aria-label="%d of %s permits in use"><i style="width:%s%%"></i></div>
                  <div class="bar queue" role="img" aria-label="%d of at most %d waiting"><i style="width:%s%%"></i></div>
                  <dl>
                    <div><dt>waiting</dt><dd>%d <small>of %d</small></dd></div>
                    <div><dt>oldest wait</dt><dd>%s</dd></div>
                    <div><dt>admitted so far</dt><dd>%d</dd></div>
                    <div><dt>refused</dt><dd>%s</dd></div>
                    <div><dt>left the queue</dt><dd>%d</dd></div>
                    <div><dt>abandoned</dt><dd>%d</dd></div>
                  </dl>
                </article>
                """,
                state,
                Text.html(now.limiterName()),
                Text.html(meaning(roles)),
                state,
                now.inUse(),
                capacity,
                now.inUse(),
                capacity,
                Text.format("%.1f", share),
                now.waiting(),
                now.maxWaiting(),
                Text.format("%.1f", queue),
                now.waiting(),
                now.maxWaiting(),
                wait(now.oldestWait()),
                now.acquired(),
                refusals(now),
                now.withdrawn(),
                now.abandoned());
    }

    /** What kind of work a limiter is for. */
    private static String meaning(List<LimiterRole> roles) {
        if (roles.isEmpty()) {
            return "a group of its own";
        }
        if (roles.size() > 1) {
            return roles.stream().map(LimiterRole::key).collect(Collectors.joining(", "));
        }
        return switch (roles.get(0)) {
            case ENDPOINTS -> "requests that run blocking code";
            case BACKGROUND -> "work that goes on after the response";
            case STREAMING -> "drawing the items of streams";
            case SHARED -> "uploads and files";
        };
    }

    private static String wait(Duration oldest) {
        if (oldest.isZero()) {
            return "–";
        }
        double seconds = oldest.toMillis() / 1000.0;
        return seconds < 1 ? Text.millis(seconds * 1000) : Text.seconds(seconds);
    }

    private static String refusals(LimiterStatistics now) {
        if (now.refused() == 0) {
            return "0";
        }
        return Arrays.stream(RefusalReason.values())
                .filter(reason -> now.refused(reason) > 0)
                .map(reason -> now.refused(reason) + " <small>"
                        + reason.name().toLowerCase(Locale.ROOT).replace('_', ' ') + "</small>")
                .collect(Collectors.joining("<br>"));
    }
}
