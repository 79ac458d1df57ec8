package dev.weir.limiter;

import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Who holds a permit, as far as a limiter that {@linkplain CapacityLimiterBuilder#trackHolders tracks holders} knows.
 *
 * @param limiterName the limiter
 * @param threadName the thread that works under the permit, or else the one that asked for it
 * @param age for how long it has been held
 * @param overdue whether that is longer than the limiter takes for normal
 * @param askedAt where the permit was asked for, innermost frame first
 * @param nowAt where the thread that works under it is; empty when there is none that is known
 */
public record PermitHolder(
        String limiterName,
        String threadName,
        Duration age,
        boolean overdue,
        List<StackTraceElement> askedAt,
        List<StackTraceElement> nowAt) {

    /**
     * Copies the stacks.
     *
     * @param limiterName the limiter
     * @param threadName the thread
     * @param age for how long the permit has been held
     * @param overdue whether that is long
     * @param askedAt where it was asked for
     * @param nowAt where the thread is
     */
    public PermitHolder {
        askedAt = List.copyOf(askedAt);
        nowAt = List.copyOf(nowAt);
    }

    /** Several lines: who, for how long, and both stacks. */
    @Override
    public String toString() {
        String text = "permit of limiter '" + limiterName + "' held for " + age.toMillis() + " ms by thread '"
                + threadName + "', asked for" + lines(askedAt);
        return nowAt.isEmpty() ? text : text + "\nand now" + lines(nowAt);
    }

    private static String lines(List<StackTraceElement> stack) {
        return stack.stream().map(frame -> "\n\tat " + frame).collect(Collectors.joining());
    }
}
