package dev.weir.examples;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What Prometheus makes of {@code /metrics}. */
record Scrape(Map<String, Double> samples) {

    private static final Pattern LINE = Pattern.compile("([a-zA-Z_:][\\w:]*)(?:\\{(.*)\\})? (\\S+)");

    static Scrape of(String text) {
        Map<String, Double> samples = new LinkedHashMap<>();
        for (String line : text.split("\n", -1)) {
            Matcher parts = LINE.matcher(line);
            if (!line.startsWith("#") && parts.matches()) {
                String labels = parts.group(2) == null ? "" : parts.group(2);
                samples.put(
                        key(parts.group(1), labels),
                        Double.parseDouble(parts.group(3).replace("+Inf", "Infinity")));
            }
        }
        return new Scrape(samples);
    }

    /** The labels in order, however they are given. */
    private static String key(String name, String labels) {
        return name + new TreeSet<>(Arrays.asList(labels.split(",", -1)));
    }

    double value(String name, String labels) {
        Double value = samples.get(key(name, labels));
        if (value == null) {
            throw new AssertionError("no sample " + key(name, labels) + " among " + names());
        }
        return value;
    }

    Set<String> names() {
        Set<String> names = new TreeSet<>();
        samples.keySet().forEach(key -> names.add(key.substring(0, key.indexOf('['))));
        return names;
    }
}
