package dev.weir.limiter.http;

import java.util.HashMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.TreeMap;

/**
 * Chooses the handler of a request by its path, so that each route has the limiter it was made with. Immutable.
 *
 * <pre>{@code
 * Routes.to("/hello", ExchangeHandler.endpoint(scope, hello))
 *         .and("/reports/*", ExchangeHandler.endpoint(reports, report))
 *         .and("/health", exchange -> Exchanges.text(exchange, 200, "up"))
 * }</pre>
 *
 * <p>A path that ends in {@code /*} stands for all paths below, others for themselves. The longest that fits is taken; a
 * request that none fits is answered with 404, unless there is an {@link #otherwise}. Paths are compared as they are sent,
 * encoded and without the query.
 */
public final class Routes implements ExchangeHandler {

    private static final ExchangeHandler NOT_FOUND = exchange -> Exchanges.text(exchange, 404, "Not Found");

    private final Map<String, ExchangeHandler> paths;
    /** From longest to shortest prefix. */
    private final NavigableMap<String, ExchangeHandler> prefixes;

    private final ExchangeHandler otherwise;

    private Routes(
            Map<String, ExchangeHandler> paths,
            NavigableMap<String, ExchangeHandler> prefixes,
            ExchangeHandler otherwise) {
        this.paths = paths;
        this.prefixes = prefixes;
        this.otherwise = otherwise;
    }

    /**
     * One route.
     *
     * @param path the path, which begins with a slash; below it if it ends in {@code /*}
     * @param handler answers requests to it
     * @return the routes
     * @throws IllegalArgumentException when the path does not begin with a slash
     */
    public static Routes to(String path, ExchangeHandler handler) {
        return new Routes(Map.of(), new TreeMap<>(), NOT_FOUND).and(path, handler);
    }

    /**
     * These routes and one more.
     *
     * @param path the path, which begins with a slash; below it if it ends in {@code /*}
     * @param handler answers requests to it
     * @return new routes
     * @throws IllegalArgumentException when the path does not begin with a slash, or has a route already
     */
    public Routes and(String path, ExchangeHandler handler) {
        Objects.requireNonNull(handler, "handler");
        if (!path.startsWith("/")) {
            throw new IllegalArgumentException("path: expected to begin with a slash, was '" + path + "'");
        }
        Map<String, ExchangeHandler> morePaths = new HashMap<>(paths);
        NavigableMap<String, ExchangeHandler> morePrefixes = new TreeMap<>(prefixes);
        ExchangeHandler former = path.endsWith("/*")
                ? morePrefixes.put(path.substring(0, path.length() - 1), handler)
                : morePaths.put(path, handler);
        if (former != null) {
            throw new IllegalArgumentException("path: " + path + " has a route already");
        }
        return new Routes(morePaths, morePrefixes, otherwise);
    }

    /**
     * These routes, and a handler for what none of them fits.
     *
     * @param handler answers the other requests
     * @return new routes
     */
    public Routes otherwise(ExchangeHandler handler) {
        return new Routes(paths, prefixes, Objects.requireNonNull(handler, "handler"));
    }

    @Override
    public void handle(Exchange exchange) throws Exception {
        choose(exchange.path()).handle(exchange);
    }

    private ExchangeHandler choose(String path) {
        ExchangeHandler exact = paths.get(path);
        if (exact != null) {
            return exact;
        }
        // Prefixes of one path sort by length, so the longest is the first that fits on the way down.
        for (Map.Entry<String, ExchangeHandler> entry :
                prefixes.headMap(path, true).descendingMap().entrySet()) {
            if (path.startsWith(entry.getKey())) {
                return entry.getValue();
            }
        }
        return otherwise;
    }

    @Override
    public String toString() {
        return "Routes" + paths.keySet() + prefixes.keySet();
    }
}
