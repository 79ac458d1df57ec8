package dev.weir.limiter.core;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.LimiterRole;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.core.watch.Roles;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;

/** Gathers what code and configuration say of a scope. */
final class ScopeBuilder implements LimiterScope.Builder {

    private String name = LimiterScope.DEFAULT_NAME;
    private UnaryOperator<CapacityLimiterBuilder> each = UnaryOperator.identity();
    private final Map<LimiterRole, Integer> capacities = new EnumMap<>(LimiterRole.class);
    private final Map<LimiterRole, CapacityLimiter> given = new EnumMap<>(LimiterRole.class);
    private Configuration properties = Configuration.NONE;
    private Configuration environment = Configuration.NONE;

    @Override
    public LimiterScope.Builder name(String newName) {
        name = LimiterSettings.checkName(newName);
        return this;
    }

    @Override
    public LimiterScope.Builder capacity(int capacity) {
        for (LimiterRole role : LimiterRole.values()) {
            capacity(role, capacity);
        }
        return this;
    }

    @Override
    public LimiterScope.Builder capacity(LimiterRole role, int capacity) {
        Objects.requireNonNull(role, "role");
        LimiterSettings.checkCapacity(capacity);
        capacities.put(role, capacity);
        given.remove(role);
        return this;
    }

    @Override
    public LimiterScope.Builder limiter(LimiterRole role, CapacityLimiter limiter) {
        given.put(Objects.requireNonNull(role, "role"), Objects.requireNonNull(limiter, "limiter"));
        return this;
    }

    @Override
    public LimiterScope.Builder all(CapacityLimiter limiter) {
        for (LimiterRole role : LimiterRole.values()) {
            limiter(role, limiter);
        }
        return this;
    }

    @Override
    public LimiterScope.Builder each(UnaryOperator<CapacityLimiterBuilder> settings) {
        Objects.requireNonNull(settings, "settings");
        UnaryOperator<CapacityLimiterBuilder> before = each;
        each = builder -> settings.apply(before.apply(builder));
        return this;
    }

    @Override
    public LimiterScope.Builder properties(Map<?, ?> more) {
        properties = properties.and(Configuration.ofProperties(more));
        return this;
    }

    @Override
    public LimiterScope.Builder environment(Map<String, String> more) {
        environment = environment.and(Configuration.ofEnvironment(more));
        return this;
    }

    @Override
    public LimiterScope open() {
        Map<LimiterRole, LimiterSettings> coded = new EnumMap<>(LimiterRole.class);
        for (LimiterRole role : LimiterRole.values()) {
            if (!given.containsKey(role)) {
                LimiterSettings settings = settings(role.key()).in(name, role.key());
                Integer capacity = capacities.get(role);
                if (capacity != null) {
                    settings.capacity(capacity);
                }
                coded.put(role, settings);
            }
        }
        UnaryOperator<CapacityLimiterBuilder> toEach = each; // as they are now: the builder may be used again
        String scope = name;
        return new DefaultScope(
                scope,
                given,
                coded,
                (group, capacity) -> {
                    LimiterSettings settings = settings(group, toEach).in(scope, Roles.GROUP);
                    settings.capacity(capacity);
                    return settings;
                },
                properties,
                environment);
    }

    private LimiterSettings settings(String name) {
        return settings(name, each);
    }

    private static LimiterSettings settings(String name, UnaryOperator<CapacityLimiterBuilder> each) {
        LimiterSettings settings = new LimiterSettings(name);
        if (each.apply(settings) != settings) {
            throw new IllegalArgumentException("each: expected the builder it was given to be returned");
        }
        return settings;
    }
}
