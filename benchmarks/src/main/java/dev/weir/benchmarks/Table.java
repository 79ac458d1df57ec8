package dev.weir.benchmarks;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Scores of one group in Markdown. */
final class Table {

    private Table() {}

    /** The last column is what Weir's fastest score is of each: below 1, the other is faster. */
    static String of(String title, List<Score> fastestFirst) {
        StringBuilder table =
                new StringBuilder("### " + title + "\n\n| | per second | ± | Weir's part of it |\n|---|--:|--:|--:|\n");
        Optional<Score> ours = fastestFirst.stream().filter(Score::isOurs).findFirst();
        for (Score score : fastestFirst) {
            String part = ours.filter(any -> !score.isOurs())
                    .map(weir -> String.format(Locale.ROOT, "%.2f", weir.score() / score.score()))
                    .orElse("");
            table.append(String.format(
                    Locale.ROOT,
                    "| %s | %,.0f | %.0f %% | %s |%n",
                    score.name(),
                    score.score() * perSecond(score.unit()),
                    100 * score.error() / score.score(),
                    part));
        }
        return table.toString();
    }

    private static double perSecond(String unit) {
        return switch (unit) {
            case "ops/s" -> 1;
            case "ops/ms" -> 1_000;
            case "ops/us" -> 1_000_000;
            default -> throw new IllegalArgumentException("unit: expected ops/s, ops/ms or ops/us, was " + unit);
        };
    }
}
