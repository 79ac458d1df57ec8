package dev.weir.limiter.page;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.RefusalReason;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** All about one limiter: now, over the last minutes, in total, and a control. */
final class Card {

    private static final double[] NO_LIMIT = {};

    private final Markup html;
    private final Look look;
    private final LimiterStatistics now;
    private final Duration history;

    Card(Markup html, Look look, Duration history) {
        this.html = html;
        this.look = look;
        this.now = look.now();
        this.history = history;
    }

    void write(boolean control) {
        html.add("<article id=\"limiter-")
                .add(look.number())
                .add("\" aria-labelledby=\"name-")
                .add(look.number())
                .add(look.state().isTrouble() ? "\" class=\"trouble\">" : "\">");
        head();
        plots();
        facts();
        if (control) {
            control();
        }
        html.add("</article>\n");
    }

    private void head() {
        html.add("<h3><span id=\"name-").add(look.number()).add("\">").text(now.limiterName());
        html.add("</span> ").add(state(look)).add("</h3><p class=\"role\">").text(meaning(look.role()));
        html.add("</p><p class=\"use\"><b>").add(Words.number(now.inUse())).add("</b> of ");
        html.add(Words.capacity(now.capacity())).add(" in use");
        if (now.capacity() != CapacityLimiter.UNLIMITED) {
            html.add(", ").add(Words.number(now.available())).add(" free");
        }
        html.add("</p>").add(bar(now));
    }

    static String state(Look look) {
        String word = look.state().word();
        return "<span class=\"state " + word + "\">" + word + "</span>";
    }

    static String bar(LimiterStatistics now) {
        boolean bounded = now.capacity() != CapacityLimiter.UNLIMITED && now.capacity() > 0;
        long share =
                bounded ? Math.min(100, Math.round(100.0 * now.inUse() / now.capacity())) : now.inUse() > 0 ? 100 : 0;
        return "<svg class=\"bar\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
                + "<rect class=\"track\" width=\"100\" height=\"1\"/><rect class=\"fill\" width=\"" + share
                + "\" height=\"1\"/></svg>";
    }

    static String waitP99(Look look) {
        if (!look.hearsOfWaits()) {
            return "not known";
        }
        return look.waitP99().isPresent() ? Words.time(look.waitP99().getAsLong()) : "–";
    }

    private static String meaning(String role) {
        return switch (role) {
            case "endpoints" -> "requests that run blocking code";
            case "background" -> "work that goes on after the response";
            case "streaming" -> "drawing the items of streams";
            case "shared" -> "uploads and files";
            case "group" -> "a group of its own";
            default -> role.replace("+", ", ");
        };
    }

    // ------------------------------------------------------------------ the last minutes

    private void plots() {
        Plot plot = new Plot((int) history.toSeconds(), look.samples(), look.latest());
        double[] inUse = plot.columns(Sample::inUse);
        double[] limit = now.capacity() == CapacityLimiter.UNLIMITED
                ? NO_LIMIT
                : plot.columns(sample -> limit(sample.capacity()));
        double top = Math.max(Plot.highest(inUse), Plot.highest(limit));
        figure("in-use", "In use", Words.number(now.inUse()), whole(inUse), plot.svg(inUse, limit, top));

        double[] waiting = plot.columns(Sample::waiting);
        figure("waiting", "Waiting", Words.number(now.waiting()), whole(waiting), plot.svg(waiting));

        double[] refused = plot.growth(Sample::refused);
        String highest = Words.rate(Plot.highest(refused));
        figure("refused", "Refused each second", Words.rate(look.rates().refused()), highest, plot.svg(refused));

        html.add("<p class=\"axis\" aria-hidden=\"true\"><span>").text(Words.time(history));
        html.add(" ago</span><span>now</span></p>");
    }

    /** An unlimited past does not make the present flat. */
    private static double limit(int capacity) {
        return capacity == CapacityLimiter.UNLIMITED ? 0 : capacity;
    }

    private static String whole(double[] values) {
        return Words.number((long) Plot.highest(values));
    }

    private void figure(String style, String what, String value, String highest, String svg) {
        html.add("<figure class=\"").add(style).add("\"><figcaption><span>").add(what);
        html.add(": <b>").text(value).add("</b> now</span><span>highest ").text(highest);
        html.add("</span></figcaption>").add(svg).add("</figure>");
    }

    // ------------------------------------------------------------------ in total

    private void facts() {
        html.add("<dl>");
        fact("waiting", Words.number(now.waiting()), "of at most " + Words.number(now.maxWaiting()), false);
        fact("oldest wait", now.waiting() == 0 ? "–" : Words.time(now.oldestWait()), "", false);
        fact("wait p99, 1 min", waitP99(look), "", false);
        fact("admitted", Words.number(now.acquired()), Words.rate(look.rates().acquired()) + " each second", false);
        fact("refused", Words.number(now.refused()), refusals(), look.rates().refused() > 0);
        fact("withdrawn", Words.number(now.withdrawn()), "", false);
        fact("abandoned", Words.number(now.abandoned()), "", false);
        fact("leaked", look.untracked() ? "not tracked" : Words.number(now.leaked()), "", now.leaked() > 0);
        html.add("</dl>");
    }

    private void fact(String what, String value, String more, boolean wrong) {
        html.add("<div><dt>").text(what);
        html.add(wrong ? "</dt><dd class=\"wrong\">" : "</dt><dd>").text(value);
        if (!more.isEmpty()) {
            html.add(" <small>").text(more).add("</small>");
        }
        html.add("</dd></div>");
    }

    private String refusals() {
        List<String> reasons = new ArrayList<>();
        for (RefusalReason reason : RefusalReason.values()) {
            double rate = look.rates().refused(reason);
            if (now.refused(reason) > 0) {
                reasons.add(Words.number(now.refused(reason)) + " " + Words.reason(reason)
                        + (rate > 0 ? ", " + Words.rate(rate) + " each second" : ""));
            }
        }
        return String.join("; ", reasons);
    }

    // ------------------------------------------------------------------ the control

    private void control() {
        String capacity = now.capacity() == CapacityLimiter.UNLIMITED ? "unlimited" : Integer.toString(now.capacity());
        html.add("<form class=\"resize\" data-limiter=\"").text(now.limiterName());
        html.add("\"><label for=\"capacity-").add(look.number()).add("\">Capacity</label>");
        html.add("<input id=\"capacity-").add(look.number());
        html.add("\" name=\"capacity\" autocomplete=\"off\" required aria-describedby=\"name-")
                .add(look.number());
        html.add("\" value=\"").add(capacity).add("\"><button>Resize</button><output></output></form>");
    }
}
