package dev.weir.examples;

import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A headless Chromium with one page, driven by its DevTools protocol. Found on the PATH, or named by {@code -Dweir.chromium};
 * where there is none, tests that want it are skipped.
 */
final class Browser implements AutoCloseable {

    private static final String NONE =
            "no Chromium on the PATH: install it (Debian: apt-get install chromium), or name it with -Dweir.chromium=/path/to/it";

    private static final List<String> NAMES =
            List.of("chromium", "chromium-browser", "google-chrome", "google-chrome-stable");
    private static final int PATIENCE_SECONDS = 60;

    private final Path profile;
    private final Process process;
    private final HttpClient http = HttpClient.newHttpClient();
    private final WebSocket devTools;
    private final AtomicInteger ids = new AtomicInteger();
    private final Map<Integer, CompletableFuture<Json.Value>> answers = new ConcurrentHashMap<>();
    private final List<String> complaints = new CopyOnWriteArrayList<>();

    private Browser(Path program) throws Exception {
        profile = Files.createTempDirectory("weir-browser");
        process = new ProcessBuilder(
                        program.toString(),
                        "--headless",
                        "--no-sandbox", // or it does not start as root
                        "--disable-gpu",
                        "--disable-dev-shm-usage",
                        "--disable-quic",
                        "--disable-background-networking",
                        "--disable-component-update",
                        "--disable-sync",
                        "--no-first-run",
                        "--hide-scrollbars",
                        "--remote-debugging-port=0",
                        "--user-data-dir=" + profile,
                        "about:blank")
                .redirectErrorStream(true)
                .redirectOutput(Redirect.to(profile.resolve("output.txt").toFile()))
                .start();
        try {
            devTools = http.newWebSocketBuilder()
                    .buildAsync(page(port()), new Listener())
                    .get(PATIENCE_SECONDS, TimeUnit.SECONDS);
            for (String domain : List.of("Page", "Runtime", "Log", "Network")) {
                call(domain + ".enable", "{}");
            }
        } catch (Throwable e) {
            end();
            throw e;
        }
    }

    /** A browser, or the test is skipped. */
    static Browser open() throws Exception {
        Optional<Path> program = program();
        assumeTrue(program.isPresent(), NONE);
        return new Browser(program.orElseThrow());
    }

    private static Optional<Path> program() {
        String named = System.getProperty("weir.chromium", "");
        if (!named.isBlank()) {
            if (!Files.isExecutable(Path.of(named))) {
                throw new AssertionError("-Dweir.chromium=" + named + ": expected a program that can be run");
            }
            return Optional.of(Path.of(named));
        }
        return Stream.of(Optional.ofNullable(System.getenv("PATH")).orElse("").split(File.pathSeparator, -1))
                .filter(folder -> !folder.isBlank())
                .flatMap(folder -> NAMES.stream().map(name -> Path.of(folder, name)))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /** It writes down where it listens. */
    private int port() throws Exception {
        Path file = profile.resolve("DevToolsActivePort");
        long start = System.nanoTime();
        while (System.nanoTime() - start < TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS)) {
            if (Files.exists(file)) {
                List<String> lines = Files.readAllLines(file);
                if (lines.size() >= 2) { // written to its end
                    return Integer.parseInt(lines.get(0));
                }
            }
            // A stub that only says where to get the real one, say.
            assumeFalse(
                    process.waitFor(20, TimeUnit.MILLISECONDS), () -> "Chromium does not start; it said: " + output());
        }
        throw new AssertionError("Chromium does not listen; it said: " + output());
    }

    private String output() {
        try {
            return Files.readString(profile.resolve("output.txt"));
        } catch (IOException e) {
            return "nothing that can be read: " + e;
        }
    }

