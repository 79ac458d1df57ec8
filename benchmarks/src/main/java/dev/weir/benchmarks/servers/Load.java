package dev.weir.benchmarks.servers;

import dev.weir.benchmarks.servers.ClientConnection.Call;
import java.io.IOException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * Clients, on one thread: each request is sent when it is due, whatever has become of those before it, and how long it took
 * counts from when it was due. Whoever has waited for the time of its patience gives up and closes its connection.
 */
final class Load implements AutoCloseable {

    /** The kernel adds some 50 µs. */
    private static final long NAP_NANOS = 20_000;

    private final Selector selector = Selector.open();
    private final ArrayDeque<Call> underWay = new ArrayDeque<>(); // in the order in which they were due
    private final int port;
    private final long patience;
    private final List<Flow> flows;
    private long measuredFrom;
    private long measuredUntil;

    private Load(int port, Duration patience, List<Flow> flows) throws IOException {
        this.port = port;
        this.patience = patience.toNanos();
        this.flows = flows;
    }

    /**
     * Sends the requests of some flows to a server.
     *
     * @param patience how long a client waits for its answer
     * @param leadIn how long they are sent before any is measured
     * @param measured for how long those are sent that are measured
     */
    static void on(Site site, Duration patience, Duration leadIn, Duration measured, Flow... flows) throws IOException {
        try (Load load = new Load(site.port(), patience, List.of(flows))) {
            load.run(leadIn.toNanos(), measured.toNanos());
        }
    }

    private void run(long leadIn, long measured) throws IOException {
        long start = System.nanoTime();
        measuredFrom = start + leadIn;
        measuredUntil = measuredFrom + measured;
        for (Flow flow : flows) {
            for (int i = 0; i < flow.atOnce; i++) {
                send(flow, start);
            }
        }
        boolean rates = flows.stream().anyMatch(flow -> flow.perSecond > 0);
        while (true) {
            long now = System.nanoTime();
            boolean sending = now < measuredUntil;
            if (sending) {
                flows.forEach(flow -> sendDue(flow, start, now));
            }
            giveUp(now);
            if (!sending && underWay.isEmpty()) {
                return;
            }
            if (!rates) {
                selector.select(this::ready, 1);
            } else if (selector.selectNow(this::ready) == 0) {
                LockSupport.parkNanos(NAP_NANOS);
            }
        }
    }

    private void sendDue(Flow flow, long start, long now) {
        if (flow.perSecond == 0) {
            return;
        }
        while (true) {
            long due = start + (long) (flow.sent * 1e9 / flow.perSecond);
            if (due > now || due >= measuredUntil) {
                return;
            }
            send(flow, due);
        }
    }

    private void send(Flow flow, long due) {
        flow.sent++;
        ClientConnection connection = flow.idle.poll();
        try {
            if (connection == null) {
                connection = new ClientConnection(selector, port);
            }
            Call call = new Call(flow, due, connection);
            underWay.add(call);
            connection.send(call);
        } catch (IOException e) {
            failed(flow, due);
            if (connection != null) {
                connection.close();
            }
        }
    }

    private void giveUp(long now) {
        for (Call first = underWay.peek(); first != null; first = underWay.peek()) {
            boolean over = !first.equals(first.connection().call);
            if (!over && now - first.due() < patience) {
                return;
            }
            underWay.remove();
            if (!over) {
                if (isMeasured(first.due())) {
                    first.flow().givenUp++;
                }
                first.connection().close();
            }
        }
    }

    private void ready(SelectionKey key) {
        ClientConnection connection = (ClientConnection) key.attachment();
        Call call = connection.call;
        if (call == null) { // closed by the server while nobody used it
            flows.forEach(flow -> flow.idle.remove(connection));
            connection.close();
            return;
        }
        Flow flow = call.flow();
        int status;
        try {
            status = connection.ready();
        } catch (IOException e) {
            failed(flow, call.due());
            connection.close();
            return;
        }
        if (status == 0) {
            return;
        }
        long now = System.nanoTime();
        count(flow, call.due(), status, now);
        connection.call = null;
        if (connection.isKeptAlive() && !flow.strangers) {
            flow.idle.push(connection);
        } else {
            connection.close();
        }
        if (flow.perSecond == 0 && now < measuredUntil) {
            send(flow, now);
        }
    }

    private void count(Flow flow, long due, int status, long now) {
        if (!isMeasured(due)) {
            return;
        }
        switch (status) {
            case 200 -> flow.served.add(now - due);
            case 503 -> flow.refused++;
            default -> flow.failed++;
        }
    }

    private void failed(Flow flow, long due) {
        if (isMeasured(due)) {
            flow.failed++;
        }
    }

    private boolean isMeasured(long due) {
        return due >= measuredFrom && due < measuredUntil;
    }

    @Override
    public void close() throws IOException {
        for (SelectionKey key : selector.keys()) {
            ((ClientConnection) key.attachment()).close();
        }
        selector.close();
    }
}
