package dev.weir.limiter.page;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.Exchanges;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ForkJoinPool;
import java.util.function.Predicate;

/**
 * Changes capacities as somebody asks for it, if the application says that they may.
 *
 * <p>A page from elsewhere must not be able to do that through the browser of somebody who may. Its forms cannot send the header
 * that is asked for here, its scripts cannot either unless we allowed it by CORS, and a browser says itself where a request
 * comes from.
 */
final class Resizing {

    static final String HEADER = "X-Weir-Action";

    private static final System.Logger LOGGER = System.getLogger("dev.weir.limiter");

    private final Watching watching;
    private final Predicate<? super Exchange> allowed;

    Resizing(Watching watching, Predicate<? super Exchange> allowed) {
        this.watching = watching;
        this.allowed = allowed;
    }

    boolean isAllowed(Exchange exchange) {
        return allowed.test(exchange);
    }

    void handle(Exchange exchange) {
        if (!allowed.test(exchange)) {
            answer(exchange, 403, "You are not allowed to resize limiters here.");
        } else if (!isFromHere(exchange)) {
            answer(exchange, 403, "This was asked for by a page from elsewhere; expected the page itself.");
        } else if (exchange.header(HEADER).filter("resize"::equals).isEmpty()) {
            answer(exchange, 403, "Expected the header " + HEADER + ": resize, which keeps pages from elsewhere out.");
        } else {
            read(exchange);
        }
    }

    /** Code of those who get a permit by this runs where it is done: on no thread of the server, and not on ours. */
    @SuppressWarnings("FutureReturnValueIgnored") // what fails is answered
    private void read(Exchange exchange) {
        SmallBody.read(exchange)
                .thenAcceptAsync(body -> resize(exchange, body), ForkJoinPool.commonPool())
                .whenComplete((done, failure) -> {
                    if (failure != null) {
                        Exchanges.fail(exchange, failure);
                    }
                });
    }

    /** Whether it is a page of this origin that asks, or no browser at all. */
    private static boolean isFromHere(Exchange exchange) {
        Optional<String> site = exchange.header("Sec-Fetch-Site");
        if (site.isPresent()) {
            return site.get().equals("same-origin");
        }
        Optional<String> origin = exchange.header("Origin");
        if (origin.isEmpty()) {
            return true;
        }
        int scheme = origin.get().indexOf("://");
        return scheme >= 0
                && exchange.header("Host")
                        .filter(origin.get().substring(scheme + 3)::equalsIgnoreCase)
                        .isPresent();
    }

    private void resize(Exchange exchange, String body) {
        CapacityLimiter limiter;
        int capacity;
        try {
            Form form = Form.parse(body);
            limiter = limiter(form);
            capacity = capacity(form);
        } catch (IllegalArgumentException e) {
            answer(exchange, 400, String.valueOf(e.getMessage()));
            return;
        }
        int before = limiter.capacity();
        limiter.resize(capacity);
        String change = "Limiter '" + limiter.name() + "': capacity " + name(before) + " → " + name(capacity);
        LOGGER.log(
                Level.INFO,
                change + ", asked for on the limits page from "
                        + exchange.remoteAddress().orElse("an unknown address"));
        answer(exchange, 200, change);
    }

    private CapacityLimiter limiter(Form form) {
        String name = form.field("limiter").orElseThrow(() -> new IllegalArgumentException("limiter: expected a name"));
        List<CapacityLimiter> named = watching.named(name);
        if (named.size() != 1) {
            throw new IllegalArgumentException("limiter: expected "
                    + (named.isEmpty()
                            ? "one of " + String.join(", ", watching.names())
                            : "a name that only one limiter has")
                    + ", was '" + name + "'");
        }
        return named.get(0);
    }

    private static int capacity(Form form) {
        String value = form.field("capacity").map(String::strip).orElse("");
        if (value.equals("unlimited")) {
            return CapacityLimiter.UNLIMITED;
        }
        try {
            int capacity = Integer.parseInt(value);
            if (capacity >= 0) {
                return capacity;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new IllegalArgumentException("capacity: expected a number from 0, or 'unlimited', was '" + value + "'");
    }

    private static String name(int capacity) {
        return capacity == CapacityLimiter.UNLIMITED ? "unlimited" : Integer.toString(capacity);
    }

    private static void answer(Exchange exchange, int status, String line) {
        Frame.text(exchange, status, Frame.ANSWER, line);
    }
}
