package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.module.Configuration;
import java.lang.module.FindException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleDescriptor.Provides;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.lang.reflect.Method;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An application on the module path names an adapter alone and gets a limiter: the provider in core is found through
 * {@code uses} and {@code provides}. On the class path it is found through {@code META-INF/services}, so both have to name it.
 */
class ModulePathTest {

    private static final String CORE = "dev.weir.limiter.core";

    private static ModuleFinder modules;

    @BeforeAll
    static void findModules() {
        // One by one: among the class path's jars are some that make no module.
        modules =
                ModuleFinder.of(Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
                        .map(Path::of)
                        .filter(Files::exists)
                        .filter(ModulePathTest::isNamedModule)
                        .toArray(Path[]::new));
    }

    @ParameterizedTest
    @ValueSource(strings = {"dev.weir.limiter.jetty", "dev.weir.limiter.netty"})
    void adapterAloneIsEnoughOnTheModulePath(String adapter) throws Exception {
        // Until core's module-info has its "provides" there is nothing to find.
        assumeTrue(!descriptor(CORE).provides().isEmpty(), "core provides nothing yet");
        ModuleLayer boot = ModuleLayer.boot();

        Configuration resolved = boot.configuration().resolveAndBind(modules, ModuleFinder.of(), Set.of(adapter));

        assertThat(resolved.findModule(CORE)).as("core, bound as a provider").isPresent();
        ModuleLayer layer = boot.defineModulesWithOneLoader(resolved, ClassLoader.getPlatformClassLoader());
        Class<?> provider = layer.findLoader("dev.weir.limiter").loadClass("dev.weir.limiter.spi.LimiterProvider");
        Method found = provider.getMethod("provider");
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        thread.setContextClassLoader(layer.findLoader(adapter));
        try {
            assertThat(found.invoke(null).getClass().getModule().getName()).isEqualTo(CORE);
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    @Test
    void everyProviderIsAlsoDeclaredForTheClassPath() {
        for (ModuleReference module : modules.findAll()) {
            if (module.descriptor().name().startsWith("dev.weir.")) {
                for (Provides provides : module.descriptor().provides()) {
                    assertThat(declaredOnTheClassPath(provides.service()))
                            .as("META-INF/services/%s", provides.service())
                            .containsAll(provides.providers());
                }
            }
        }
    }

    private static Set<String> declaredOnTheClassPath(String service) {
        return ModulePathTest.class
                .getClassLoader()
                .resources("META-INF/services/" + service)
                .flatMap(ModulePathTest::lines)
                .collect(Collectors.toSet());
    }

    private static Stream<String> lines(URL file) {
        try (InputStream in = file.openStream()) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).lines().map(String::strip);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ModuleDescriptor descriptor(String name) {
        return modules.find(name).map(ModuleReference::descriptor).orElseThrow();
    }

    private static boolean isNamedModule(Path path) {
        try {
            return !ModuleFinder.of(path).findAll().isEmpty();
        } catch (FindException e) {
            return false;
        }
    }
}
