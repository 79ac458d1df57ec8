package dev.weir.examples;

import java.io.PrintStream;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Shows a run in the terminal while it goes on. On a terminal it draws bars in place; elsewhere it prints a line for each wave
 * of tasks that started.
 */
final class LiveView implements Consumer<Sample> {

    private static final int BAR = 40;
    private static final double REDRAW_SECONDS = 0.1;
    /** A wave has ended when no task has started for this long. */
    private static final double QUIET_SECONDS = 0.12;

    private final PrintStream out;
    private final boolean inPlace;
    private final int tasks;

    private int drawn; // lines to go back for the next drawing
    private double drawnAt = -REDRAW_SECONDS;
    private int started;
    private double startedAt;
    private int told;

    LiveView(PrintStream out, boolean inPlace, int tasks) {
        this.out = out;
        this.inPlace = inPlace;
        this.tasks = tasks;
    }

    @Override
    public synchronized void accept(Sample sample) {
        if (inPlace) {
            if (sample.at() - drawnAt >= REDRAW_SECONDS || sample.done() == tasks) {
                draw(sample);
            }
        } else {
            tell(sample);
        }
    }

    private void draw(Sample sample) {
        drawnAt = sample.at();
        StringBuilder screen = new StringBuilder();
        if (drawn > 0) {
            screen.append("\u001b[").append(drawn).append('A');
        }
        screen.append(Text.format(
                "\u001b[2K  %6s   Running number %d of %d, done %d%n",
                Text.seconds(sample.at()), sample.started(), tasks, sample.done()));
        for (Sample.Use use : sample.limiters()) {
            screen.append(Text.format(
                    "\u001b[2K           %-11s %s %3d of %d in use, %d waiting%n",
                    use.name(), bar(use), use.inUse(), use.capacity(), use.waiting()));
        }
        out.print(screen);
        out.flush();
        drawn = 1 + sample.limiters().size();
    }

    private static String bar(Sample.Use use) {
        int filled =
                use.capacity() == 0 ? 0 : (int) Math.min(BAR, Math.round((double) BAR * use.inUse() / use.capacity()));
        return "█".repeat(filled) + "░".repeat(BAR - filled);
    }

    private void tell(Sample sample) {
        if (sample.started() > started) {
            started = sample.started();
            startedAt = sample.at();
        } else if (started > told && sample.at() - startedAt >= QUIET_SECONDS) {
            told = started;
            out.println(Text.format("  %6s   Running number %-3d   ", Text.seconds(startedAt), started) + uses(sample)
                    + "; " + sample.done() + " done");
            out.flush();
        }
    }

    private static String uses(Sample sample) {
        return sample.limiters().stream()
                .filter(use -> use.inUse() > 0 || use.waiting() > 0)
                .map(use -> use.name() + " " + use.inUse() + "/" + use.capacity() + " in use, " + use.waiting()
                        + " waiting")
                .collect(Collectors.joining(" · "));
    }
}
