package dev.weir.examples;

import dev.weir.examples.Options.BadOptionException;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.jmx.LimiterJmx;
import java.io.Console;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;

/** The main program: the seed's application under its load, with and without Weir; see the README of this module. */
public final class Main {

    private static final int GOOD = 0;
    private static final int MISSED = 1;
    private static final int BAD_OPTIONS = 2;

    /** Longer than a task of the default length. */
    private static final Duration SUSPICIOUS = Duration.ofSeconds(5);

    private final PrintStream out;
    private final PrintStream err;

    Main(PrintStream out, PrintStream err) {
        this.out = out;
        this.err = err;
    }

    /**
     * Runs the program.
     *
     * @param arguments the options; {@code --help} lists them
     * @throws Exception when a run fails
     */
    public static void main(String[] arguments) throws Exception {
        // UTF-8 whatever the platform says: the bars and dots are not ASCII.
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        PrintStream err = new PrintStream(System.err, true, StandardCharsets.UTF_8);
        int code = new Main(out, err).run(List.of(arguments));
        if (code != GOOD) {
            System.exit(code);
        }
    }

    int run(List<String> arguments) throws Exception {
        Options options;
        try {
            options = Options.parse(arguments);
        } catch (BadOptionException e) {
            err.println(e.getMessage());
            err.println();
            err.print(Options.USAGE);
            return BAD_OPTIONS;
        }
        if (options.help()) {
            out.print(Options.USAGE);
            return GOOD;
        }
        return options.serve() ? serve(options) : demonstrate(options);
    }

    // ------------------------------------------------------------------ the demonstration

    private int demonstrate(Options options) throws Exception {
        out.println(Text.format(
                "Weir on %s: %d requests to /hello, one every 2 ms; each is answered at once and leaves %s s of work.",
                options.server().title(), options.tasks(), Text.number(options.taskSeconds())));
        out.println("Meanwhile others ask for /fast all the time, and once for /stream, /file and /upload.");
        List<Result> results = new ArrayList<>();
        for (Setup setup : options.setups()) {
            out.println();
            out.println((results.size() + 1) + ". " + setup.title());
            Result result = new Run(setup, options, new LiveView(out, isTerminal(), options.tasks())).make();
            results.add(result);
            out.println(Text.format(
                    "  %6s   All %d tasks done",
                    Text.seconds(result.workDone()), result.taskStarts().size()));
        }
        Summary summary = new Summary(results);
        out.println();
        out.print(summary.table());
        out.println();
        summary.verdicts().forEach(verdict -> out.println("  " + verdict));
        summary.excuse().ifPresent(excuse -> out.println("  NOTE  " + excuse));
        Path report = options.report().toAbsolutePath().normalize();
        new Report(summary, options.server().title()).write(report);
        out.println();
        out.println("  Report: " + report);
        return options.check() && summary.missed() ? MISSED : GOOD;
    }

    /** Whether a person is looking; from JDK 22 on there may be a console without one. */
    @SuppressWarnings("SystemConsoleNull") // it can be null on JDK 17, and on 25 again
    private static boolean isTerminal() {
        Console console = System.console();
        if (console == null || "dumb".equals(System.getenv("TERM"))) {
            return false;
        }
        try {
            return (Boolean) Console.class.getMethod("isTerminal").invoke(console);
        } catch (ReflectiveOperationException e) {
            return true; // before JDK 22 there is only a console where there is a terminal
        }
    }

    // ------------------------------------------------------------------ serving

    private int serve(Options options) throws Exception {
        LimiterScope limiters = limiters(options);
        LimiterJmx.register(limiters);
        long taskMillis = options.taskTime().toMillis();
        SeedApplication application = new SeedApplication(
                limiters,
                number -> {
                    out.println("Running number " + number);
                    SeedApplication.pause(taskMillis);
                },
                options.allowResize());
        Map<String, ExchangeHandler> routes = application.routes();
        Optional<Planted> planted = options.plant().map(plant -> plant.in(limiters));
        planted.ifPresent(mistake -> routes.put("/mistake", exchange -> {
            mistake.make();
            Exchanges.text(exchange, 200, "Made again\n");
        }));
        Server server = options.server().create();
        int port;
        try {
            port = server.start(routes, options.port());
        } catch (IOException e) {
            err.println("--port=" + options.port() + ": expected a free port: " + e.getMessage());
            server.stop();
            application.close();
            limiters.close();
            return BAD_OPTIONS;
        }
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(server, application, limiters, stopped), "stop"));
        String base = "http://127.0.0.1:" + port;
        out.println(Text.format(
                "Weir on %s at %s; a task takes %s s. Ctrl-C stops it.",
                options.server().title(), base, Text.number(options.taskSeconds())));
        out.println("  " + base + "/limits        what the limiters are doing"
                + (options.allowResize() ? "; resize them there" : ""));
        out.println("  " + base + "/metrics       the same for Prometheus");
        out.println("  curl " + base + "/hello      /fast /stream /file /health likewise");
        out.println("  curl -F file=@pom.xml " + base + "/upload");
        out.println("  seq 100 | xargs -P 100 -I{} curl -s " + base + "/hello      the seed's load");
        options.plant().ifPresent(plant -> {
            out.println("A " + plant.option() + " is planted; what tells of it within " + SUSPICIOUS.toSeconds()
                    + " s is in docs/watching.md");
            out.println("  curl " + base + "/mistake    makes it once more");
        });
        planted.ifPresent(Planted::make);
        stopped.await();
        planted.ifPresent(Planted::close);
        return GOOD;
    }

    /** With a mistake planted it is worth a report who holds a permit for long. */
    private static LimiterScope limiters(Options options) {
        LimiterScope.Builder builder = LimiterScope.builder();
        if (options.plant().isPresent()) {
            builder.each(each -> each.trackHolders(SUSPICIOUS));
        }
        return builder.properties(System.getProperties()).open();
    }

    private void stop(Server server, SeedApplication application, LimiterScope limiters, CountDownLatch stopped) {
        LimiterStatistics background = limiters.background().statistics();
        out.println(Text.format(
                "Stopping: %d background tasks run and %d wait; they have %d s",
                background.inUse(), background.waiting(), Server.STOP_TIMEOUT.toSeconds()));
        try {
            server.stop();
            application.close();
            limiters.close();
            out.println("Stopped, with nothing left undone");
        } catch (Exception e) {
            err.println("Stopped with work left undone: " + limiters.background());
        } finally {
            stopped.countDown();
        }
    }
}
