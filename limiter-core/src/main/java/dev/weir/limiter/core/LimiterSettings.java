package dev.weir.limiter.core;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.ContextCarrier;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.core.flight.Labels;
import dev.weir.limiter.core.watch.Roles;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/** The builder. */
final class LimiterSettings implements CapacityLimiterBuilder {

    private static final Duration DEFAULT_IDLE_TIME = Duration.ofSeconds(10);

    private final String name;
    private Labels labels;
    private int capacity = DEFAULT_CAPACITY;
    private int maxWaiting = DEFAULT_MAX_WAITING;
    private int reserve = DEFAULT_RESERVE;
    private long maxWaitNanos = Long.MAX_VALUE;
    private long suspiciousNanos = Long.MAX_VALUE;
    private boolean virtualThreads;
    private @Nullable Executor workers;
    private Duration workerIdleTime = DEFAULT_IDLE_TIME;
    private final List<LimiterListener> listeners = new ArrayList<>();
    private final List<ContextCarrier> carriers = new ArrayList<>();

    LimiterSettings(String name) {
        this.name = checkName(name);
        this.labels = new Labels(name, Roles.NONE, Roles.NONE);
    }

    /** Says where the limiter belongs. */
    LimiterSettings in(String scope, String role) {
        labels = new Labels(name, role, scope);
        return this;
    }

    static String checkName(String name) {
        if (name.isBlank()) {
            throw new IllegalArgumentException("name: expected something to read, was '" + name + "'");
        }
        return name;
    }

    /** The same settings, to be changed apart from these. */
    LimiterSettings copy() {
        LimiterSettings copy = new LimiterSettings(name);
        copy.labels = labels;
        copy.capacity = capacity;
        copy.maxWaiting = maxWaiting;
        copy.reserve = reserve;
        copy.maxWaitNanos = maxWaitNanos;
        copy.suspiciousNanos = suspiciousNanos;
        copy.virtualThreads = virtualThreads;
        copy.workers = workers;
        copy.workerIdleTime = workerIdleTime;
        copy.listeners.addAll(listeners);
        copy.carriers.addAll(carriers);
        return copy;
    }

    /** The settings that configuration can set and a limiter cannot change, as configuration has them. */
    Map<String, String> fixed() {
        Map<String, String> fixed = new LinkedHashMap<>();
        fixed.put("max-waiting", Integer.toString(maxWaiting));
        fixed.put("max-wait", text(maxWaitNanos));
        fixed.put("track-holders", text(suspiciousNanos));
        fixed.put("reserve", Integer.toString(reserve));
        fixed.put("virtual-threads", workers == null ? Boolean.toString(virtualThreads) : "an executor");
        return fixed;
    }

    private static String text(long nanos) {
        return nanos == Long.MAX_VALUE ? "none" : Duration.ofNanos(nanos).toString();
    }

    static void checkCapacity(int capacity) {
        checkNotNegative("capacity", capacity);
    }

    private static void checkNotNegative(String setting, int value) {
        if (value < 0) {
            throw new IllegalArgumentException(setting + ": expected 0 or more, was " + value);
        }
    }

    private static void checkPositive(String setting, Duration value) {
        if (value.isZero() || value.isNegative()) {
            throw new IllegalArgumentException(setting + ": expected more than zero, was " + value);
        }
    }

    @Override
    public CapacityLimiterBuilder capacity(int newCapacity) {
        checkCapacity(newCapacity);
        capacity = newCapacity;
        return this;
    }

    @Override
    public CapacityLimiterBuilder maxWaiting(int newMaxWaiting) {
        checkNotNegative("maxWaiting", newMaxWaiting);
        maxWaiting = newMaxWaiting;
        return this;
    }

    @Override
    public CapacityLimiterBuilder maxWait(Duration newMaxWait) {
        checkPositive("maxWait", newMaxWait);
        maxWaitNanos = Nanos.of(newMaxWait);
        return this;
    }

    /** As long as anybody likes, which is the default. */
    void noMaxWait() {
        maxWaitNanos = Long.MAX_VALUE;
    }

    @Override
    public CapacityLimiterBuilder trackHolders(Duration suspicious) {
        checkPositive("suspicious", suspicious);
        suspiciousNanos = Nanos.of(suspicious);
        return this;
    }

    /** Nobody is followed, which is the default. */
    void noHolders() {
        suspiciousNanos = Long.MAX_VALUE;
    }

    @Override
    public CapacityLimiterBuilder reserve(int newReserve) {
        checkNotNegative("reserve", newReserve);
        reserve = newReserve;
        return this;
    }

    @Override
    public CapacityLimiterBuilder virtualThreads() {
        VirtualCrew.require();
        virtualThreads = true;
        workers = null;
        return this;
    }

    /** Threads of the limiter's own that are platform threads, which is the default. */
    void platformThreads() {
        virtualThreads = false;
        workers = null;
    }

    @Override
    public CapacityLimiterBuilder workers(Executor newWorkers) {
        workers = Objects.requireNonNull(newWorkers, "workers");
        virtualThreads = false;
        return this;
    }

    @Override
    public CapacityLimiterBuilder workerIdleTime(Duration idleTime) {
        checkPositive("workerIdleTime", idleTime);
        workerIdleTime = idleTime;
        return this;
    }

    @Override
    public CapacityLimiterBuilder listener(LimiterListener listener) {
        listeners.add(Objects.requireNonNull(listener, "listener"));
        return this;
    }

    @Override
    public CapacityLimiterBuilder context(ContextCarrier carrier) {
        carriers.add(Objects.requireNonNull(carrier, "carrier"));
        return this;
    }

    @Override
    public CapacityLimiter build() {
        return new GateLimiter(this);
    }

    String name() {
        return name;
    }

    Labels labels() {
        return labels;
    }

    int capacity() {
        return capacity;
    }

    int maxWaiting() {
        return maxWaiting;
    }

    int reserve() {
        return reserve;
    }

    long suspiciousNanos() {
        return suspiciousNanos;
    }

    long maxWaitNanos() {
        return maxWaitNanos;
    }

    List<LimiterListener> listeners() {
        return listeners;
    }

    List<ContextCarrier> carriers() {
        return carriers;
    }

    /**
     * The threads for a limiter.
     *
     * @param maxTasks how many tasks may be under way at the moment
     */
    Crew newCrew(IntSupplier maxTasks) {
        Executor given = workers;
        if (given != null) {
            return new ForeignCrew(given);
        }
        return virtualThreads
                ? new VirtualCrew(name)
                : new PlatformCrew(name, maxTasks, workerIdleTime, Timer::onTimerThread);
    }
}
