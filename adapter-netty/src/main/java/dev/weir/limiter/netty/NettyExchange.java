package dev.weir.limiter.netty;

import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.Outcome;
import dev.weir.limiter.http.Ticket;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/** An exchange over one request of a channel. What it is asked for, it asks of the channel on the event loop. */
final class NettyExchange extends Exchange {

    private static final DateTimeFormatter DATE = DateTimeFormatter.ofPattern(
                    "EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.US)
            .withZone(ZoneOffset.UTC);

    private final HttpChannel channel;
    private final HttpRequest request;
    private final String path;
    private final Optional<String> query;
    private final boolean head;
    private final @Nullable SocketAddress remote;
    private volatile int status = 200;
    private volatile Headers fields = Headers.of();
    private volatile boolean committed;

    // Touched only on the event loop.
    private boolean headSent;
    private boolean keepAlive;
    private boolean endsWithConnection;
    private boolean expectsContinue;

    NettyExchange(Drain drain, HttpChannel channel, HttpRequest request) {
        super(drain);
        this.channel = channel;
        this.request = request;
        String target = target(request.uri());
        int mark = target.indexOf('?');
        this.path = mark < 0 ? target : target.substring(0, mark);
        this.query = mark < 0 ? Optional.empty() : Optional.of(target.substring(mark + 1));
        this.head = request.method().name().equals("HEAD");
        this.remote = channel.channel().remoteAddress();
        this.keepAlive =
                HttpUtil.isKeepAlive(request) && request.decoderResult().isSuccess();
        this.expectsContinue = HttpUtil.is100ContinueExpected(request);
    }

    static NettyExchange of(Exchange exchange) {
        if (exchange instanceof NettyExchange ours) {
            return ours;
        }
        throw new IllegalArgumentException("exchange: expected one of a Netty channel, was " + exchange.getClass());
    }

    /** What follows scheme and host, if the client sent them. */
    private static String target(String uri) {
        int host = uri.startsWith("/") ? -1 : uri.indexOf("://");
        if (host < 0) {
            return uri;
        }
        int slash = uri.indexOf('/', host + 3);
        return slash < 0 ? "/" : uri.substring(slash);
    }

    // ------------------------------------------------------------------ the request

    @Override
    public String method() {
        return request.method().name();
    }

    @Override
    public String path() {
        return path;
    }

    @Override
    public Optional<String> query() {
        return query;
    }

    @Override
    public Optional<String> header(String name) {
        return Optional.ofNullable(request.headers().get(name));
    }

    @Override
    public Optional<String> remoteAddress() {
        return remote instanceof InetSocketAddress address && address.getAddress() != null
                ? Optional.of(address.getAddress().getHostAddress())
                : Optional.empty();
    }

    @Override
    public OptionalLong declaredLength() {
        long length = HttpUtil.getContentLength(request, -1L);
        return length < 0 ? OptionalLong.empty() : OptionalLong.of(length);
    }

    @Override
    public String protocol() {
        return channel.connection().protocol(request);
    }

    @Override
    public Set<Capability> capabilities() {
        return channel.connection().capabilities();
    }

    HttpRequest request() {
        return request;
    }

    // ------------------------------------------------------------------ the translation

    @Override
    public boolean isCommitted() {
        return committed;
    }

    @Override
    protected void head(int newStatus, Headers newFields) {
        status = newStatus;
        fields = newFields;
    }

    @Override
    protected CompletionStage<Void> send(ByteBuffer data, boolean last) {
        committed = true;
        CompletableFuture<Void> sent = new CompletableFuture<>();
        channel.execute(() -> channel.write(this, data, last, sent));
        return sent;
    }

    @Override
    protected CompletionStage<Optional<ByteBuffer>> receive() {
        CompletableFuture<Optional<ByteBuffer>> received = new CompletableFuture<>();
        channel.execute(() -> channel.receive(this, received));
        return received;
    }

    @Override
    protected void cut(Throwable cause) {
        try {
            channel.execute(() -> channel.cut(this));
        } catch (RejectedExecutionException e) {
            // The event loop has ended, and with it the channel.
        }
    }

    // ------------------------------------------------------------------ for handlers written for Netty

    /** Hands the request on once it is admitted. */
    void passOn(Ticket ticket) {
        channel.executeLater(() -> channel.passOn(this, ticket::start, ticket::finish));
    }

    /** Hands the request on. */
    void passOn() {
        channel.executeLater(() -> channel.passOn(this, () -> true, () -> {}));
    }

    /** The next handlers have begun to respond. */
    void respondedByOthers() {
        committed = true;
    }

    /** The next handlers have sent the end of the response. */
    void sentByOthers() {
        ended(Outcome.SENT);
    }

    // ------------------------------------------------------------------ for the channel, on the event loop

    /** Whether the client waits to be told to send the body. Once, since it is told once. */
    boolean takeExpectation() {
        boolean expected = expectsContinue && !committed;
        expectsContinue = false;
        return expected;
    }

    boolean expectsContinue() {
        return expectsContinue;
    }

    boolean keepsAlive() {
        return keepAlive;
    }

    /** Whether the response has no end but that of the connection. */
    boolean endsWithConnection() {
        return endsWithConnection;
    }

    /** Whether this is the first call, so that the head must be sent now. */
    boolean takeHead() {
        boolean first = !headSent;
        headSent = true;
        return first;
    }

    HttpResponseStatus status() {
        return HttpResponseStatus.valueOf(status);
    }

    boolean isBodiless() {
        return head || status == 204 || status == 304;
    }

    /**
     * The response's header fields, which decide whether the connection is kept alive.
     *
     * @param length how long the body is, if it is known; negative if not
     * @param mayKeepAlive whether the connection may be kept alive
     */
    HttpHeaders responseHeaders(int length, boolean mayKeepAlive) {
        HttpHeaders headers = new DefaultHttpHeaders();
        fields.forEach(headers::add);
        if (!headers.contains(HttpHeaderNames.DATE)) {
            headers.set(HttpHeaderNames.DATE, DATE.format(Instant.now()));
        }
        keepAlive = keepAlive
                && mayKeepAlive
                && !headers.containsValue(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE, true);
        if (!isBodiless() && !headers.contains(HttpHeaderNames.CONTENT_LENGTH)) {
            if (length >= 0) {
                headers.set(HttpHeaderNames.CONTENT_LENGTH, length);
            } else if (channel.connection().framesInHeaders()) {
                frame(headers);
            }
        }
        if (channel.connection().framesInHeaders()) {
            sayWhetherItKeepsAlive(headers);
        }
        return headers;
    }

    private boolean isOldClient() {
        return request.protocolVersion().compareTo(HttpVersion.HTTP_1_1) < 0;
    }

    /** We speak HTTP/1.1, whose default a client of HTTP/1.0 does not know. */
    private void sayWhetherItKeepsAlive(HttpHeaders headers) {
        if (!keepAlive) {
            headers.set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE);
        } else if (isOldClient()) {
            headers.set(HttpHeaderNames.CONNECTION, HttpHeaderValues.KEEP_ALIVE);
        }
    }

    private void frame(HttpHeaders headers) {
        if (!isOldClient()) {
            headers.set(HttpHeaderNames.TRANSFER_ENCODING, HttpHeaderValues.CHUNKED);
        } else {
            keepAlive = false;
            endsWithConnection = true;
        }
    }
}
