package dev.weir.limiter.core;

import java.lang.management.ManagementFactory;
import java.lang.management.PlatformLoggingMXBean;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Has the core's warnings logged during a test, or more; {@code logging.properties} leaves them out. */
final class Warnings implements BeforeEachCallback, AfterEachCallback {

    private static final String NAME = "dev.weir.limiter";

    private final System.Logger logger = System.getLogger(NAME); // whose level would go with it
    private final PlatformLoggingMXBean logging = ManagementFactory.getPlatformMXBean(PlatformLoggingMXBean.class);
    private final List<String> messages = new CopyOnWriteArrayList<>();
    private final String level;
    private String before = "";

    Warnings() {
        this("WARNING");
    }

    Warnings(String level) {
        this.level = level;
    }

    /** What was logged, each with its level before it. */
    List<String> messages() {
        return messages;
    }

    @Override
    public void beforeEach(ExtensionContext context) throws Exception {
        boolean known = logger.isLoggable(System.Logger.Level.ERROR); // makes it known
        before = Objects.requireNonNull(logging.getLoggerLevel(NAME), () -> "no logger " + NAME + ", " + known);
        logging.setLoggerLevel(NAME, level);
        Class<?> filter = Class.forName("java.util.logging.Filter"); // of a module that the core does without
        setFilter(
                filter,
                Proxy.newProxyInstance(
                        Warnings.class.getClassLoader(), new Class<?>[] {filter}, (proxy, method, args) -> {
                            messages.add(read(args[0], "getLevel") + ": " + read(args[0], "getMessage"));
                            return true;
                        }));
    }

    private static Object read(Object logged, String getter) throws ReflectiveOperationException {
        return logged.getClass().getMethod(getter).invoke(logged);
    }

    private static void setFilter(Class<?> type, @Nullable Object filter) throws ReflectiveOperationException {
        Class<?> loggers = Class.forName("java.util.logging.Logger");
        Object itself = loggers.getMethod("getLogger", String.class).invoke(null, NAME);
        loggers.getMethod("setFilter", type).invoke(itself, filter);
    }

    @Override
    public void afterEach(ExtensionContext context) throws Exception {
        setFilter(Class.forName("java.util.logging.Filter"), null);
        logging.setLoggerLevel(NAME, before.isEmpty() ? null : before);
    }
}
