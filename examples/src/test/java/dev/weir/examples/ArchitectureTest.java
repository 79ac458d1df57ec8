package dev.weir.examples;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaPackage;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.CompositeArchRule;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The arrows between the modules: who may know whom. The rules look at class files, so they hold whatever the POMs say. */
class ArchitectureTest {

    private static final String API = "dev.weir.limiter";
    private static final String[] CORE = {
        API + ".core..",
        API + ".jmx..",
        API + ".metrics..",
        API + ".observation..",
        API + ".page..",
        API + ".resilience4j.."
    };
    private static final String TCK = API + ".tck..";
    private static final String[] ADAPTERS = {API + ".jetty..", API + ".netty..", API + ".servlet.."};

    /** The packages below the API's root that belong to other modules; every other one is the API's. */
    private static final DescribedPredicate<JavaClass> IN_API = resideInAPackage(API + "..")
            .and(not(resideInAnyPackage(CORE)))
            .and(not(resideInAPackage(TCK)))
            .and(not(resideInAnyPackage(ADAPTERS)))
            .as("in limiter-api");

    private static final DescribedPredicate<JavaClass> IN_PLATFORM =
            resideInAnyPackage("java..", "javax..", "org.jspecify..").as("in the JDK or JSpecify");

    private static JavaClasses weir;

    @BeforeAll
    static void importClasses() {
        weir = new ClassFileImporter()
                .withImportOption(new ImportOption.DoNotIncludeTests())
                .importPackages("dev.weir");
    }

    @Test
    void everyModuleIsLookedAt() {
        Set<String> packages = weir.stream().map(JavaClass::getPackageName).collect(Collectors.toSet());

        assertThat(packages)
                .contains(
                        "dev.weir.limiter",
                        "dev.weir.limiter.spi",
                        "dev.weir.limiter.core",
                        "dev.weir.limiter.metrics",
                        "dev.weir.limiter.page",
                        "dev.weir.limiter.resilience4j",
                        "dev.weir.limiter.tck",
                        "dev.weir.limiter.jetty",
                        "dev.weir.limiter.netty",
                        "dev.weir.limiter.servlet",
                        "dev.weir.examples");
    }

    @Test
    void apiKnowsOnlyTheJdkAndJSpecify() {
        check(classes().that(IN_API).should().onlyDependOnClassesThat(IN_API.or(IN_PLATFORM)));
    }

    @Test
    void coreKnowsTheApiAndResilience4jButNoServer() {
        check(classes()
                .that()
                .resideInAnyPackage(CORE)
                .should()
                .onlyDependOnClassesThat(resideInAnyPackage(CORE)
                        .or(resideInAnyPackage(
                                "io.github.resilience4j..", "io.micrometer..", "org.slf4j..", "jdk.jfr.."))
                        .or(IN_API)
                        .or(IN_PLATFORM)));
    }

    @Test
    void kitKnowsTheApiAndTestLibraries() {
        check(classes()
                .that()
                .resideInAPackage(TCK)
                .should()
                .onlyDependOnClassesThat(
                        resideInAnyPackage(TCK, "org.junit..", "org.assertj..", "org.opentest4j..", "org.apiguardian..")
                                .or(IN_API)
                                .or(IN_PLATFORM)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"dev.weir.limiter.jetty..", "dev.weir.limiter.netty..", "dev.weir.limiter.servlet.."})
    void adapterKnowsNeitherCoreNorAnotherAdapter(String adapter) {
        check(classes()
                .that()
                .resideInAPackage(adapter)
                .should()
                .onlyDependOnClassesThat(not(resideInAPackage("dev.weir.."))
                        .or(resideInAPackage(adapter))
                        .or(IN_API)));
    }

    @Test
    void onlyCoreKnowsResilience4j() {
        check(noClasses()
                .that()
                .resideOutsideOfPackages(CORE)
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.github.resilience4j.."));
    }

    @Test
    void libraryDoesNotKnowItsExamples() {
        check(noClasses()
                .that()
                .resideInAPackage("dev.weir.limiter..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("dev.weir.examples.."));
    }

    @Test
    void everyPackageIsNullMarked() {
        List<String> unmarked = weir.stream()
                .filter(type -> type.getPackageName().startsWith("dev.weir"))
                .map(JavaClass::getPackage)
                .distinct()
                .filter(java -> !java.isAnnotatedWith(NullMarked.class))
                .map(JavaPackage::getName)
                .toList();

        assertThat(unmarked).as("packages without @NullMarked").isEmpty();
    }

    /** A module that has no classes yet breaks no rule. */
    private static void check(ArchRule rule) {
        CompositeArchRule.of(rule).allowEmptyShould(true).check(weir);
    }
}
