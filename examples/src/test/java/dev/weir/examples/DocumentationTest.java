package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The documentation shows code that compiles: a Java block below {@code <!-- snippet: name -->} is the region of that name in
 * {@code Snippets.java}, {@code ServletSnippets.java} or {@code SnippetsTest.java}, word for word.
 */
class DocumentationTest {

    /** Surefire runs in the module's folder. */
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    private static final Pattern TAG = Pattern.compile("\\s*// (tag|end)::([\\w-]+)\\s*");
    private static final Pattern MARK = Pattern.compile("\\s*<!-- snippet: ([\\w-]+) -->\\s*");

    /** A block of a Markdown file. */
    private record Block(String name, String code) {}

    @Test
    void everyMarkedBlockIsCompiledCode() throws IOException {
        Map<String, String> snippets = snippets();

        for (Path page : pages()) {
            for (Block block : blocks(Files.readAllLines(page))) {
                assertThat(snippets)
                        .as("%s shows the snippet '%s'", ROOT.relativize(page), block.name())
                        .containsKey(block.name());
                assertThat(block.code())
                        .as("the snippet '%s' in %s", block.name(), ROOT.relativize(page))
                        .isEqualTo(snippets.get(block.name()));
            }
        }
    }

    /** The page on Netty has a test of its own, beside its adapter. */
    @Test
    void everyJavaBlockIsMarked() throws IOException {
        for (Path page : pages()) {
            if (!page.endsWith("netty.md")) {
                assertThat(unmarked(Files.readAllLines(page)))
                        .as("Java blocks without a mark in %s", ROOT.relativize(page))
                        .isEmpty();
            }
        }
    }

    @Test
    void thereAreSnippetsForTheGuide() throws IOException {
        assertThat(snippets())
                .containsKeys(
                        "three-lines",
                        "jetty-handler",
                        "background",
                        "stream",
                        "upload",
                        "file",
                        "resize",
                        "configuration",
                        "group",
                        "finish",
                        "executor",
                        "testing");
    }

    // ------------------------------------------------------------------ that the check can fail

    @Test
    void blockIsTakenAsItStands() {
        assertThat(blocks(List.of(
                        "text", "<!-- snippet: a -->", "", "```java", "one", "  two", "```", "```java", "x", "```")))
                .containsExactly(new Block("a", "one\n  two\n"));
    }

    @Test
    void blockWithoutAMarkIsFound() {
        assertThat(unmarked(
                        List.of("<!-- snippet: a -->", "```java", "one", "```", "text", "", "```java", "two", "```")))
                .containsExactly("two");
        assertThat(unmarked(List.of("<!-- not compiled: why -->", "```java", "one", "```")))
                .isEmpty();
    }

    @Test
    void markWithoutABlockIsAnError() {
        assertThatThrownBy(() -> blocks(List.of("<!-- snippet: a -->", "words", "```java", "one", "```")))
                .hasMessageContaining("'a'");
    }

    @Test
    void regionLosesTheIndentationItHasAsAWhole() {
        assertThat(regions(List.of("    // tag::a", "    one", "", "      two", "    // end::a")))
                .containsExactly(Map.entry("a", "one\n\n  two\n"));
    }

    @Test
    void regionThatIsNotEndedIsAnError() {
        assertThatThrownBy(() -> regions(List.of("// tag::a", "one"))).hasMessageContaining("'a'");
    }

    // ------------------------------------------------------------------ pages

    private static List<Path> pages() throws IOException {
        List<Path> pages = new ArrayList<>();
        for (Path folder :
                List.of(ROOT, ROOT.resolve("docs"), ROOT.resolve("docs/adapters"), ROOT.resolve("examples"))) {
            if (Files.isDirectory(folder)) {
                try (Stream<Path> files = Files.list(folder)) {
                    files.filter(file -> file.toString().endsWith(".md"))
                            .sorted()
                            .forEach(pages::add);
                }
            }
        }
        return pages;
    }

    /** The first lines of the Java blocks that stand below neither mark. */
    private static List<String> unmarked(List<String> lines) {
        List<String> unmarked = new ArrayList<>();
        String before = "";
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (line.equals("```java")
                    && !MARK.matcher(before).matches()
                    && !before.startsWith("<!-- not compiled: ")) {
                unmarked.add(lines.get(i + 1).strip());
            }
            before = line.isEmpty() ? before : line;
        }
        return unmarked;
    }

    private static List<Block> blocks(List<String> lines) {
        List<Block> blocks = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            Matcher mark = MARK.matcher(lines.get(i));
            if (mark.matches()) {
                String name = mark.group(1);
                do {
                    i++;
                } while (i < lines.size() && lines.get(i).isBlank());
                if (i == lines.size() || !lines.get(i).strip().equals("```java")) {
                    throw new IllegalStateException("no ```java block below the mark of snippet '" + name + "'");
                }
                StringBuilder code = new StringBuilder();
                for (i++; i < lines.size() && !lines.get(i).strip().equals("```"); i++) {
                    code.append(lines.get(i).stripTrailing()).append('\n');
                }
                blocks.add(new Block(name, code.toString()));
            }
        }
        return blocks;
    }

    // ------------------------------------------------------------------ snippets

    private static Map<String, String> snippets() throws IOException {
        Map<String, String> all = new HashMap<>();
        for (String source : List.of(
                "src/main/java/dev/weir/examples/Snippets.java",
                "src/main/java/dev/weir/examples/ServletSnippets.java",
                "src/test/java/dev/weir/examples/SnippetsTest.java")) {
            regions(Files.readAllLines(ROOT.resolve("examples").resolve(source)))
                    .forEach((name, code) -> {
                        if (all.put(name, code) != null) {
                            throw new UncheckedIOException(new IOException("snippet '" + name + "' is there twice"));
                        }
                    });
        }
        return all;
    }

    private static Map<String, String> regions(List<String> lines) {
        Map<String, String> regions = new HashMap<>();
        for (int i = 0; i < lines.size(); i++) {
            Matcher tag = TAG.matcher(lines.get(i));
            if (tag.matches() && tag.group(1).equals("tag")) {
                List<String> region = new ArrayList<>();
                for (i++; !isEnd(lines, i, tag.group(2)); i++) {
                    region.add(lines.get(i));
                }
                regions.put(tag.group(2), String.join("\n", region).stripIndent() + "\n");
            }
        }
        return regions;
    }

    private static boolean isEnd(List<String> lines, int i, String name) {
        if (i == lines.size()) {
            throw new IllegalStateException("snippet '" + name + "' is not ended");
        }
        Matcher tag = TAG.matcher(lines.get(i));
        return tag.matches() && tag.group(1).equals("end") && tag.group(2).equals(name);
    }
}
