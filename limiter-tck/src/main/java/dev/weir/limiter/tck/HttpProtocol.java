package dev.weir.limiter.tck;

/** A protocol that a server speaks, over a plain TCP connection. */
public enum HttpProtocol {
    /** HTTP/1.1, and 1.0 with it. */
    HTTP_1_1("HTTP/1.1"),
    /** HTTP/2 in the clear, with prior knowledge: the client begins with HTTP/2's preface. */
    HTTP_2("HTTP/2.0");

    private final String version;

    HttpProtocol(String version) {
        this.version = version;
    }

    /**
     * What {@link dev.weir.limiter.http.Exchange#protocol} says of it.
     *
     * @return name and version
     */
    public String version() {
        return version;
    }
}
