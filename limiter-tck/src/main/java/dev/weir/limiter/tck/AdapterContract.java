package dev.weir.limiter.tck;

/**
 * The contract of a server adapter: section 5 of the rules, what section 4 says about responses, and what the others say that
 * can be seen from outside; over HTTP/1.1 and HTTP/2, with real sockets. An adapter supplies a {@link ServerFixture}; the
 * application, with its limiters, is the kit's.
 *
 * <p>Each scenario has a number, and the rule it is about if there is one. What a server cannot do it declares as a missing
 * {@link dev.weir.limiter.http.Capability}; no scenario is skipped for that, but asks for what is left. After each scenario every
 * exchange must have completed, once; every limiter must be idle; nothing that may block may have run on a thread of the server;
 * and neither temporary files nor leaks may be left.
 */
public abstract class AdapterContract extends StormScenarios {

    /** For subclasses. */
    protected AdapterContract() {}
}
