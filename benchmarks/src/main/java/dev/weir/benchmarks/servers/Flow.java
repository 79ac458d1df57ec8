package dev.weir.benchmarks.servers;

import java.util.ArrayDeque;

/** Requests of one kind, and what became of those that were due while it was measured. */
final class Flow {

    final String path;

    /** Zero sends one as soon as another is answered. */
    final double perSecond;

    /** As many at once of those that are sent one after another. */
    final int atOnce;

    /** Every request comes from a client of its own. */
    final boolean strangers;

    final ArrayDeque<ClientConnection> idle = new ArrayDeque<>();
    final Samples served = new Samples();
    int refused;
    int givenUp;
    int failed;
    long sent;

    private Flow(String path, double perSecond, int atOnce, boolean strangers) {
        this.path = path;
        this.perSecond = perSecond;
        this.atOnce = atOnce;
        this.strangers = strangers;
    }

    /** At a rate, whatever becomes of them; connections are used again. */
    static Flow rate(String path, double perSecond) {
        return new Flow(path, perSecond, 0, false);
    }

    /** At a rate, each over a connection of its own. */
    static Flow strangers(String path, double perSecond) {
        return new Flow(path, perSecond, 0, true);
    }

    /** One after another over some connections. */
    static Flow oneAfterAnother(String path, int connections) {
        return new Flow(path, 0, connections, false);
    }

    @Override
    public String toString() {
        return path + ": " + served.size() + " served, " + refused + " refused, " + givenUp + " given up, " + failed
                + " failed";
    }
}
