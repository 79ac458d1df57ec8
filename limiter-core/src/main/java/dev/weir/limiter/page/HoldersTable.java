package dev.weir.limiter.page;

import dev.weir.limiter.PermitHolder;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Who holds permits, the oldest first, with their stacks; and how to know more. */
final class HoldersTable {

    private static final int MOST = 100;

    /** Where work waits, or what called it: seldom what an operator looks for. */
    private static final List<String> NOT_THE_APPLICATION =
            List.of("java.", "javax.", "jdk.", "sun.", "com.sun.", "dev.weir.limiter.");

    private final Markup html;
    private final Map<String, Integer> alike = new HashMap<>();

    HoldersTable(Markup html) {
        this.html = html;
    }

    void write(List<Look> looks) {
        List<PermitHolder> holders = looks.stream()
                .flatMap(look -> look.holders().stream())
                .sorted(Comparator.comparing(PermitHolder::age).reversed())
                .toList();
        html.add("<section aria-labelledby=\"holders\"><h2 id=\"holders\">Who holds permits</h2>\n");
        if (!holders.isEmpty()) {
            html.add("""
                    <div class="scroll" tabindex="0" role="region" aria-labelledby="holders"><table><thead><tr>
                    <th scope="col">Limiter</th><th scope="col">Held for</th><th scope="col" class="left wide">Thread</th>
                    <th scope="col" class="left">Where</th></tr></thead><tbody>
                    """);
            holders.stream().limit(MOST).forEach(this::row);
            html.add("</tbody></table></div>");
        }
        if (holders.size() > MOST) {
            hint("And " + Words.number(holders.size() - MOST) + " more, who have held theirs for less long.");
        }
        hints(looks, holders.isEmpty());
        html.add("</section>\n");
    }

    private void row(PermitHolder holder) {
        // The same holder has the same id at the next look, so that its stacks stay open.
        String key = Integer.toHexString((holder.limiterName() + holder.threadName() + holder.askedAt()).hashCode());
        html.add("<tr id=\"holder-").add(key).add("-").add(alike.merge(key, 1, Integer::sum));
        html.add("\"><th scope=\"row\">").text(holder.limiterName());
        html.add("</th><td>").text(Words.time(holder.age()));
        html.add(holder.overdue() ? " <span class=\"overdue\">overdue</span>" : "");
        html.add("</td><td class=\"left wide\">").text(holder.threadName());
        html.add("</td><td class=\"left where\"><details><summary>");
        where(holder);
        html.add("</summary><pre>thread '").text(holder.threadName()).add("'\nasked for");
        stack(holder.askedAt());
        if (!holder.nowAt().isEmpty()) {
            html.add("\n\nand now");
            stack(holder.nowAt());
        }
        html.add("</pre></details></td></tr>\n");
    }

    /** Where it works, or else where it asked: the innermost frame of the application's. */
    private void where(PermitHolder holder) {
        boolean works = !holder.nowAt().isEmpty();
        List<StackTraceElement> stack = works ? holder.nowAt() : holder.askedAt();
        String frame = stack.stream()
                .filter(HoldersTable::isOfTheApplication)
                .findFirst()
                .or(() -> stack.stream().findFirst())
                .map(HoldersTable::brief)
                .orElse("not known");
        html.add(works ? "works at <code>" : "asked at <code>").text(frame).add("</code>");
    }

    /** Such as {@code Orders.find(Orders.java:42)}. The stack has the whole name. */
    private static String brief(StackTraceElement frame) {
        String type = frame.getClassName();
        return type.substring(type.lastIndexOf('.') + 1) + "." + frame.getMethodName() + "(" + frame.getFileName() + ":"
                + frame.getLineNumber() + ")";
    }

    private static boolean isOfTheApplication(StackTraceElement frame) {
        return NOT_THE_APPLICATION.stream().noneMatch(frame.getClassName()::startsWith);
    }

    private void stack(List<StackTraceElement> frames) {
        frames.forEach(frame -> html.add("\n  at ").text(frame.toString()));
    }

    private void hints(List<Look> looks, boolean nobody) {
        List<Look> untracked = looks.stream().filter(Look::untracked).toList();
        long unknown = looks.stream()
                .filter(look -> !look.untracked())
                .mapToLong(
                        look -> Math.max(0, look.now().inUse() - look.holders().size()))
                .sum();
        if (unknown > 0) {
            hint(Words.number(unknown)
                    + " permits are held by others, who are not followed: at high rates only a sample is.");
        } else if (nobody && untracked.size() < looks.size()) {
            hint("Nobody, of those limiters that track their holders.");
        }
        if (!untracked.isEmpty()) {
            html.add("<p class=\"hint\">Not tracked: ");
            html.text(untracked.stream().map(look -> look.now().limiterName()).collect(Collectors.joining(", ")));
            html.add(
                    ". To see who holds their permits, set <code>trackHolders(Duration.ofSeconds(30))</code> where a limiter"
                            + " is built, or the property <code>weir.&lt;limiter&gt;.track-holders=30s</code>.</p>\n");
        }
    }

    private void hint(String text) {
        html.add("<p class=\"hint\">").text(text).add("</p>\n");
    }
}
