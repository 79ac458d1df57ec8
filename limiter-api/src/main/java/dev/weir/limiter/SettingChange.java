package dev.weir.limiter;

import java.util.Objects;

/**
 * What a new configuration has changed.
 *
 * @param limiterName the limiter
 * @param setting the setting, as in configuration: {@code capacity}
 * @param before its value before
 * @param after its value now
 */
public record SettingChange(String limiterName, String setting, String before, String after) {

    /**
     * Refuses null.
     *
     * @param limiterName the limiter
     * @param setting the setting
     * @param before its value before
     * @param after its value now
     */
    public SettingChange {
        Objects.requireNonNull(limiterName, "limiterName");
        Objects.requireNonNull(setting, "setting");
        Objects.requireNonNull(before, "before");
        Objects.requireNonNull(after, "after");
    }

    /** Such as {@code endpoints capacity 40 → 60}. */
    @Override
    public String toString() {
        return limiterName + " " + setting + " " + before + " → " + after;
    }
}
