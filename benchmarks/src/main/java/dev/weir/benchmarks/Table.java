package dev.weir.benchmarks;

import java.util.List;
import java.util.Optional;

/** Scores of one group in Markdown. */
final class Table {

    private Table() {}

    /** The last column is Weir's score divided by each: below 1, the other is faster. Without others there is none. */
    static String of(Group group, List<Score> fastestFirst) {
        boolean compares = fastestFirst.stream().anyMatch(score -> !score.isOurs());
        StringBuilder table = new StringBuilder("## " + group.title + "\n\n" + group.about + "\n\n");
        table.append("| | ").append(group.unit).append(compares ? " | ± | Weir's part |\n" : " | ± |\n");
        table.append(compares ? "|---|--:|--:|--:|\n" : "|---|--:|--:|\n");
        for (Score score : fastestFirst) {
            table.append("| ").append(score.cell()).append(" |");
            if (compares) {
                table.append(' ').append(part(score, fastestFirst)).append(" |");
            }
            table.append('\n');
        }
        return table.toString();
    }

    private static String part(Score score, List<Score> fastestFirst) {
        if (score.isOurs()) {
            return "";
        }
        Optional<Score> ours = fastestFirst.stream()
                .filter(Score::isOurs)
                .filter(our -> score.counterpart().map(our.method()::equals).orElse(true))
                .findFirst();
        return ours.map(our -> Numbers.brief(our.value() / score.value()))
                .map(part -> score.counterpart().isPresent() ? part + " (listener against listener)" : part)
                .orElse("");
    }
}
