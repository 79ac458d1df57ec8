package dev.weir.limiter.http;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.EnumSet;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** An exchange without a server. Writes complete at once unless the test holds them. */
final class FakeExchange extends Exchange {

    final StringBuilder sent = new StringBuilder();
    final Queue<CompletableFuture<Void>> held = new ArrayDeque<>();
    final Queue<CompletableFuture<Optional<ByteBuffer>>> reads = new ArrayDeque<>();
    Runnable beforeRead = () -> {};
    int writes;
    boolean holding;
    int status;
    Headers headers = Headers.of();
    boolean cut;
    private final String method;

    FakeExchange(String method) {
        this.method = method;
    }

    FakeExchange() {
        this("GET");
    }

    void over(Outcome outcome) {
        ended(outcome);
    }

    @Override
    public String method() {
        return method;
    }

    @Override
    public String path() {
        return "/fake";
    }

    @Override
    public Optional<String> query() {
        return Optional.empty();
    }

    @Override
    public Optional<String> header(String name) {
        return name.equals("Content-Type") ? Optional.of("multipart/form-data; boundary=b") : Optional.empty();
    }

    @Override
    public OptionalLong declaredLength() {
        return OptionalLong.empty();
    }

    @Override
    public String protocol() {
        return "HTTP/1.1";
    }

    @Override
    public Set<Capability> capabilities() {
        return EnumSet.noneOf(Capability.class);
    }

    @Override
    public boolean isCommitted() {
        return writes > 0;
    }

    @Override
    protected void head(int newStatus, Headers newHeaders) {
        status = newStatus;
        headers = newHeaders;
    }

    @Override
    protected CompletionStage<Void> send(ByteBuffer data, boolean last) {
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
