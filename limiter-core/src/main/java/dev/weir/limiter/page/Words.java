package dev.weir.limiter.page;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.RefusalReason;
import java.time.Duration;
import java.util.Locale;

/** Numbers as people read them, and text that cannot break out of its place. */
final class Words {

    private static final long SECOND = 1_000_000_000;

    private Words() {}

    static String number(long number) {
        return String.format(Locale.ROOT, "%,d", number);
    }

    static String capacity(int capacity) {
        return capacity == CapacityLimiter.UNLIMITED ? "unlimited" : number(capacity);
    }

    /** Such as "40 of 40". */
    static String use(LimiterStatistics now) {
        return number(now.inUse())
                + (now.capacity() == CapacityLimiter.UNLIMITED ? ", unlimited" : " of " + number(now.capacity()));
    }

    static String rate(double perSecond) {
        return perSecond == 0
                ? "0"
                : perSecond < 9.95
                        ? String.format(Locale.ROOT, "%.1f", perSecond)
                        : String.format(Locale.ROOT, "%,.0f", perSecond);
    }

    static String time(Duration time) {
        return time(time.toNanos());
    }

    /** Short, with two digits that matter at least. */
    static String time(long nanos) {
        if (nanos < 1_000_000) {
            return nanos == 0 ? "0 ms" : "< 1 ms";
        }
        if (nanos < SECOND) {
            return nanos / 1_000_000 + " ms";
        }
        long seconds = nanos / SECOND;
        if (seconds < 10) {
            return String.format(Locale.ROOT, "%.1f s", Math.floorDiv(nanos, SECOND / 10) / 10.0);
        }
        if (seconds < 100 && seconds != 60) {
            return seconds + " s";
        }
        long minutes = seconds / 60;
        return minutes < 100 ? two(minutes, "min", seconds % 60, "s") : two(minutes / 60, "h", minutes % 60, "min");
    }

    private static String two(long large, String unit, long small, String smallUnit) {
        return large + " " + unit + (small == 0 ? "" : " " + small + " " + smallUnit);
    }

    /** Such as "queue full". */
    static String reason(RefusalReason reason) {
        return reason.name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }

    /** Text for HTML, inside elements and quoted attributes. */
    static String html(String text) {
        StringBuilder escaped = new StringBuilder(text.length() + 8);
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '&' -> escaped.append("&amp;");
                case '<' -> escaped.append("&lt;");
                case '>' -> escaped.append("&gt;");
                case '"' -> escaped.append("&quot;");
                case '\'' -> escaped.append("&#39;");
                default -> escaped.append(Character.isISOControl(c) ? '\ufffd' : c);
            }
        }
        return escaped.toString();
    }
}
