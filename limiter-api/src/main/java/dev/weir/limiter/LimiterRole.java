package dev.weir.limiter;

/** The kinds of work an application keeps apart. */
public enum LimiterRole {
    /** Requests that run blocking code. */
    ENDPOINTS,
    /** Work that goes on after the response. */
    BACKGROUND,
    /** Drawing the items of streamed responses. */
    STREAMING,
    /** Short dips into files: uploads and file responses. */
    SHARED;

    /**
     * The name of the role in names of limiters and in configuration.
     *
     * @return the constant's name in lower case
     */
    public String key() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }
}
