package dev.weir.limiter.page;

import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A page that shows what the limiters of a scope are doing: use, waiting, waits, refusals, and who holds permits, now and over
 * the last minutes. To be mounted at any path, where only those come who may know:
 *
 * <pre>{@code
 * LimitsPage page = LimitsPage.of(scope); // an ExchangeHandler, for every adapter; close it with the scope
 * }</pre>
 *
 * <p>It needs no permit and no worker: it answers while every limiter is full, and blocks no thread of the server. Groups that
 * are declared later appear, limiters that were closed go when their last permit is back. Nothing in it comes from elsewhere, and
 * a strict {@code Content-Security-Policy} keeps it so. With JavaScript it is live; without, a snapshot that is taken again
 * every ten seconds.
 *
 * <p><b>Cost.</b> While it is open, one daemon thread looks at the limiters once a second, each keeps up to two or three
 * hundred bytes for each second of history, and for each permit one number is counted. Closed, it costs nothing.
 *
 * <p><b>Answers.</b> {@code GET} and {@code HEAD}: the page, or JSON for those who send {@code Accept: application/json} and do
 * not name {@code text/html}. {@code POST} resizes a limiter where that is {@linkplain Builder#allowResize allowed}, and is
 * answered with 405 elsewhere; other methods too. Who asks while more than thirty others wait for the page is answered with 503.
 *
 * <p><b>JSON.</b> An object with {@code scope}, {@code at} (ISO-8601) and {@code limiters}, a list of objects:
 *
 * <ul>
 *   <li>{@code name}; {@code role}: the keys of its roles, joined by {@code +}, or {@code group}; {@code state}: {@code
 *       refusing}, {@code saturated}, {@code queueing}, {@code full}, {@code paused}, {@code busy}, {@code idle} or {@code
 *       closed}
 *   <li>the numbers of {@link dev.weir.limiter.LimiterStatistics}, by the names of its methods; {@code capacity} and {@code
 *       available} are null when unlimited, {@code oldestWaitMillis} is in milliseconds, {@code refused} an object with a
 *       number for each reason ({@code queueFull}, …)
 *   <li>{@code waitP99Millis}: over the last minute; null when nobody got a permit, or waits are not known
 *   <li>{@code perSecond}: {@code acquired} and {@code refused}, over the last ten seconds
 *   <li>{@code tracksHolders}; {@code holders}: the oldest first, each with {@code thread}, {@code ageMillis}, {@code overdue},
 *       and the stacks {@code askedAt} and {@code nowAt}, innermost frame first
 *   <li>{@code history}: lists of equal length, the oldest first: {@code millisAgo}, {@code inUse}, {@code waiting}, and the
 *       totals {@code acquired} and {@code refused}
 * </ul>
 *
 * Fields may be added. Thread-safe.
 */
public final class LimitsPage implements ExchangeHandler, AutoCloseable {

    private static final String READ = "GET, HEAD";

    private final Watching watching;
    private final Duration history;
    private final @Nullable Resizing resizing;

    private LimitsPage(Watching watching, Duration history, @Nullable Resizing resizing) {
        this.watching = watching;
        this.history = history;
        this.resizing = resizing;
    }

    /**
     * A page with five minutes of history, from which nothing can be changed.
     *
     * @param scope the limiters to show
     * @return a page that has begun to watch; to be closed when it is needed no more, by {@link #close} or with the scope
     */
    public static LimitsPage of(LimiterScope scope) {
        return builder(scope).open();
    }

    /**
     * A builder for a page that needs other than the default settings.
     *
     * @param scope the limiters to show
     * @return a builder with the defaults set
     */
    public static Builder builder(LimiterScope scope) {
        return new Builder(scope);
    }

    /** Answers with the page, or resizes a limiter; see above. Does not block. */
    @Override
    public void handle(Exchange exchange) {
        switch (exchange.method()) {
            case "GET", "HEAD" -> get(exchange);
            case "POST" -> post(exchange);
            default -> refuse(exchange, "Expected " + (resizing == null ? READ : READ + " or POST") + ".");
        }
    }

    private void get(Exchange exchange) {
        if (!watching.ask(() -> show(exchange))) {
            Headers headers = Frame.ANSWER.and("Retry-After", "1");
            Frame.text(exchange, 503, headers, "Too many ask for this page at once: expected a handful of operators.");
        }
    }

    /** On a thread of our own, since taking the stacks of holders may take a while. */
    private void show(Exchange exchange) {
        try {
            if (wantsJson(exchange)) {
                String json = JsonView.of(watching.scopeName(), Instant.now(), watching.look());
                Frame.body(exchange, 200, Frame.ANSWER, "application/json", json);
            } else {
                boolean controls = resizing != null && resizing.isAllowed(exchange);
                String html = HtmlView.of(watching.scopeName(), history, controls, watching.look());
                Frame.body(exchange, 200, Frame.ANSWER, "text/html;charset=utf-8", html);
            }
        } catch (Throwable e) { // of the application's predicate, say
            Exchanges.fail(exchange, e);
        }
    }

    private static boolean wantsJson(Exchange exchange) {
        return exchange.header("Accept")
                .filter(accept -> accept.contains("application/json") && !accept.contains("text/html"))
                .isPresent();
    }

    private void post(Exchange exchange) {
        if (resizing == null) {
            refuse(exchange, "Nothing can be changed from this page: the application has not allowed it.");
        } else {
            resizing.handle(exchange);
        }
    }

    private void refuse(Exchange exchange, String why) {
        Headers headers = Frame.ANSWER.and("Allow", resizing == null ? READ : READ + ", POST");
        Frame.text(exchange, 405, headers, why);
    }

    /**
     * Ends the watching. The page goes on to answer, with the numbers of the moment and no history. Closing the scope does the
     * same; closing again has no effect.
     */
    @Override
    public void close() {
        watching.close();
    }

    /** Settings of a page that is about to be opened. Not thread-safe. */
    public static final class Builder {

        private static final Duration LEAST_HISTORY = Duration.ofSeconds(10);
        private static final Duration MOST_HISTORY = Duration.ofHours(1);

        private final LimiterScope scope;
        private Duration history = Duration.ofMinutes(5);
        private @Nullable Predicate<? super Exchange> allowed;

        private Builder(LimiterScope scope) {
            this.scope = Objects.requireNonNull(scope, "scope");
        }

        /**
         * Sets how far the page looks back.
         *
         * @param length 10 seconds up to an hour; default 5 minutes
         * @return this builder
         * @throws IllegalArgumentException when it is shorter or longer
         */
        public Builder history(Duration length) {
            if (length.compareTo(LEAST_HISTORY) < 0 || length.compareTo(MOST_HISTORY) > 0) {
                throw new IllegalArgumentException("length: expected 10 seconds up to an hour, was " + length);
            }
            history = length;
            return this;
        }

        /**
         * Lets those for whom the predicate holds resize limiters, on the page and by {@code POST}. Without this, nobody can.
         *
         * <p>Such a request has the body {@code limiter=NAME&capacity=NUMBER} or {@code …&capacity=unlimited}, escaped as forms
         * in HTML are, and the header {@code X-Weir-Action: resize}. It is answered with 200 and a line that says what was
         * changed, 400 and what was expected, or 403 for those who may not, and for pages from elsewhere. What was changed is
         * logged, with the {@linkplain Exchange#remoteAddress address} it came from. Listeners of the limiter, and
         * dependents of futures that get a permit by it, run on the common pool.
         *
         * @param mayResize whether whoever sent a request may resize; called for each request, on any thread, and must not block
         * @return this builder
         */
        public Builder allowResize(Predicate<? super Exchange> mayResize) {
            allowed = Objects.requireNonNull(mayResize, "mayResize");
            return this;
        }

        /**
         * Opens the page.
         *
         * @return a page that has begun to watch
         */
        public LimitsPage open() {
            Watching watching = Watching.of(scope, (int) history.toSeconds());
            Resizing resizing = allowed == null ? null : new Resizing(watching, allowed);
            return new LimitsPage(watching, history, resizing);
        }
    }
}
