package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPath;
import javax.xml.xpath.XPathConstants;
import javax.xml.xpath.XPathExpressionException;
import javax.xml.xpath.XPathFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;

/** What the POMs promise to each other and Maven itself does not check. */
class BuildRulesTest {

    /** Surefire runs in the module's folder. */
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

    private static final XPath XPATH = XPathFactory.newInstance().newXPath();

    @Test
    void bomHasTheVersionOfTheReactor() throws Exception {
        assertThat(text(pom("bom"), "/project/version")).isEqualTo(text(pom("."), "/project/version"));
    }

    @Test
    void bomNamesThePublishedModulesAndNothingElse() throws Exception {
        Document bom = pom("bom");

        assertThat(texts(bom, "/project/dependencyManagement/dependencies/dependency/artifactId"))
                .containsExactlyInAnyOrderElementsOf(publishedModules());
        assertThat(texts(bom, "/project/dependencyManagement/dependencies/dependency/groupId"))
                .containsOnly("dev.weir");
        assertThat(texts(bom, "/project/dependencyManagement/dependencies/dependency/version"))
                .containsOnly("${project.version}");
    }

    @Test
    void bomHasNoParent() throws Exception {
        assertThat(texts(pom("bom"), "/project/parent")).isEmpty();
    }

    @Test
    void adapterPullsCoreOnlyAtRunTime() throws Exception {
        for (String module : publishedModules()) {
            if (module.startsWith("adapter-")) {
                assertThat(text(pom(module), "//dependency[artifactId='limiter-core']/scope"))
                        .as("scope of limiter-core in %s", module)
                        .isEqualTo("runtime");
            }
        }
    }

    /** A module may leave out its Javadoc only while it has nothing to document. */
    @Test
    void moduleThatExportsAPackageHasJavadoc() throws Exception {
        for (String module : publishedModules()) {
            if (Files.readString(moduleInfo(module)).contains("exports ")) {
                assertThat(texts(pom(module), "/project/properties/*[local-name()='maven.javadoc.skip']"))
                        .as("maven.javadoc.skip in %s", module)
                        .isEmpty();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"examples", "benchmarks"})
    void programsOfOursAreNotPublished(String module) throws Exception {
        assertThat(text(pom(module), "/project/properties/*[local-name()='maven.deploy.skip']"))
                .isEqualTo("true");
    }

    /** The modules with a module descriptor. */
    private static List<String> publishedModules() throws Exception {
        List<String> published = new ArrayList<>(texts(pom("."), "/project/modules/module"));
        published.removeIf(module -> !Files.exists(moduleInfo(module)));
        return published;
    }

    private static Path moduleInfo(String module) {
        return ROOT.resolve(module).resolve("src/main/java/module-info.java");
    }

    private static Document pom(String module) throws Exception {
        Path file = ROOT.resolve(module).resolve("pom.xml");
        try (var in = Files.newInputStream(file)) {
            return DocumentBuilderFactory.newDefaultInstance()
                    .newDocumentBuilder()
                    .parse(in);
        } catch (IOException e) {
            throw new IOException("Cannot read " + file, e);
        }
    }

    private static String text(Document document, String path) throws XPathExpressionException {
        return XPATH.evaluate(path, document).strip();
    }

    private static List<String> texts(Document document, String path) throws XPathExpressionException {
        NodeList nodes = (NodeList) XPATH.evaluate(path, document, XPathConstants.NODESET);
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < nodes.getLength(); i++) {
            texts.add(nodes.item(i).getTextContent().strip());
        }
        return texts;
    }
}
