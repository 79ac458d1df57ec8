package dev.weir.limiter.metrics;

import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What Prometheus gets to see, line by line. */
final class Scrape {

    private static final Pattern LINE = Pattern.compile("([a-zA-Z_:][\\w:]*)(?:\\{(.*)\\})? (\\S+)");

    private final Map<String, Double> samples = new LinkedHashMap<>();

    static Scrape of(PrometheusMeterRegistry registry) {
        Scrape scrape = new Scrape();
        for (String line : registry.scrape().split("\n", -1)) {
            Matcher parts = LINE.matcher(line);
            if (!line.startsWith("#") && parts.matches()) {
                scrape.samples.put(
                        key(parts.group(1), parts.group(2) == null ? "" : parts.group(2)), number(parts.group(3)));
            }
        }
        return scrape;
    }

    private static double number(String text) {
        return switch (text) {
            case "+Inf" -> Double.POSITIVE_INFINITY;
            case "-Inf" -> Double.NEGATIVE_INFINITY;
            default -> Double.parseDouble(text);
        };
    }

    /** The labels in order, however they are given. */
    private static String key(String name, String labels) {
        return name + new TreeSet<>(Arrays.asList(labels.split(",", -1)));
    }

    /** One sample; the labels as in {@code limiter="a",role="group"}. */
    double value(String name, String labels) {
        Double value = samples.get(key(name, labels));
        if (value == null) {
            throw new AssertionError("no sample " + key(name, labels) + " among " + names());
        }
        return value;
    }

    Map<String, Double> samples() {
        return samples;
    }

    Set<String> names() {
        Set<String> names = new TreeSet<>();
        samples.keySet().forEach(key -> names.add(key.substring(0, key.indexOf('['))));
        return names;
    }
}
