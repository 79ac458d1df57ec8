package dev.weir.examples;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import jdk.jfr.Recording;

/** A recording of the limiters' events, read with {@code jfr print}, as an operator reads it. */
final class FlightEvents implements AutoCloseable {

    private static final String PREFIX = "dev.weir.limiter.";

    /**
     * One event.
     *
     * @param kind such as {@code Wait}
     * @param fields as they are printed, strings without their quotes
     */
    record Event(String kind, Map<String, String> fields) {
        String field(String name) {
            return fields.getOrDefault(name, "");
        }

        String firstLineOf(String name) {
            return field(name).lines().findFirst().orElse("");
        }
    }

    private final Recording recording = new Recording();
    private final Path file;

    FlightEvents(Path folder) {
        file = folder.resolve("limiters.jfr");
        for (String event : List.of("Wait", "Hold", "Refused", "Resized", "Abandoned", "LeakSuspected", "Deadlock")) {
            recording.enable(PREFIX + event).withoutThreshold();
        }
        recording.start();
    }

    /** The events of a kind about a limiter so far. */
    List<Event> of(String kind, String limiter) throws Exception {
        recording.dump(file);
        return parse(print(file)).stream()
                .filter(event ->
                        event.kind().equals(kind) && event.field("limiter").equals(limiter))
                .toList();
    }

    private static String print(Path file) throws Exception {
        String tool = Path.of(System.getProperty("java.home"), "bin", "jfr").toString();
        Process process = new ProcessBuilder(tool, "print", "--events", PREFIX + "*", file.toString())
                .redirectErrorStream(true)
                .start();
        try (InputStream out = process.getInputStream()) {
            String text = new String(out.readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new AssertionError("jfr print failed: " + text);
            }
            return text;
        }
    }

    private static List<Event> parse(String text) {
        List<Event> events = new ArrayList<>();
        Iterator<String> lines = text.lines().iterator();
        while (lines.hasNext()) {
            String line = lines.next();
            int equals = line.indexOf(" = ");
            if (line.startsWith(PREFIX) && line.endsWith(" {")) {
                events.add(new Event(line.substring(PREFIX.length(), line.length() - 2), new LinkedHashMap<>()));
            } else if (equals > 0 && !events.isEmpty()) {
                events.get(events.size() - 1)
                        .fields()
                        .put(line.substring(0, equals).strip(), value(line.substring(equals + 3), lines));
            }
        }
        return events;
    }

    private static String value(String begin, Iterator<String> lines) {
        StringBuilder value = new StringBuilder(begin.strip());
        if (begin.startsWith("\"") && begin.indexOf('"', 1) < 0) { // a string of several lines
            while (value.charAt(value.length() - 1) != '"') {
                value.append('\n').append(lines.next());
            }
        }
        boolean quoted = begin.startsWith("\"") && value.charAt(value.length() - 1) == '"';
        return quoted ? value.substring(1, value.length() - 1) : value.toString();
    }

    @Override
    public void close() {
        recording.close();
    }
}
