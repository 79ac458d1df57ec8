package dev.weir.limiter.core.watch;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterRole;
import dev.weir.limiter.LimiterScope;
import java.util.Arrays;
import java.util.stream.Collectors;

/** What a limiter is in its scope, in a word. */
public final class Roles {

    /** Of a limiter that was watched without a scope. */
    public static final String NONE = "none";

    /** Of a named group. */
    public static final String GROUP = "group";

    private Roles() {}

    /**
     * The roles of a limiter.
     *
     * @param scope its scope
     * @param limiter one of the scope's
     * @return the keys joined by {@code +}, or {@link #GROUP}
     */
    public static String of(LimiterScope scope, CapacityLimiter limiter) {
        String roles = Arrays.stream(LimiterRole.values())
                .filter(role -> scope.limiter(role).equals(limiter))
                .map(LimiterRole::key)
                .collect(Collectors.joining("+"));
        return roles.isEmpty() ? GROUP : roles;
    }
}
