package dev.weir.examples;

import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
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
    }

    private final Recording recording = new Recording();
    private final Path file;

    FlightEvents(Path folder) {
        file = folder.resolve("limiters.jfr");
        for (String event : List.of("Wait", "Hold", "Refused", "Resized", "Abandoned", "LeakSuspected")) {
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
        for (String line : text.split("\\R", -1)) {
            int equals = line.indexOf(" = ");
            if (line.startsWith(PREFIX) && line.endsWith(" {")) {
                events.add(new Event(line.substring(PREFIX.length(), line.length() - 2), new LinkedHashMap<>()));
            } else if (equals > 0 && !events.isEmpty()) {
                String value = line.substring(equals + 3).strip();
                events.get(events.size() - 1)
                        .fields()
                        .put(
                                line.substring(0, equals).strip(),
                                value.startsWith("\"") && value.endsWith("\"")
                                        ? value.substring(1, value.length() - 1)
                                        : value);
            }
        }
        return events;
    }

    @Override
    public void close() {
        recording.close();
    }
}
