package dev.weir.limiter.core;

/** Where the limiters report what they cannot tell a caller. */
final class Log {

    private static final System.Logger LOGGER = System.getLogger("dev.weir.limiter");

    private Log() {}

    static void unexpected(String doing, Throwable failure) {
        LOGGER.log(System.Logger.Level.ERROR, "Unexpected failure while " + doing, failure);
    }

    static void warning(String message, Throwable failure) {
        LOGGER.log(System.Logger.Level.WARNING, message, failure);
    }
}
