package dev.weir.limiter.core;

import java.lang.management.ManagementFactory;
import java.lang.management.PlatformLoggingMXBean;
import java.util.Objects;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Has the core's warnings logged during a test; {@code logging.properties} leaves them out. */
final class Warnings implements BeforeEachCallback, AfterEachCallback {

    private static final String NAME = "dev.weir.limiter";

    private final System.Logger logger = System.getLogger(NAME); // whose level would go with it
    private final PlatformLoggingMXBean logging = ManagementFactory.getPlatformMXBean(PlatformLoggingMXBean.class);
    private String before = "";

    @Override
    public void beforeEach(ExtensionContext context) {
        boolean known = logger.isLoggable(System.Logger.Level.ERROR); // makes it known
        before = Objects.requireNonNull(logging.getLoggerLevel(NAME), () -> "no logger " + NAME + ", " + known);
        logging.setLoggerLevel(NAME, "WARNING");
    }

    @Override
    public void afterEach(ExtensionContext context) {
        logging.setLoggerLevel(NAME, before.isEmpty() ? null : before);
    }
}
