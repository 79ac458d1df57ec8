package dev.weir.limiter.tck;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.RefusalReason;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/** Records every event by name, then hands the name to a reaction, which may throw. */
final class RecordingListener implements LimiterListener {

    final List<String> events = new CopyOnWriteArrayList<>();
    final List<Optional<Throwable>> abandonedOutcomes = new CopyOnWriteArrayList<>();
    private final Consumer<String> reaction;

    RecordingListener() {
        this(event -> {});
    }

    RecordingListener(Consumer<String> reaction) {
        this.reaction = reaction;
    }

    long count(String event) {
        return events.stream().filter(event::equals).count();
    }

    private void record(String event) {
        events.add(event);
        reaction.accept(event);
    }

    @Override
    public void granted(CapacityLimiter limiter, Duration waited) {
        record(waited.isNegative() ? "granted after a negative time" : "granted");
    }

    @Override
    public void released(CapacityLimiter limiter, Duration held) {
        record(held.isNegative() ? "released after a negative time" : "released");
    }

    @Override
    public void refused(CapacityLimiter limiter, RefusalReason reason) {
        record("refused " + reason);
    }

    @Override
    public void withdrawn(CapacityLimiter limiter, Duration waited) {
        record("withdrawn");
    }

    @Override
    public void resized(CapacityLimiter limiter, int from, int to) {
        record("resized " + from + " to " + to);
    }

    @Override
    public void abandoned(CapacityLimiter limiter) {
        record("abandoned");
    }

    @Override
    public void abandonedEnded(CapacityLimiter limiter, Optional<Throwable> failure) {
        abandonedOutcomes.add(failure);
        record("abandonedEnded");
    }
}
