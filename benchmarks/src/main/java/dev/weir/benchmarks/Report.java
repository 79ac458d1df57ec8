package dev.weir.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What is left of a run: text in Markdown, and plots, in {@code target/report/java-17} or as the Java is. */
public final class Report {

    private final Path folder;
    private final String name;
    private final StringBuilder text = new StringBuilder();

    /**
     * An empty report.
     *
     * @param name the name of its file
     */
    public Report(String name) throws IOException {
        this.name = name;
        this.folder = Files.createDirectories(
                Path.of("target", "report", "java-" + Runtime.version().feature()));
        text.append("Java ").append(Runtime.version()).append(", ");
        text.append(Runtime.getRuntime().availableProcessors()).append(" processors\n");
    }

    public void add(String markdown) {
        text.append('\n').append(markdown);
    }

    /** Writes a plot and shows it in the text. */
    public void add(String fileName, String title, String svg) throws IOException {
        Files.writeString(folder.resolve(fileName), svg);
        add("![" + title + "](benchmarks/" + folder.getFileName() + "/" + fileName + ")\n");
    }

    /** Writes the text, as far as it has come. */
    public void write() throws IOException {
        Files.writeString(folder.resolve(name), text);
    }

    /** Writes the text and prints it. */
    public void end() throws IOException {
        write();
        System.out.println(text);
        System.out.println("Written to " + folder.toAbsolutePath());
    }
}
