package dev.weir.limiter.netty;

import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.MalformedBodyException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.EmptyHttpHeaders;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.EventExecutor;
import java.io.EOFException;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The requests of one channel: those of an HTTP/1.1 connection, one after another, or the one of an HTTP/2 stream.
 *
 * <p>Auto-read is off. What is read and not yet wanted is kept in {@code ahead}, in order: content of the current request,
 * which waits for {@link #receive}, and requests that wait for their turn. While there is little of it a read is under way, since
 * only that lets us see a client leave.
 *
 * <pre>
 *   current  content ended   what comes next in {@code ahead}
 *   yes      no              content: for who receives, or for the next handlers if the request was passed on
 *   yes      yes             a request, which waits until the current exchange has ended
 *   no       no              content that nobody wanted: dropped, or passed on like what came before it
 *   no       yes             a request: becomes the current one
 * </pre>
 *
 * <p>All state belongs to the event loop; whoever changes it calls {@link #advance}, which goes through the steps until there is
 * none to take. What a step brings about comes back to the same loop instead of nesting.
 */
@SuppressWarnings("FutureReturnValueIgnored") // what fails to be written or closed has closed already
final class HttpChannel extends ChannelDuplexHandler {

    private static final System.Logger LOGGER = System.getLogger(NettyLimits.class.getName());

    /** Reading goes on of itself until this many bytes, or objects, are read ahead. */
    private static final int AHEAD_BYTES = 16 * 1024;

    private static final int AHEAD_OBJECTS = 64;

    /** What is received at a time at most, unless it came in one piece. */
    private static final int SLICE = 64 * 1024;

    /** A body of which no more than this is missing is read to its end, so that the connection can be kept alive. */
    private static final int SMALL_REST = 64 * 1024;

    private final NettyLimits limits;
    private final Connection connection;
    private @Nullable ChannelHandlerContext context;

    private final Deque<HttpObject> ahead = new ArrayDeque<>();
    private int aheadBytes;
    private boolean reading;
    private boolean inputShutDown;
    private boolean advancing;
    /** Nothing is to be answered any more; what comes is none of ours. */
    private boolean closed;

    private @Nullable NettyExchange current;
    private boolean contentEnded = true;
    private long taken;
    private boolean passing;
    private @Nullable CompletableFuture<Optional<ByteBuffer>> receiver;

    HttpChannel(NettyLimits limits, Connection connection) {
        this.limits = limits;
        this.connection = connection;
    }

    Connection connection() {
        return connection;
    }

    Channel channel() {
        return context().channel();
    }

    private ChannelHandlerContext context() {
        ChannelHandlerContext ctx = context;
        if (ctx == null) {
            throw new IllegalStateException("not in a pipeline");
        }
        return ctx;
    }

    /** Runs a task on the event loop: now, if this is it. */
    void execute(Runnable task) {
        EventExecutor loop = context().executor();
        if (loop.inEventLoop()) {
            task.run();
        } else {
            loop.execute(task);
        }
    }

    /** Runs a task on the event loop, not now. */
    void executeLater(Runnable task) {
        context().executor().execute(task);
    }

    // ------------------------------------------------------------------ what comes in

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        context = ctx;
        ctx.channel().config().setAutoRead(false);
        connection.opened(this);
        if (ctx.channel().isActive()) {
            readAhead();
        }
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        gone();
        connection.closed(this);
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        ctx.fireChannelActive();
        readAhead();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        gone();
        connection.closed(this);
        ctx.fireChannelInactive();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        if (closed) {
            ctx.fireChannelRead(message);
        } else if (message instanceof FullHttpRequest full) {
            add(headOf(full));
            add(new DefaultLastHttpContent(full.content()));
        } else if (message instanceof HttpObject object) {
            add(object);
        } else {
            ctx.fireChannelRead(message);
        }
    }

    private static HttpRequest headOf(FullHttpRequest full) {
        HttpRequest head = new DefaultHttpRequest(full.protocolVersion(), full.method(), full.uri(), full.headers());
        head.setDecoderResult(full.decoderResult());
        return head;
    }

    private void add(HttpObject object) {
        ahead.add(object);
        aheadBytes += sizeOf(object);
    }

    private HttpObject take() {
        HttpObject object = ahead.remove();
        aheadBytes -= sizeOf(object);
        taken += sizeOf(object);
        contentEnded = object instanceof LastHttpContent;
        return object;
    }

    private static int sizeOf(HttpObject object) {
        return object instanceof HttpContent content ? content.content().readableBytes() : 0;
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        reading = false;
        advance();
        ctx.fireChannelReadComplete();
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (connection.isReset(event)) {
            lost();
        } else if (event instanceof ChannelInputShutdownEvent) {
            inputShutDown = true;
            reading = false;
            advance();
            closeIfIdle();
        }
        ctx.fireUserEventTriggered(event);
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        LOGGER.log(Level.DEBUG, () -> ctx.channel() + " failed: " + cause);
        if (closed) {
            ctx.fireExceptionCaught(cause);
        } else {
            lost();
        }
    }

    /** The client has left this channel, but the channel may not know. */
    void lost() {
        gone();
        context().close();
    }

    private void gone() {
        NettyExchange exchange = leave();
        if (exchange != null) {
            exchange.abort(new ClosedChannelException());
        }
    }

    /** Ends all work on this channel. */
    private @Nullable NettyExchange leave() {
        NettyExchange exchange = current;
        current = null;
        closed = true;
        ahead.forEach(ReferenceCountUtil::release);
        ahead.clear();
        aheadBytes = 0;
        failReceiver(new ClosedChannelException());
        return exchange;
    }

    private void failReceiver(IOException failure) {
        CompletableFuture<Optional<ByteBuffer>> waiting = receiver;
        receiver = null;
        if (waiting != null) {
            waiting.completeExceptionally(failure);
        }
    }

    // ------------------------------------------------------------------ the steps

    private void advance() {
        if (!advancing) {
            advancing = true;
            try {
                while (step()) {
                    // Every step has taken something.
                }
            } finally {
                advancing = false;
            }
            readAhead();
        }
    }

    /** Takes one step; false when something has to happen first. */
    private boolean step() {
        HttpObject next = ahead.peek();
        if (contentEnded) {
            if (receiver != null) {
                give(Optional.empty());
                return true;
            }
            if (current == null && next != null) {
                begin();
                return true;
            }
        } else if (passing || current == null) {
            if (next != null) {
                passOrDrop();
                return true;
            }
        } else if (receiver != null && (next != null || inputShutDown)) {
            giveContent(next);
            return true;
        }
        return false;
    }

    private void begin() {
        HttpRequest request = (HttpRequest) take();
        taken = 0;
        passing = false;
        NettyExchange exchange = new NettyExchange(limits.drain(), this, request);
        current = exchange;
        if (request.decoderResult().isSuccess()) {
            Exchanges.serve(exchange, limits.handler());
        } else {
            Exchanges.fail(
                    exchange,
                    new MalformedBodyException(
                            "the request is not well-formed",
                            request.decoderResult().cause()));
        }
    }

    private void passOrDrop() {
        HttpObject content = take();
        if (passing) {
            context().fireChannelRead(content);
            return;
        }
        ReferenceCountUtil.release(content);
        if (content.decoderResult().isFailure()) {
            leave();
            connection.end(context(), true);
        }
    }

    private void give(Optional<ByteBuffer> data) {
        CompletableFuture<Optional<ByteBuffer>> waiting = receiver;
        receiver = null;
        if (waiting != null) {
            waiting.complete(data);
        }
    }

    /** Gives what is there, copied: so nobody needs to say when they are done with it. */
    private void giveContent(@Nullable HttpObject next) {
        if (next == null) {
            failReceiver(new EOFException("the client has sent only a part of the body"));
        } else if (next.decoderResult().isFailure()) {
            failReceiver(new MalformedBodyException(
                    "the body is not well-formed", next.decoderResult().cause()));
        } else {
            ByteBuffer slice = ByteBuffer.allocate(Math.max(Math.min(aheadBytes, SLICE), sizeOf(next)));
            while (fits(ahead.peek(), slice)) {
                HttpContent content = (HttpContent) take();
                int end = slice.position() + sizeOf(content);
                content.content().readBytes(slice.limit(end));
                slice.limit(slice.capacity());
                content.release();
            }
            if (slice.flip().hasRemaining()) {
                give(Optional.of(slice));
            }
        }
    }

    private boolean fits(@Nullable HttpObject next, ByteBuffer slice) {
        return !contentEnded && next != null && next.decoderResult().isSuccess() && sizeOf(next) <= slice.remaining();
    }

    private void readAhead() {
        boolean little = aheadBytes < AHEAD_BYTES && ahead.size() < AHEAD_OBJECTS;
        if (!reading && !closed && !inputShutDown && (little || receiver != null)) {
            reading = true;
            connection.read(context());
        }
    }

    // ------------------------------------------------------------------ for the exchange

    /** See {@link dev.weir.limiter.http.Exchange#read}. */
    void receive(NettyExchange exchange, CompletableFuture<Optional<ByteBuffer>> received) {
        if (exchange != current) {
            received.completeExceptionally(new IOException(exchange.description() + " is over"));
            return;
        }
        receiver = received;
        if (exchange.takeExpectation() && taken == 0 && ahead.isEmpty()) {
            context()
                    .writeAndFlush(new DefaultFullHttpResponse(
                            HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE, Unpooled.EMPTY_BUFFER));
        }
        advance();
    }

    /** See {@link dev.weir.limiter.http.Exchange#write}. */
    void write(NettyExchange exchange, ByteBuffer data, boolean last, CompletableFuture<Void> sent) {
        if (exchange != current) {
            sent.completeExceptionally(new ClosedChannelException());
            return;
        }
        ByteBuf content = exchange.isBodiless() ? Unpooled.EMPTY_BUFFER : Unpooled.wrappedBuffer(data);
        ChannelFuture written = exchange.takeHead() ? writeHead(exchange, content, last) : writeBody(content, last);
        context().flush();
        written.addListener(done -> {
            if (done.isSuccess()) {
                succeed(sent);
                if (last) {
                    responded(exchange);
                }
            } else {
                sent.completeExceptionally(done.cause());
            }
        });
    }

    @SuppressWarnings("NullAway") // Void has no value but null
    private static void succeed(CompletableFuture<Void> sent) {
        sent.complete(null);
    }

    private ChannelFuture writeHead(NettyExchange exchange, ByteBuf content, boolean last) {
        boolean staysOpen = staysOpen() && (!last || canReadRest(exchange));
        HttpHeaders headers = exchange.responseHeaders(last ? content.readableBytes() : -1, staysOpen);
        if (last) {
            return context()
                    .write(new DefaultFullHttpResponse(
                            HttpVersion.HTTP_1_1, exchange.status(), content, headers, EmptyHttpHeaders.INSTANCE));
        }
        context().write(new DefaultHttpResponse(HttpVersion.HTTP_1_1, exchange.status(), headers));
        return writeBody(content, false);
    }

    private ChannelFuture writeBody(ByteBuf content, boolean last) {
        return context().write(last ? new DefaultLastHttpContent(content) : new DefaultHttpContent(content));
    }

    /** The response has been sent, by the exchange or by the next handlers. */
    private void responded(NettyExchange exchange) {
        if (exchange != current) {
            return;
        }
        boolean goesOn = staysOpen() && (passing || (exchange.keepsAlive() && canReadRest(exchange)));
        failReceiver(new IOException(exchange.description() + " is over"));
        current = null;
        if (!goesOn) {
            boolean unread = !contentArrived() || !ahead.isEmpty();
            leave();
            connection.end(context(), unread);
        }
        advance();
    }

    private boolean staysOpen() {
        return !limits.drain().isDraining() && !(inputShutDown && ahead.isEmpty());
    }

    /** Whether what is missing of the request's content is there, or will come soon. */
    private boolean canReadRest(NettyExchange exchange) {
        return contentArrived()
                || (!exchange.expectsContinue()
                        && exchange.declaredLength().orElse(Long.MAX_VALUE) - taken - aheadBytes <= SMALL_REST);
    }

    private boolean contentArrived() {
        return contentEnded
                || ahead.stream()
                        .anyMatch(object -> object instanceof LastHttpContent
                                && object.decoderResult().isSuccess());
    }

    /** See {@link dev.weir.limiter.http.Exchange#abort}. */
    void cut(NettyExchange exchange) {
        if (exchange == current) {
            leave();
            connection.cut(context(), exchange.endsWithConnection());
        }
    }

    /** Closes the connection if no request is under way. */
    void closeIfIdle() {
        if (!closed && current == null && contentEnded && ahead.isEmpty()) {
            leave();
            context().close();
        }
    }

    // ------------------------------------------------------------------ for the next handlers

    /** Hands the current request on, and its content as it comes. */
    void passOn(NettyExchange exchange, BooleanSupplier start, Runnable finish) {
        if (exchange != current || !start.getAsBoolean()) {
            return;
        }
        passing = true;
        try {
            context().fireChannelRead(exchange.request());
        } finally {
            finish.run();
        }
        advance();
        context().fireChannelReadComplete();
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise) {
        NettyExchange exchange = current;
        if (exchange == null || !passing || !(message instanceof HttpObject)) {
            ctx.write(message, promise);
            return;
        }
        if (message instanceof HttpResponse response && isFinal(response.status())) {
            exchange.respondedByOthers();
            if (limits.drain().isDraining()) {
                HttpUtil.setKeepAlive(response, false);
            }
        }
        ChannelPromise written = promise;
        if (message instanceof LastHttpContent && exchange.isCommitted()) {
            boolean switched = message instanceof HttpResponse response
                    && response.status().equals(HttpResponseStatus.SWITCHING_PROTOCOLS);
            written = promise.unvoid();
            written.addListener(done -> {
                if (done.isSuccess()) {
                    exchange.sentByOthers();
                    if (switched) {
                        stepAside();
                    } else {
                        responded(exchange);
                    }
                } else {
                    exchange.abort(done.cause());
                }
            });
        }
        ctx.write(message, written);
    }

    private static boolean isFinal(HttpResponseStatus status) {
        return status.codeClass() != HttpStatusClass.INFORMATIONAL
                || status.equals(HttpResponseStatus.SWITCHING_PROTOCOLS);
    }

    /** The channel speaks another protocol now. */
    private void stepAside() {
        leave();
        channel().config().setAutoRead(true);
    }
}
