package dev.weir.examples;

import java.math.BigDecimal;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What the user asked for on the command line.
 *
 * @param tasks how many requests to {@code /hello} are sent
 * @param taskTime how long each background task takes
 * @param setups which runs to make, in their order
 * @param server which server to run on
 * @param port where to serve; 0 takes a free one
 * @param serve whether to keep serving instead of making runs
 * @param allowResize whether limiters can be resized from the page
 * @param plant a mistake to make while serving
 * @param check whether a missed figure makes the exit code 1
 * @param report where the report goes
 * @param help whether only the usage is wanted
 */
record Options(
        int tasks,
        Duration taskTime,
        List<Setup> setups,
        ServerKind server,
        int port,
        boolean serve,
        boolean allowResize,
        Optional<Plant> plant,
        boolean check,
        Path report,
        boolean help) {

    static final String USAGE = """
            Options:
              --tasks=100          how many requests to /hello, 1 to 1000
              --task-seconds=2     how long each background task takes, 0.1 to 3600 (the seed's took 10)
              --only=shared|weir   only one of the runs: one limiter for everything, or Weir's defaults
              --check              exit code 1 when a figure misses its target
              --report=FILE        where the report goes (target/weir-report.html)
              --serve              no load: serve until Ctrl-C, for curl and a browser
              --allow-resize       with --serve: limiters can be resized from the page /limits
              --plant=leak|cycle   with --serve: makes a mistake, to see how it is found
              --port=N             where to serve, 0 for any free port (8080 with --serve, else 0)
              --server=NAME        which server to run on: jetty, netty, tomcat or undertow (jetty)
              --help               this text
            """;

    private static final int SERVE_PORT = 8080;
    private static final BigDecimal SHORTEST_TASK = new BigDecimal("0.1");
    private static final BigDecimal LONGEST_TASK = new BigDecimal("3600");

    /** A command line that cannot be followed; the message names the option and what is expected. */
    static final class BadOptionException extends Exception {
        private static final long serialVersionUID = 1L;

        BadOptionException(String option, String expected) {
            super(option + ": expected " + expected);
        }
    }

    static Options parse(List<String> arguments) throws BadOptionException {
        int tasks = 100;
        Duration taskTime = Duration.ofSeconds(2);
        List<Setup> setups = List.of(Setup.values());
        ServerKind server = ServerKind.JETTY;
        int port = -1;
        boolean serve = false;
        boolean allowResize = false;
        Optional<Plant> plant = Optional.empty();
        boolean check = false;
        Path report = Path.of("target", "weir-report.html");
        boolean help = false;
        Set<String> seen = new HashSet<>();
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            String name = equals < 0 ? argument : argument.substring(0, equals);
            String value = equals < 0 ? "" : argument.substring(equals + 1);
            if (!seen.add(name)) {
                throw new BadOptionException(name, "to be given once");
            }
            switch (name) {
                case "--tasks" -> tasks = number(argument, value, 1, 1000);
                case "--task-seconds" -> taskTime = seconds(argument, value);
                case "--only" -> setups = only(argument, value);
                case "--port" -> port = number(argument, value, 0, 65535);
                case "--report" -> report = path(argument, value);
                case "--server" ->
                    server = ServerKind.named(value)
                            .orElseThrow(() -> new BadOptionException(argument, "one of " + ServerKind.names()));
                case "--serve" -> serve = flag(argument, equals);
                case "--allow-resize" -> allowResize = flag(argument, equals);
                case "--plant" -> plant = Optional.of(plant(argument, value));
                case "--check" -> check = flag(argument, equals);
                case "--help" -> help = flag(argument, equals);
                default ->
                    throw new BadOptionException(
                            argument,
                            "an option: --tasks=N, --task-seconds=N, --only=shared|weir, --check, --report=FILE, --serve,"
                                    + " --allow-resize, --plant=" + Plant.names() + ", --port=N, --server="
                                    + ServerKind.names() + " or --help");
            }
        }
        if (serve) {
            for (String other : List.of("--check", "--only", "--report", "--tasks")) {
                if (seen.contains(other)) {
                    throw new BadOptionException(other, "no --serve beside it, since that makes no runs");
                }
            }
        }
        for (String other : List.of("--allow-resize", "--plant")) {
            if (seen.contains(other) && !serve) {
                throw new BadOptionException(other, "--serve beside it");
            }
        }
        if (check && !setups.contains(Setup.WEIR)) {
            throw new BadOptionException("--check", "a run with Weir's defaults: no --only=shared beside it");
        }
        if (port < 0) {
            port = serve ? SERVE_PORT : 0;
        }
        return new Options(tasks, taskTime, setups, server, port, serve, allowResize, plant, check, report, help);
    }

    private static int number(String argument, String value, int least, int most) throws BadOptionException {
        try {
            int number = Integer.parseInt(value);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new BadOptionException(argument, "a whole number from " + least + " to " + most);
    }

    private static Duration seconds(String argument, String value) throws BadOptionException {
        try {
            BigDecimal seconds = new BigDecimal(value);
            if (seconds.compareTo(SHORTEST_TASK) >= 0 && seconds.compareTo(LONGEST_TASK) <= 0) {
                return Duration.ofMillis(seconds.movePointRight(3).longValue());
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new BadOptionException(
                argument, "a number of seconds from " + SHORTEST_TASK + " to " + LONGEST_TASK + ", such as 2 or 0.5");
    }

    private static List<Setup> only(String argument, String value) throws BadOptionException {
        return switch (value) {
            case "shared" -> List.of(Setup.SHARED);
            case "weir" -> List.of(Setup.WEIR, Setup.RESIZED);
            default -> throw new BadOptionException(argument, "shared or weir");
        };
    }

    private static Plant plant(String argument, String value) throws BadOptionException {
        return Plant.named(value).orElseThrow(() -> new BadOptionException(argument, "one of " + Plant.names()));
    }

    private static Path path(String argument, String value) throws BadOptionException {
        try {
            if (!value.isBlank()) {
                return Path.of(value);
            }
        } catch (InvalidPathException e) {
            // said below
        }
        throw new BadOptionException(argument, "the path of a file to write");
    }

    private static boolean flag(String argument, int equals) throws BadOptionException {
        if (equals >= 0) {
            throw new BadOptionException(argument, "no value");
        }
        return true;
    }

    double taskSeconds() {
        return taskTime.toMillis() / 1000.0;
    }
}
