package dev.weir.limiter.netty;

import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.Drain;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.Outcome;
import dev.weir.limiter.http.RequestHead;
import io.netty.buffer.ByteBuf;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpHeadersFactory;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.EmptyHttpHeaders;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpHeadersFactory;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** An exchange over one request of a channel. What it is asked for, it asks of the channel on the event loop. */
final class NettyExchange extends Exchange {

    /** What goes in was checked by {@link dev.weir.limiter.http.Headers}, or is ours. */
    private static final HttpHeadersFactory FIELDS =
            DefaultHttpHeadersFactory.headersFactory().withValidation(false);

    private final HttpChannel channel;
    private final HttpRequest request;
    private final @Nullable SocketAddress remote;

    // Touched only on the event loop.
    private boolean keepAlive;
    private boolean endsWithConnection;
    private boolean expectsContinue;

    NettyExchange(Drain drain, HttpChannel channel, HttpRequest request) {
        super(drain, headOf(request, channel.protocol(request)));
        this.channel = channel;
        this.request = request;
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

    private static RequestHead headOf(HttpRequest request, String protocol) {
        String target = target(request.uri());
        int mark = target.indexOf('?');
        return new RequestHead(
                request.method().name(),
                mark < 0 ? target : target.substring(0, mark),
                mark < 0 ? Optional.empty() : Optional.of(target.substring(mark + 1)),
                protocol,
                name -> Optional.ofNullable(request.headers().get(name)));
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

    @Override
    public Optional<String> remoteAddress() {
        return remote instanceof InetSocketAddress address && address.getAddress() != null
                ? Optional.of(address.getAddress().getHostAddress())
                : Optional.empty();
    }

    @Override
    public Set<Capability> capabilities() {
        return channel.capabilities();
    }

    HttpRequest request() {
        return request;
    }

    // ------------------------------------------------------------------ the translation

    @Override
    protected CompletionStage<Void> send(boolean first, ByteBuffer data, boolean last) {
        CompletableFuture<Void> sent = new CompletableFuture<>();
        channel.execute(() -> channel.write(this, first, data, last, sent));
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

    /** As {@link HttpChannel#passOn}. */
    void passOn(BooleanSupplier start, Runnable finish) {
        channel.passOn(this, start, finish);
    }

    /** The next handlers have begun to respond. */
    void respondedByOthers() {
        committed();
    }

    /** The next handlers have sent the end of the response. */
    void sentByOthers() {
        ended(Outcome.SENT);
    }

    // ------------------------------------------------------------------ for the channel, on the event loop

    /** Whether the client waits to be told to send the body. Once, since it is told once; not behind a head, which it is not. */
    boolean takeExpectation() {
        boolean expected = expectsContinue && !isCommitted();
        if (expected) {
            expectsContinue = false;
        }
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

    void endWithConnection() {
        keepAlive = false;
        endsWithConnection = true;
    }

    boolean isBodiless() {
        return method().equals("HEAD") || status() == 204 || status() == 304;
    }

    /**
     * The response's head, which decides whether the connection is kept alive.
     *
     * @param content the body, if this is all of it; null if it is not
     * @param mayKeepAlive whether the connection may be kept alive
     */
    HttpResponse responseHead(@Nullable ByteBuf content, boolean mayKeepAlive) {
        HttpHeaders fields = FIELDS.newHeaders();
        headers().forEach(fields::add);
        if (!fields.contains(HttpHeaderNames.DATE)) {
            fields.set(HttpHeaderNames.DATE, DateField.now());
        }
        keepAlive = keepAlive
                && mayKeepAlive
                && !fields.containsValue(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE, true);
        boolean lengthMissing = !isBodiless() && !fields.contains(HttpHeaderNames.CONTENT_LENGTH);
        if (lengthMissing && content != null) {
            fields.set(HttpHeaderNames.CONTENT_LENGTH, content.readableBytes());
        }
        channel.frame(this, fields, lengthMissing && content == null);
        HttpResponseStatus status = HttpResponseStatus.valueOf(status());
        return content == null
                ? new DefaultHttpResponse(HttpVersion.HTTP_1_1, status, fields)
                : new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, content, fields, EmptyHttpHeaders.INSTANCE);
    }
}
