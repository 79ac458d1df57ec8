package dev.weir.limiter.core;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterRole;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.Registration;
import dev.weir.limiter.ScopeListener;
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
    private final Map<LimiterRole, CapacityLimiter> roles;
    private final Set<CapacityLimiter> given = Collections.newSetFromMap(new IdentityHashMap<>());
    private final BiFunction<String, Integer, CapacityLimiter> newGroup;
    private final ReentrantLock lock = new ReentrantLock();
    private final Map<String, Group> groups = new LinkedHashMap<>(); // guarded by lock
    private final List<Listening> listeners = new ArrayList<>(); // guarded by lock
    private boolean closed; // guarded by lock

    private record Group(CapacityLimiter limiter, int declared) {}

    /** One listener that was added, perhaps one of several times. */
    private static final class Listening {
        final ScopeListener listener;

        Listening(ScopeListener listener) {
            this.listener = listener;
        }
    }

    DefaultScope(
            String name,
            Map<LimiterRole, CapacityLimiter> roles,
            Collection<CapacityLimiter> given,
            BiFunction<String, Integer, CapacityLimiter> newGroup) {
        this.name = name;
        this.roles = new EnumMap<>(roles);
        this.given.addAll(given);
        this.newGroup = newGroup;
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
        Group group = group(name);
        if (group == null) {
            group = declare(name, new Group(newGroup.apply(name, capacity), capacity)); // runs code of the user
        }
        if (group.declared() != capacity) {
            throw new IllegalArgumentException("limiter '" + name + "' was declared with capacity " + group.declared()
                    + ", and now with capacity " + capacity + ": expected the same");
        }
        return group.limiter();
    }

    private @Nullable Group group(String name) {
        lock.lock();
        try {
            Group group = groups.get(name);
            if (group == null && closed) {
                throw new IllegalStateException("the scope is closed: no new limiter '" + name + "'");
            }
            return group;
        } finally {
            lock.unlock();
        }
    }

    /** Adds a group that was not there a moment ago; if it is now, the new one is of no use. */
    private Group declare(String name, Group fresh) {
        List<Listening> told;
        lock.lock();
        try {
            Group group = group(name);
            if (group != null) {
                return group;
            }
            groups.put(name, fresh);
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
        for (LimiterRole role : LimiterRole.values()) {
            if (role.key().equals(name)) {
                throw new IllegalArgumentException(
                        "limiter '" + name + "': expected another name, this one is the role " + role);
            }
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
            groups.values().stream().map(Group::limiter).filter(seen::add).forEach(inOrder::add);
        } finally {
            lock.unlock();
        }
        return List.copyOf(inOrder);
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
