package dev.weir.limiter.tck;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.ContextCarrier;
import dev.weir.limiter.LimiterListener;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.function.Function;

/** A builder that only collects; what concerns work is checked and then forgotten. */
final class Settings implements CapacityLimiterBuilder {

    final String name;
    private final Function<Settings, CapacityLimiter> factory;
    int capacity = DEFAULT_CAPACITY;
    int maxWaiting = DEFAULT_MAX_WAITING;
    Optional<Duration> maxWait = Optional.empty();
    List<LimiterListener> listeners = new ArrayList<>();

    Settings(String name, Function<Settings, CapacityLimiter> factory) {
        if (name.isBlank()) {
            throw new IllegalArgumentException("name: expected a name, was blank");
        }
        this.name = name;
        this.factory = factory;
    }

    static int notNegative(String what, int value) {
        if (value < 0) {
            throw new IllegalArgumentException(what + ": expected 0 or more, was " + value);
        }
        return value;
    }

    private static Duration positive(String what, Duration value) {
        if (value.isZero() || value.isNegative()) {
            throw new IllegalArgumentException(what + ": expected more than zero, was " + value);
        }
        return value;
    }

    @Override
    public CapacityLimiterBuilder capacity(int value) {
        capacity = notNegative("capacity", value);
        return this;
    }

    @Override
    public CapacityLimiterBuilder maxWaiting(int value) {
        maxWaiting = notNegative("maxWaiting", value);
        return this;
    }

    @Override
    public CapacityLimiterBuilder maxWait(Duration value) {
        maxWait = Optional.of(positive("maxWait", value));
        return this;
    }

    @Override
    public CapacityLimiterBuilder reserve(int value) {
        notNegative("reserve", value);
        return this;
    }

    @Override
    public CapacityLimiterBuilder virtualThreads() {
        return this;
    }

    @Override
    public CapacityLimiterBuilder workers(Executor value) {
        return this;
    }

    @Override
    public CapacityLimiterBuilder workerIdleTime(Duration value) {
        positive("workerIdleTime", value);
        return this;
    }

    @Override
    public CapacityLimiterBuilder listener(LimiterListener value) {
        listeners.add(Objects.requireNonNull(value, "listener"));
        return this;
    }

    @Override
    public CapacityLimiterBuilder context(ContextCarrier value) {
        return this;
    }

    @Override
    public CapacityLimiter build() {
        return factory.apply(this);
    }
}
