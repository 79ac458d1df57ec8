package dev.weir.limiter.http;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** An exchange without a server. Writes complete at once unless the test holds them. */
class FakeExchange extends Exchange {

    final StringBuilder sent = new StringBuilder();
    final Queue<CompletableFuture<Void>> held = new ArrayDeque<>();
    final Queue<CompletableFuture<Optional<ByteBuffer>>> reads = new ArrayDeque<>();
    Runnable beforeRead = () -> {};
    int writes;
    boolean holding;
    boolean cut;

    FakeExchange(String method) {
        this(method, "/fake");
    }

    FakeExchange(String method, String path) {
        super(
                new Drain(),
                new RequestHead(
                        method,
                        path,
                        Optional.empty(),
                        "HTTP/1.1",
                        name -> name.equals("Content-Type")
                                ? Optional.of("multipart/form-data; boundary=b")
                                : Optional.empty()));
    }

    FakeExchange() {
        this("GET");
    }

    void over(Outcome outcome) {
        ended(outcome);
    }

    @Override
    public Set<Capability> capabilities() {
        return EnumSet.noneOf(Capability.class);
    }

    @Override
    protected CompletionStage<Void> send(boolean first, ByteBuffer data, boolean last) {
        writes++;
        sent.append(StandardCharsets.UTF_8.decode(data));
        if (holding) {
            CompletableFuture<Void> write = new CompletableFuture<>();
            held.add(write);
            return write;
        }
        return CompletableFuture.allOf();
    }

    @Override
    protected CompletionStage<Optional<ByteBuffer>> receive() {
        beforeRead.run();
        CompletableFuture<Optional<ByteBuffer>> read = new CompletableFuture<>();
        reads.add(read);
        return read;
    }

    @Override
    protected void cut(Throwable cause) {
        cut = true;
    }
}
