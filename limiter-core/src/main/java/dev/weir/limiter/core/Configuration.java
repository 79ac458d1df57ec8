package dev.weir.limiter.core;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterRole;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Settings that came from properties or the environment, checked as a whole: by limiter ({@value #ALL} for all roles), then by
 * setting.
 */
final class Configuration {

    static final Configuration NONE = new Configuration(Map.of());

    private static final String ALL = "all";
    private static final String PREFIX = "weir.";
    private static final Pattern TIME = Pattern.compile("(\\d{1,9})(ms|s|m|h)");

    /** The settings: each turns a value into a change of a builder, or throws with what it expected. */
    private static final Map<String, Function<String, Consumer<LimiterSettings>>> SETTINGS = Map.of(
            "capacity",
                    value -> {
                        int capacity = value.equals("unlimited")
                                ? CapacityLimiter.UNLIMITED
                                : number(value, "a number from 0, or 'unlimited'");
                        return settings -> settings.capacity(capacity);
                    },
            "max-waiting",
                    value -> {
                        int maxWaiting = number(value, "a number from 0");
                        return settings -> settings.maxWaiting(maxWaiting);
                    },
            "reserve",
                    value -> {
                        int reserve = number(value, "a number from 0");
                        return settings -> settings.reserve(reserve);
                    },
            "max-wait",
                    value -> {
                        if (value.equals("none")) {
                            return LimiterSettings::noMaxWait;
                        }
                        Duration maxWait = time(value);
                        return settings -> settings.maxWait(maxWait);
                    },
            "track-holders",
                    value -> {
                        if (value.equals("none")) {
                            return LimiterSettings::noHolders;
                        }
                        Duration suspicious = time(value);
                        return settings -> settings.trackHolders(suspicious);
                    },
            "virtual-threads",
                    value -> switch (value) {
                        case "true" -> {
                            VirtualCrew.require();
                            yield LimiterSettings::virtualThreads;
                        }
                        case "false" -> LimiterSettings::platformThreads;
                        default -> throw new IllegalArgumentException("'true' or 'false'");
                    });

    private record Entry(String key, Consumer<LimiterSettings> change) {}

    private final Map<String, Map<String, Entry>> byLimiter;

    private Configuration(Map<String, Map<String, Entry>> byLimiter) {
        this.byLimiter = byLimiter;
    }

    static Configuration ofProperties(Map<?, ?> properties) {
        Map<String, Map<String, Entry>> read = new LinkedHashMap<>();
        withDefaults(properties).forEach((anyKey, value) -> {
            if (anyKey instanceof String key && key.startsWith(PREFIX)) {
                int dot = key.lastIndexOf('.');
                if (dot <= PREFIX.length()) {
                    throw unknown(key, "weir.<limiter>.<setting>");
                }
                String limiter = key.substring(PREFIX.length(), dot);
                String setting = key.substring(dot + 1);
                add(read, key, limiter, setting, String.valueOf(value));
            }
        });
        return new Configuration(read);
    }

    /** As a map, properties do not show the defaults they were made with. */
    private static Map<?, ?> withDefaults(Map<?, ?> properties) {
        if (!(properties instanceof Properties layered)) {
            return properties;
        }
        Map<Object, Object> all = new LinkedHashMap<>();
        layered.stringPropertyNames().forEach(key -> all.put(key, layered.getProperty(key)));
        all.putAll(properties);
        return all;
    }

    static Configuration ofEnvironment(Map<String, String> environment) {
        Map<String, Map<String, Entry>> read = new LinkedHashMap<>();
        environment.forEach((key, value) -> {
            if (key.startsWith("WEIR_")) {
                String setting = endOf(key);
                String limiter = key.substring("WEIR_".length(), key.length() - setting.length() - 1);
                add(read, key, limiter, setting, value);
            }
        });
        return new Configuration(read);
    }

    /** The setting a variable ends with, in the spelling of properties. */
    private static String endOf(String variable) {
        for (String setting : SETTINGS.keySet()) {
            String end = "_" + setting.toUpperCase(Locale.ROOT).replace('-', '_');
            if (variable.endsWith(end) && variable.length() > "WEIR_".length() + end.length()) {
                return setting;
            }
        }
        throw unknown(variable, "WEIR_<LIMITER>_<SETTING>");
    }

    private static void add(
            Map<String, Map<String, Entry>> read, String key, String limiter, String setting, String value) {
        Function<String, Consumer<LimiterSettings>> parser = SETTINGS.get(setting);
        if (parser == null || limiter.isBlank() || limiter.indexOf('.') >= 0) {
            throw unknown(key, "weir.<limiter>.<setting>");
        }
        Consumer<LimiterSettings> change;
        try {
            change = parser.apply(value.trim());
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(key + ": expected " + e.getMessage() + ", was '" + value + "'", e);
        } catch (UnsupportedOperationException e) {
            throw new IllegalArgumentException(key + "=" + value + ": " + e.getMessage(), e);
        }
        Entry other = read.computeIfAbsent(group(limiter), any -> new LinkedHashMap<>())
                .put(setting, new Entry(key, change));
        if (other != null) { // which one comes last is the map's whim
            throw new IllegalArgumentException(
                    "keys '" + other.key() + "' and '" + key + "' mean the same: expected one of them");
        }
    }

    private static IllegalArgumentException unknown(String key, String form) {
        List<String> settings = new ArrayList<>(SETTINGS.keySet());
        settings.sort(null);
        return new IllegalArgumentException("unknown key '" + key + "': expected " + form
                + ", where the limiter is endpoints, background, streaming, shared, all or the name of a group,"
                + " and the setting one of " + settings);
    }

    private static int number(String value, String expected) {
        try {
            int number = Integer.parseInt(value);
            if (number >= 0) {
                return number;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new IllegalArgumentException(expected);
    }

    private static Duration time(String value) {
        Duration time = Duration.ZERO;
        Matcher matcher = TIME.matcher(value);
        if (matcher.matches()) {
            long amount = Long.parseLong(matcher.group(1));
            time = switch (matcher.group(2)) {
                case "ms" -> Duration.ofMillis(amount);
                case "s" -> Duration.ofSeconds(amount);
                case "m" -> Duration.ofMinutes(amount);
                default -> Duration.ofHours(amount);
            };
        } else {
            try {
                time = Duration.parse(value);
            } catch (DateTimeParseException e) {
                // said below
            }
        }
        if (time.isZero() || time.isNegative()) {
            throw new IllegalArgumentException("a time of more than zero such as 500ms, 30s, 2m or PT30S, or 'none'");
        }
        return time;
    }

    /** In the environment, letters have no case and a dash is an underscore. */
    private static String group(String name) {
        return name.toLowerCase(Locale.ROOT).replace('-', '_');
    }

    /** Both; where they say something of the same setting, the other counts. */
    Configuration and(Configuration other) {
        Map<String, Map<String, Entry>> both = new LinkedHashMap<>();
        byLimiter.forEach((limiter, entries) -> both.put(limiter, new LinkedHashMap<>(entries)));
        other.byLimiter.forEach((limiter, entries) ->
                both.computeIfAbsent(limiter, any -> new LinkedHashMap<>()).putAll(entries));
        return new Configuration(both);
    }

    void apply(LimiterRole role, LimiterSettings settings) {
        apply(ALL, settings);
        apply(role.key(), settings);
    }

    void apply(String limiter, LimiterSettings settings) {
        byLimiter
                .getOrDefault(group(limiter), Map.of())
                .values()
                .forEach(entry -> entry.change().accept(settings));
    }

    /** The key that sets a setting of a role's limiter. */
    Optional<String> key(LimiterRole role, String setting) {
        return key(role.key(), setting).or(() -> key(ALL, setting));
    }

    /** The key that sets a setting of a group. */
    Optional<String> key(String limiter, String setting) {
        return Optional.ofNullable(
                        byLimiter.getOrDefault(group(limiter), Map.of()).get(setting))
                .map(Entry::key);
    }

    /** The keys of limiters that have no role: groups that are declared later, or names that were misspelt. */
    List<String> keysOfGroups() {
        return byLimiter.entrySet().stream()
                .filter(limiter -> !isReserved(limiter.getKey()))
                .flatMap(limiter -> limiter.getValue().values().stream())
                .map(Entry::key)
                .sorted()
                .toList();
    }

    /** Whether a name means something else than a group here. */
    static boolean isReserved(String limiter) {
        String name = group(limiter);
        return name.equals(ALL)
                || Arrays.stream(LimiterRole.values())
                        .anyMatch(role -> role.key().equals(name));
    }

    /** The role's limiter was handed in, with settings of its own. */
    void refuseFor(LimiterRole role) {
        byLimiter.getOrDefault(role.key(), Map.of()).values().stream()
                .findFirst()
                .ifPresent(entry -> {
                    throw new IllegalArgumentException(entry.key() + ": the limiter for " + role.key()
                            + " was handed in by the application and cannot be configured");
                });
    }
}
