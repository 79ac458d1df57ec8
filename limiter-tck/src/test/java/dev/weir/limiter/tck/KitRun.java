package dev.weir.limiter.tck;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** Runs test classes inside a test and tells what became of each test. */
final class KitRun implements TestExecutionListener {

    private static final Pattern RULE = Pattern.compile("rule_(\\d+)_(\\d+)_.*");

    private final Map<String, TestExecutionResult> results = new ConcurrentHashMap<>();

    private KitRun() {}

    static KitRun of(Class<?> testClass) {
        KitRun run = new KitRun();
        LauncherFactory.create()
                .execute(
                        LauncherDiscoveryRequestBuilder.request()
                                .selectors(selectClass(testClass))
                                .configurationParameter("junit.jupiter.execution.parallel.enabled", "true")
                                .configurationParameter("junit.jupiter.execution.parallel.mode.default", "concurrent")
                                .configurationParameter("junit.jupiter.execution.parallel.config.strategy", "fixed")
                                .configurationParameter(
                                        "junit.jupiter.execution.parallel.config.fixed.parallelism", "4")
                                .build(),
                        run);
        return run;
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        test.getSource()
                .filter(MethodSource.class::isInstance)
                .map(MethodSource.class::cast)
                .ifPresent(method -> results.put(method.getMethodName(), result));
    }

    Set<String> failedTests() {
        TreeSet<String> failed = new TreeSet<>();
        results.forEach((test, result) -> {
            if (result.getStatus() == TestExecutionResult.Status.FAILED) {
                failed.add(test);
            }
        });
        return failed;
    }

    Set<String> passedTests() {
        TreeSet<String> passed = new TreeSet<>(results.keySet());
        passed.removeAll(failedTests());
        return passed;
    }

    /** The numbers of the rules that at least one test found broken, such as {@code 1.3}. */
    Set<String> brokenRules() {
        TreeSet<String> rules = new TreeSet<>();
        for (String test : failedTests()) {
            Matcher matcher = RULE.matcher(test);
            if (matcher.matches()) {
                rules.add(matcher.group(1) + "." + matcher.group(2));
            }
        }
        return rules;
    }

    Throwable failureOf(String test) {
        return Objects.requireNonNull(results.get(test), test).getThrowable().orElseThrow();
    }

    /** One line for each test that failed. */
    String describe() {
        Map<String, String> lines = new TreeMap<>();
        for (String test : failedTests()) {
            String message = String.valueOf(failureOf(test).getMessage()).strip();
            lines.put(test, "  " + test + ": " + message.lines().findFirst().orElse(""));
        }
        return failedTests().size() + " failed, " + passedTests().size() + " passed\n"
                + String.join("\n", lines.values());
    }
}
