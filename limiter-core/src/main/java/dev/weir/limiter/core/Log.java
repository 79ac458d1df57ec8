package dev.weir.limiter.core;

/** Where the limiters report what they cannot tell a caller. Never throws: permits depend on what comes after it. */
final class Log {

    private static final String NAME = "dev.weir.limiter";

    private Log() {}

    static void unexpected(String doing, Throwable failure) {
        log(System.Logger.Level.ERROR, "Unexpected failure while " + doing, failure);
    }

    static void warning(String message) {
        log(System.Logger.Level.WARNING, message);
    }

    static void info(String message) {
        log(System.Logger.Level.INFO, message);
    }

    private static void log(System.Logger.Level level, String message) {
        try {
            System.getLogger(NAME).log(level, message);
        } catch (Throwable e) {
            // A log that does not work can be told nowhere.
        }
    }

    static void warning(String message, Throwable failure) {
        log(System.Logger.Level.WARNING, message, failure);
    }

    private static void log(System.Logger.Level level, String message, Throwable failure) {
        try {
            System.getLogger(NAME).log(level, message, failure);
        } catch (Throwable e) {
            // A log that does not work can be told nowhere.
        }
    }
}
