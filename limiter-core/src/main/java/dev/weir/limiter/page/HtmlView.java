package dev.weir.limiter.page;

import dev.weir.limiter.LimiterStatistics;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;

/** What there is to see, for people: the page. */
final class HtmlView {

    /** Trouble first; else as they were declared. */
    private static final Comparator<Look> TROUBLE_FIRST =
            Comparator.comparingInt(look -> look.state().isTrouble() ? 0 : 1);

    private final Markup html = new Markup();

    private HtmlView() {}

    /**
     * The whole page.
     *
     * @param scope the scope's name
     * @param history how far the plots go back
     * @param controls whether limiters can be resized from it
     * @param looks the limiters
     */
    static String of(String scope, Duration history, boolean controls, List<Look> looks) {
        List<Look> inOrder = looks.stream().sorted(TROUBLE_FIRST).toList();
        List<Look> trouble =
                inOrder.stream().filter(look -> look.state().isTrouble()).toList();
        HtmlView view = new HtmlView();
        view.begin(title(trouble), scope);
        view.verdict(inOrder.size(), trouble);
        view.overview(inOrder);
        view.cards(inOrder, history, controls);
        new HoldersTable(view.html).write(inOrder);
        view.end();
        return view.html.toString();
    }

    private static String title(List<Look> trouble) {
        return trouble.isEmpty()
                ? "Limits"
                : trouble.stream()
                        .map(look ->
                                look.now().limiterName() + " " + look.state().word())
                        .collect(Collectors.joining(", ", "▲ ", " · Limits"));
    }

    private void begin(String title, String scope) {
        html.add("<!DOCTYPE html>\n<html lang=\"en\" data-version=\"")
                .add(Frame.VERSION)
                .add("""
                        ">
                        <head>
                        <meta charset="utf-8">
                        <meta name="viewport" content="width=device-width, initial-scale=1">
                        <meta name="color-scheme" content="light dark">
                        <link rel="icon" href="data:,">
                        <noscript><meta http-equiv="refresh" content="10"></noscript>
                        <title>""")
                .text(title)
                .add("</title>\n<style>")
                .add(Frame.CSS)
                .add("</style>\n</head>\n<body>\n<header class=\"top\"><h1>Limits <small>scope ")
                .text(scope)
                .add("""
                        </small></h1><p id="live">As of loading this page</p></header>
                        <p id="lost" role="alert" hidden></p>
                        <main id="limits">
                        """);
    }

    private void end() {
        html.add("""
                        </main>
                        <footer>This page needs no permit: it answers while every limiter is full. Wait p99: of a hundred who
                        got a permit in the last minute, ninety-nine had waited no longer. Each second: over the last ten
                        seconds.</footer>
                        <script>""").add(Frame.JS).add("</script>\n</body>\n</html>\n");
    }

    // ------------------------------------------------------------------ what needs a look

    private void verdict(int limiters, List<Look> trouble) {
        if (trouble.isEmpty()) {
            html.add("<div class=\"verdict\"><p role=\"status\">")
                    .add(
                            limiters == 0
                                    ? "There are no open limiters."
                                    : limiters == 1
                                            ? "The limiter keeps up."
                                            : "All " + limiters + " limiters keep up.")
                    .add("</p></div>\n");
        } else {
            html.add("<div class=\"verdict trouble\"><p role=\"status\">")
                    .add(trouble.size())
                    .add(" of ")
                    .add(limiters)
                    .add(limiters == 1 ? " limiter" : " limiters")
                    .add(trouble.size() == 1 ? " needs a look</p><ul>" : " need a look</p><ul>");
            trouble.forEach(this::trouble);
            html.add("</ul></div>\n");
        }
    }

    private void trouble(Look look) {
        LimiterStatistics now = look.now();
        html.add("<li>");
        link(look);
        html.add(" is <b>")
                .add(look.state().word())
                .add("</b>: ")
                .add(Words.use(now))
                .add(" in use, ")
                .add(Words.number(now.waiting()))
                .add(" waiting");
        if (now.waiting() > 0) {
            html.add(", the oldest for ").text(Words.time(now.oldestWait()));
        }
        if (now.capacity() == 0) {
            html.add("; capacity 0 admits nobody");
        }
        if (look.rates().refused() > 0) {
            html.add("; ").add(Words.rate(look.rates().refused())).add(" refused each second");
        }
        html.add("</li>");
    }

    private void link(Look look) {
        html.add("<a href=\"#limiter-")
                .add(look.number())
                .add("\">")
                .text(look.now().limiterName())
                .add("</a>");
    }

    // ------------------------------------------------------------------ all limiters in a table

    private void overview(List<Look> looks) {
        html.add("""
                <section aria-labelledby="all"><h2 id="all">All limiters</h2>
                <div class="scroll" tabindex="0" role="region" aria-labelledby="all"><table><thead><tr>
                <th scope="col">Limiter</th><th scope="col" class="left">State</th><th scope="col">In use</th>
                <th scope="col">Waiting</th><th scope="col" class="wide">Oldest wait</th><th scope="col" class="wide">Wait p99, 1 min</th>
                <th scope="col" class="wide">Admitted/s</th><th scope="col" class="wide">Refused/s</th>
                </tr></thead><tbody>
                """);
        looks.forEach(this::row);
        html.add("</tbody></table></div></section>\n");
    }

    private void row(Look look) {
        LimiterStatistics now = look.now();
        html.add("<tr id=\"row-").add(look.number());
        html.add(look.state().isTrouble() ? "\" class=\"trouble\">" : "\">").add("<th scope=\"row\">");
        link(look);
        html.add("</th><td class=\"left\">").add(Card.state(look));
        html.add("</td><td>").add(Words.use(now)).add(Card.bar(now)).add("</td>");
        cell("<td>", Words.number(now.waiting()));
        cell("<td class=\"wide\">", now.waiting() == 0 ? "–" : Words.time(now.oldestWait()));
        cell("<td class=\"wide\">", Card.waitP99(look));
        cell("<td class=\"wide\">", Words.rate(look.rates().acquired()));
        cell("<td class=\"wide\">", Words.rate(look.rates().refused()));
        html.add("</tr>\n");
    }

    private void cell(String begin, String value) {
        html.add(begin).text(value).add("</td>");
    }

    // ------------------------------------------------------------------ each limiter

    private void cards(List<Look> looks, Duration history, boolean controls) {
        html.add("<section aria-labelledby=\"each\"><h2 id=\"each\">The last ")
                .text(Words.time(history))
                .add("</h2><div class=\"cards\">\n");
        looks.forEach(look -> new Card(html, look, history).write(controls));
        html.add("</div></section>\n");
    }
}
