package dev.weir.examples;

import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import javax.management.openmbean.CompositeData;
import javax.management.openmbean.TabularData;

/** What one of the ways of watching tells of a limiter; in each the words for the same numbers. */
record Told(Map<String, Long> numbers) {

    private static final Pattern HEALTH =
            Pattern.compile("capacity (\\d+), in use (\\d+), waiting (\\d+) of at most (\\d+)");

    private static Told of(Object... namesAndNumbers) {
        Map<String, Long> numbers = new TreeMap<>();
        for (int i = 0; i < namesAndNumbers.length; i += 2) {
            numbers.put((String) namesAndNumbers[i], ((Number) namesAndNumbers[i + 1]).longValue());
        }
        return new Told(numbers);
    }

    /** What is true, as the test knows. */
    static Told truth(int capacity, int inUse, int waiting, int acquired, int queueFull, int withdrawn, int leaked) {
        return of(
                "capacity",
                capacity,
                "in use",
                inUse,
                "waiting",
                waiting,
                "acquired",
                acquired,
                "released",
                acquired - inUse,
                "queue full",
                queueFull,
                "withdrawn",
                withdrawn,
                "leaked",
                leaked,
                "would deadlock",
                0);
    }

    /** The same but for one number. */
    Told with(String name, long number) {
        Map<String, Long> all = new TreeMap<>(numbers);
        all.put(name, number);
        return new Told(all);
    }

    /** Only these numbers: not everybody tells all. */
    Told only(String... names) {
        Map<String, Long> some = new TreeMap<>(numbers);
        some.keySet().retainAll(Set.of(names));
        return new Told(some);
    }

    Told without(String name) {
        Map<String, Long> some = new TreeMap<>(numbers);
        some.remove(name);
        return new Told(some);
    }

    static Told byThePage(Json.Value page, String limiter) {
        Json.Value told = page.get("limiters").with("name", limiter);
        return of(
                "capacity", told.get("capacity").number(),
                "in use", told.get("inUse").number(),
                "waiting", told.get("waiting").number(),
                "acquired", told.get("acquired").number(),
                "released", told.get("released").number(),
                "queue full", told.get("refused").get("queueFull").number(),
                "withdrawn", told.get("withdrawn").number(),
                "leaked", told.get("leaked").number(),
                "would deadlock", told.get("refused").get("wouldDeadlock").number());
    }

    /** Without what was released, which no meter counts. */
    static Told byMetrics(Scrape scrape, String scope, String limiter, String role) {
        String labels = "limiter=\"" + limiter + "\",role=\"" + role + "\",scope=\"" + scope + "\"";
        return of(
                "capacity", scrape.value("weir_limiter_capacity", labels),
                "in use", scrape.value("weir_limiter_in_use", labels),
                "waiting", scrape.value("weir_limiter_waiting", labels),
                "acquired", scrape.value("weir_limiter_acquired_total", labels),
                "queue full", scrape.value("weir_limiter_refused_total", labels + ",reason=\"queue_full\""),
                "withdrawn", scrape.value("weir_limiter_withdrawn_total", labels),
                "leaked", scrape.value("weir_limiter_leaked_total", labels),
                "would deadlock", scrape.value("weir_limiter_refused_total", labels + ",reason=\"would_deadlock\""));
    }

    static Told byJmx(MBeanServer server, String scope, String limiter) throws Exception {
        ObjectName name = new ObjectName("dev.weir:type=Limiter,scope=" + scope + ",name=" + limiter);
        Map<?, ?> refused = ((TabularData) server.getAttribute(name, "Refused"))
                .values().stream()
                        .map(CompositeData.class::cast)
                        .collect(Collectors.toMap(row -> row.get("key"), row -> row.get("value")));
        return of(
                "capacity", server.getAttribute(name, "Capacity"),
                "in use", server.getAttribute(name, "InUse"),
                "waiting", server.getAttribute(name, "Waiting"),
                "acquired", server.getAttribute(name, "Acquired"),
                "released", server.getAttribute(name, "Released"),
                "queue full", Objects.requireNonNull(refused.get("queue_full")),
                "withdrawn", server.getAttribute(name, "Withdrawn"),
                "leaked", server.getAttribute(name, "Leaked"),
                "would deadlock", Objects.requireNonNull(refused.get("would_deadlock")));
    }

    /** Of a limiter that is saturated: of the others it tells nothing. */
    static Told byHealth(String health, String limiter) {
        String line = health.lines()
                .filter(text -> text.startsWith("Limiter '" + limiter + "': "))
                .findFirst()
                .orElseThrow(() -> new AssertionError("nothing about " + limiter + " in " + health));
        Matcher parts = HEALTH.matcher(line);
        if (!parts.find()) {
            throw new AssertionError("no numbers in " + line);
        }
        return of(
                "capacity", Long.valueOf(parts.group(1)),
                "in use", Long.valueOf(parts.group(2)),
                "waiting", Long.valueOf(parts.group(3)));
    }
}
