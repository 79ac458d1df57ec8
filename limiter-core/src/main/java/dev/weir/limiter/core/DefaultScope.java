package dev.weir.limiter.core;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterRole;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Registration;
import dev.weir.limiter.ScopeListener;
import dev.weir.limiter.SettingChange;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The four limiters of the roles, and the named groups declared so far. */
final class DefaultScope implements LimiterScope {

    private static final Pattern GROUP_NAME = Pattern.compile("[A-Za-z0-9_-]+");
    private static final long LOOK_NANOS = 1_000_000;

    private final String name;
    private final Map<LimiterRole, CapacityLimiter> roles = new EnumMap<>(LimiterRole.class);
    private final Set<LimiterRole> givenRoles;
    private final Set<CapacityLimiter> given = Collections.newSetFromMap(new IdentityHashMap<>());
    private final List<Configured> made = new ArrayList<>(); // for roles
    private final BiFunction<String, Integer, LimiterSettings> newGroup;
    private final Configuration environment;
    private final ReentrantLock lock = new ReentrantLock();
    private final Map<String, Configured> groups = new LinkedHashMap<>(); // guarded by lock
    private final List<Listening> listeners = new ArrayList<>(); // guarded by lock
    private boolean closed; // guarded by lock
    private volatile Configuration configuration; // written under lock

    /** One listener that was added, perhaps one of several times. */
    private static final class Listening {
        final ScopeListener listener;

        Listening(ScopeListener listener) {
            this.listener = listener;
        }
    }

