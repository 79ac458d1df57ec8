package dev.weir.limiter.core;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterRole;
import java.util.Map;
import java.util.Optional;

/**
 * A limiter that a scope has made, beside what code says of it, so that what a configuration makes of that can be worked out at
 * any time.
 *
 * @param role empty for a named group
 */
record Configured(CapacityLimiter limiter, LimiterSettings coded, Optional<LimiterRole> role) {

    static Configured make(LimiterSettings coded, Optional<LimiterRole> role, Configuration configuration) {
        return new Configured(settings(coded, role, configuration).build(), coded, role);
    }

    private static LimiterSettings settings(
            LimiterSettings coded, Optional<LimiterRole> role, Configuration configuration) {
        LimiterSettings settings = coded.copy();
        if (role.isPresent()) {
            configuration.apply(role.get(), settings);
        } else {
            configuration.apply(coded.name(), settings);
        }
        return settings;
    }

    int capacity(Configuration configuration) {
        return settings(coded, role, configuration).capacity();
    }

    /**
     * Makes sure that another configuration changes nothing of this limiter but its capacity.
     *
     * @throws IllegalArgumentException when it would; the message names the key
     */
    void requireSameFixedSettings(Configuration now, Configuration next) {
        Map<String, String> are = settings(coded, role, now).fixed();
        settings(coded, role, next).fixed().forEach((setting, value) -> {
            String is = are.get(setting);
            if (!value.equals(is)) {
                String key = key(next, setting)
                        .or(() -> key(now, setting))
                        .orElse(limiter.name() + " " + setting); // one of the two says so
                throw new IllegalArgumentException(key + ": expected " + is + " as it is, since this can only be set"
                        + " before limiter '" + limiter.name() + "' is in use, would be " + value
                        + "; capacity can change");
            }
        });
    }

    private Optional<String> key(Configuration configuration, String setting) {
        return role.isPresent() ? configuration.key(role.get(), setting) : configuration.key(coded.name(), setting);
    }
}