    private URI page(int port) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/json/new?about:blank"))
                .PUT(BodyPublishers.noBody())
                .timeout(Duration.ofSeconds(PATIENCE_SECONDS))
                .build();
        return URI.create(Json.parse(http.send(request, BodyHandlers.ofString()).body())
                .get("webSocketDebuggerUrl")
                .string());
    }

    // ------------------------------------------------------------------ what it can do

    void look(URI address) throws Exception {
        call("Page.navigate", "{\"url\": \"" + address + "\"}");
    }

    /** How large it is, and whether it likes it dark. */
    void device(int width, int height, boolean dark) throws Exception {
        call(
                "Emulation.setDeviceMetricsOverride",
                "{\"width\": " + width + ", \"height\": " + height + ", \"deviceScaleFactor\": 1, \"mobile\": false}");
        call(
                "Emulation.setEmulatedMedia",
                "{\"features\": [{\"name\": \"prefers-color-scheme\", \"value\": \"" + (dark ? "dark" : "light")
                        + "\"}]}");
    }

    void scripting(boolean on) throws Exception {
        call("Emulation.setScriptExecutionDisabled", "{\"value\": " + !on + "}");
    }

    /** Runs a script that gives a string. */
    String text(String script) throws Exception {
        return evaluate(script).string();
    }

    boolean is(String script) throws Exception {
        return evaluate("Boolean(" + script + ")").is();
    }

    double number(String script) throws Exception {
        return evaluate(script).number();
    }

    private Json.Value evaluate(String script) throws Exception {
        Json.Value answer = call(
                "Runtime.evaluate",
                "{\"returnByValue\": true, \"awaitPromise\": true, \"expression\": " + quoted(script) + "}");
        if (answer.has("exceptionDetails")) {
            throw new AssertionError(
                    script + ": " + answer.get("exceptionDetails").value());
        }
        return answer.get("result").get("value");
    }

    /** Types into what has the focus, and presses Enter. */
    void type(String text) throws Exception {
        call("Input.insertText", "{\"text\": " + quoted(text) + "}");
        for (String kind : List.of("keyDown", "keyUp")) {
            call(
                    "Input.dispatchKeyEvent",
                    "{\"type\": \"" + kind
                            + "\", \"key\": \"Enter\", \"code\": \"Enter\", \"text\": \"\\r\", \"windowsVirtualKeyCode\": 13}");
        }
    }

    void screenshot(Path file) throws Exception {
        String image = call("Page.captureScreenshot", "{\"format\": \"png\", \"captureBeyondViewport\": true}")
                .get("data")
                .string();
        Files.createDirectories(file.toAbsolutePath().getParent());
        Files.write(file, Base64.getDecoder().decode(image));
    }

    /** What the console and the browser have complained of: errors, exceptions, violations of a policy, failed requests. */
    List<String> complaints() {
        return List.copyOf(complaints);
    }

    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        text.chars()
                .forEach(c -> quoted.append(
                        c < ' ' || c == '"' || c == '\\' || c > '~'
                                ? Text.format("\\u%04x", c)
                                : Character.toString(c)));
        return quoted.append('"').toString();
    }

    // ------------------------------------------------------------------ the protocol

    private Json.Value call(String method, String parameters) throws Exception {
        int id = ids.incrementAndGet();
        CompletableFuture<Json.Value> answer = new CompletableFuture<>();
        answers.put(id, answer);
        devTools.sendText("{\"id\": " + id + ", \"method\": \"" + method + "\", \"params\": " + parameters + "}", true)
                .get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        Json.Value message = answer.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        if (message.has("error")) {
            throw new AssertionError(method + ": " + message.get("error").value());
        }
        return message.get("result");
    }

    private void take(Json.Value message) {
        if (message.has("id")) {
            CompletableFuture<Json.Value> answer =
                    answers.remove((int) message.get("id").number());
            if (answer != null) {
                answer.complete(message);
            }
            return;
        }
        Json.Value event = message.get("params");
        switch (message.get("method").string()) {
            case "Runtime.exceptionThrown" ->
                complaints.add("exception: " + event.get("exceptionDetails").value());
            case "Runtime.consoleAPICalled" -> {
                if (List.of("error", "warning", "assert")
                        .contains(event.get("type").string())) {
                    complaints.add("console: " + event.get("args").value());
                }
            }
            case "Log.entryAdded" -> {
                if (!event.get("entry").get("level").string().equals("verbose")) {
                    complaints.add("log: " + event.get("entry").value());
                }
            }
            default -> {
                // nothing that anybody asks for
            }
        }
    }

    private final class Listener implements WebSocket.Listener {

        private final StringBuilder message = new StringBuilder();

        @Override
        public @Nullable CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
            message.append(data);
            if (last) {
                String whole = message.toString();
                message.setLength(0);
                take(Json.parse(whole));
            }
            socket.request(1);
            return null;
        }

        @Override
        public void onError(WebSocket socket, Throwable error) {
            answers.values().forEach(answer -> answer.completeExceptionally(error));
        }
    }

    @Override
    public void close() throws IOException {
        devTools.abort();
        end();
    }

    private void end() throws IOException {
        List<ProcessHandle> all = new ArrayList<>(process.descendants().toList());
        all.add(process.toHandle());
        all.forEach(ProcessHandle::destroy);
        for (ProcessHandle handle : all) {
            handle.onExit().completeOnTimeout(handle, 10, TimeUnit.SECONDS).join();
        }
        all.forEach(ProcessHandle::destroyForcibly);
        for (ProcessHandle handle : all) {
            handle.onExit().completeOnTimeout(handle, 10, TimeUnit.SECONDS).join();
        }
        try (Stream<Path> files = Files.walk(profile)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }
}