    /**
     * A scope.
     *
     * @param given the limiters of the application's own
     * @param coded what code says of the others
     * @param newGroup what code says of a group that is declared with a capacity
     * @param properties what beats code, and may change
     * @param environment what beats both
     * @throws IllegalArgumentException when a limiter of the application's own is configured
     */
    DefaultScope(
            String name,
            Map<LimiterRole, CapacityLimiter> given,
            Map<LimiterRole, LimiterSettings> coded,
            BiFunction<String, Integer, LimiterSettings> newGroup,
            Configuration properties,
            Configuration environment) {
        this.name = name;
        this.givenRoles = Set.copyOf(given.keySet());
        this.given.addAll(given.values());
        this.newGroup = newGroup;
        this.environment = environment;
        this.configuration = properties.and(environment);
        given.keySet().forEach(configuration::refuseFor);
        roles.putAll(given);
        coded.forEach((role, settings) -> {
            Configured limiter = Configured.make(settings, Optional.of(role), configuration);
            made.add(limiter);
            roles.put(role, limiter.limiter());
        });
        List<String> later = configuration.keysOfGroups();
        if (!later.isEmpty()) {
            Log.info("Configured are limiters that are yet to be declared, by " + later
                    + "; those that are there already are endpoints, background, streaming and shared");
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public CapacityLimiter limiter(LimiterRole role) {
        return Objects.requireNonNull(roles.get(Objects.requireNonNull(role, "role")));
    }

    @Override
    public CapacityLimiter limiter(String name, int capacity) {
        checkGroupName(name);
        LimiterSettings.checkCapacity(capacity);
        Configured group = group(name);
        while (group == null) {
            Configuration now = configuration;
            LimiterSettings coded = newGroup.apply(name, capacity); // runs code of the user
            group = declare(Configured.make(coded, Optional.empty(), now), now);
        }
        int declared = group.coded().capacity();
        if (declared != capacity) {
            throw new IllegalArgumentException("limiter '" + name + "' was declared with capacity " + declared
                    + ", and now with capacity " + capacity + ": expected the same");
        }
        return group.limiter();
    }

    private @Nullable Configured group(String name) {
        lock.lock();
        try {
            Configured group = groups.get(name);
            if (group == null && closed) {
                throw new IllegalStateException("the scope is closed: no new limiter '" + name + "'");
            }
            return group;
        } finally {
            lock.unlock();
        }
    }

    /**
     * Adds a group that was not there a moment ago; if it is now, the new one is of no use.
     *
     * @return null when the configuration has changed meanwhile: the new one is of no use then, either
     */
    private @Nullable Configured declare(Configured fresh, Configuration madeWith) {
        List<Listening> told;
        lock.lock();
        try {
            String group = fresh.coded().name();
            Configured there = group(group);
            if (there != null || configuration != madeWith) {
                return there;
            }
            groups.put(group, fresh);
            told = List.copyOf(listeners);
        } finally {
            lock.unlock();
        }
        tell(told, listener -> listener.added(fresh.limiter()));
        return fresh;
    }

    @Override
    public Registration listen(ScopeListener listener) {
        Listening listening = new Listening(Objects.requireNonNull(listener, "listener"));
        lock.lock();
        try {
            if (!closed) {
                listeners.add(listening);
                return () -> stopListening(listening);
            }
        } finally {
            lock.unlock();
        }
        tell(List.of(listening), ScopeListener::closed);
        return () -> {};
    }

    private void stopListening(Listening listening) {
        lock.lock();
        try {
            listeners.remove(listening);
        } finally {
            lock.unlock();
        }
    }

    private static void tell(List<Listening> told, Consumer<ScopeListener> news) {
        for (Listening listening : told) {
            try {
                news.accept(listening.listener);
            } catch (Throwable e) { // whatever it is, no limiter depends on it
                Log.warning("Listener " + listening.listener.getClass().getName() + " failed", e);
            }
        }
    }

    private static void checkGroupName(String name) {
        if (Configuration.isReserved(name)) {
            throw new IllegalArgumentException(
                    "limiter '" + name + "': expected a name other than 'all' and those of the"
                            + " roles, endpoints, background, streaming and shared");
        }
        if (!GROUP_NAME.matcher(name).matches()) {
            throw new IllegalArgumentException(
                    "limiter '" + name + "': expected a name of letters, digits, '-' and '_'");
        }
    }

    @Override
    public Collection<CapacityLimiter> limiters() {
        Set<CapacityLimiter> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        List<CapacityLimiter> inOrder = new ArrayList<>();
        lock.lock();
        try {
            roles.values().stream().filter(seen::add).forEach(inOrder::add);
            groups.values().stream().map(Configured::limiter).forEach(inOrder::add);
        } finally {
            lock.unlock();
        }
        return List.copyOf(inOrder);
    }

    @Override
    public List<SettingChange> reconfigure(Map<?, ?> properties) {
        Configuration next = Configuration.ofProperties(properties).and(environment);
        givenRoles.forEach(next::refuseFor);
        List<Configured> changing = new ArrayList<>();
        List<SettingChange> changes = new ArrayList<>();
        lock.lock();
        try {
            List<Configured> all = new ArrayList<>(made);
            all.addAll(groups.values());
            for (Configured limiter : all) {
                limiter.requireSameFixedSettings(configuration, next);
                int capacity = limiter.capacity(next);
                if (capacity != limiter.capacity(configuration)) {
                    changing.add(limiter);
                    changes.add(change(limiter.limiter(), capacity));
                }
            }
            configuration = next;
        } finally {
            lock.unlock();
        }
        resize(changing); // runs code of the user
        return List.copyOf(changes);
    }

    private static SettingChange change(CapacityLimiter limiter, int capacity) {
        return new SettingChange(limiter.name(), "capacity", text(limiter.capacity()), text(capacity));
    }

    private static String text(int capacity) {
        return capacity == CapacityLimiter.UNLIMITED ? "unlimited" : Integer.toString(capacity);
    }

    /**
     * Those that shrink first. T1 and T2 change the same limiter: whoever resizes it last does so after the last change of the
     * configuration, or looks again.
     */
    private void resize(List<Configured> changing) {
        Configuration seen;
        do {
            seen = configuration;
            for (boolean grow : new boolean[] {false, true}) {
                for (Configured limiter : changing) {
                    int capacity = limiter.capacity(seen);
                    int is = limiter.limiter().capacity();
                    if (grow ? capacity > is : capacity < is) {
                        limiter.limiter().resize(capacity);
                    }
                }
            }
        } while (configuration != seen);
    }

    @Override
    public boolean awaitIdle(Duration maxWait) throws InterruptedException {
        long start = System.nanoTime();
        long nanos = Nanos.of(maxWait);
        while (!isIdle()) {
            if (Thread.interrupted()) {
                throw new InterruptedException("interrupted while waiting for " + this);
            }
            if (System.nanoTime() - start >= nanos) {
                return false;
            }
            LockSupport.parkNanos(this, LOOK_NANOS);
        }
        return true;
    }

    /** Idle at two looks, and no permit granted between them: then all were idle at once after the first look. */
    private boolean isIdle() {
        OptionalLong first = acquiredIfIdle();
        return first.isPresent() && first.equals(acquiredIfIdle());
    }

    private OptionalLong acquiredIfIdle() {
        long acquired = 0;
        for (CapacityLimiter limiter : limiters()) {
            LimiterStatistics now = limiter.statistics();
            if (now.inUse() > 0 || now.waiting() > 0) {
                return OptionalLong.empty();
            }
            acquired += now.acquired();
        }
        return OptionalLong.of(acquired);
    }

    @Override
    public void close() {
        List<Listening> told;
        lock.lock();
        try {
            closed = true;
            told = List.copyOf(listeners);
            listeners.clear();
        } finally {
            lock.unlock();
        }
        for (CapacityLimiter limiter : limiters()) {
            if (!given.contains(limiter)) {
                limiter.close();
            }
        }
        tell(told, ScopeListener::closed);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("Limiters:");
        for (CapacityLimiter limiter : limiters()) {
            text.append("\n  ").append(limiter);
        }
        return text.toString();
    }
}
