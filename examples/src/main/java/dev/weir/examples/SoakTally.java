package dev.weir.examples;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** What became of the requests. Thread-safe. */
final class SoakTally {

    private final Map<String, LongAdder> counts = new ConcurrentHashMap<>();

    void answered(String status) {
        count(status);
    }

    /** The client left of its own accord. */
    void left() {
        count("left");
    }

    /** The server ended the connection before an answer began. */
    void cut() {
        count("cut");
    }

    /** Nothing came. */
    void unanswered(String request) {
        count("unanswered: " + request);
    }

    private void count(String what) {
        counts.computeIfAbsent(what, first -> new LongAdder()).increment();
    }

    long unanswered() {
        return sum("unanswered");
    }

    long cuts() {
        return sum("cut");
    }

    private long sum(String prefix) {
        return counts.entrySet().stream()
                .filter(entry -> entry.getKey().startsWith(prefix))
                .mapToLong(entry -> entry.getValue().sum())
                .sum();
    }

    long total() {
        return counts.values().stream().mapToLong(LongAdder::sum).sum();
    }

    @Override
    public String toString() {
        return new TreeMap<>(counts).toString();
    }
}
