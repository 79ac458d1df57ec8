package dev.weir.limiter.netty;

import dev.weir.limiter.http.Capability;
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
import io.netty.handler.codec.http.DefaultLastHttpContent;
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
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.EventExecutor;
import java.io.EOFException;
import java.io.IOException;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
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
 * <p>What differs between the two is abstract here, and called on the event loop.
 *
 * <p>All state belongs to the event loop; whoever changes it calls {@link #advance}, which goes through the steps until there is
 * none to take. What a step brings about comes back to the same loop instead of nesting.
 */
@SuppressWarnings("FutureReturnValueIgnored") // what fails to be written or closed has closed already
abstract class HttpChannel extends ChannelDuplexHandler {

    private static final System.Logger LOGGER = System.getLogger(NettyLimits.class.getName());

    /** A body of which no more than this is missing is read to its end, so that the connection can be kept alive. */
    private static final int SMALL_REST = 64 * 1024;

    final NettyLimits limits;

    @SuppressWarnings("NullAway.Init") // set when the handler is added, before anything else happens
    private ChannelHandlerContext context;

    private final ReadAhead ahead = new ReadAhead();
    private boolean reading;
    private boolean inputShutDown;
    private boolean advancing;
    /** The step to take next; brought about by the one under way. */
    private @Nullable Runnable following;
    /** Nothing is to be answered any more; what comes is dropped. */
    private boolean closed;

    private @Nullable NettyExchange current;
    private boolean passing;
    /** The next handlers were given a request, and not yet told that this is all for now. */
    private boolean passedOn;

    private boolean writing;
    private @Nullable CompletableFuture<Optional<ByteBuffer>> receiver;

    HttpChannel(NettyLimits limits) {
        this.limits = limits;
    }

    // ------------------------------------------------------------------ what differs

    /** The channel has opened. */
    abstract void opened();

    /** The channel has closed; perhaps told twice. */
    abstract void closed();

    /** The protocol of a request, as {@link dev.weir.limiter.http.Exchange#protocol}. */
    abstract String protocol(HttpRequest request);

    /** As {@link dev.weir.limiter.http.Exchange#capabilities}; called on any thread. */
    abstract Set<Capability> capabilities();

    /** Asks the channel for more. */
    abstract void read();

    /** Adds the header fields that say where the response ends, and what becomes of the connection. */
    abstract void frame(NettyExchange exchange, HttpHeaders headers, boolean ofUnknownLength);

    /**
     * The response has been sent, and nothing else will be.
     *
     * @param unread whether the client may be sending still
     */
    abstract void end(boolean unread);

    /**
     * Ends the response visibly.
     *
     * @param endsWithConnection whether the end of the connection is that of the response
     */
    abstract void cut(boolean endsWithConnection);

    // ------------------------------------------------------------------ the event loop

    Channel channel() {
        return context.channel();
    }

    ChannelHandlerContext context() {
        return context;
    }

    /** Runs a task on the event loop: now, if this is it. */
    void execute(Runnable task) {
        EventExecutor loop = context.executor();
        if (loop.inEventLoop()) {
            task.run();
        } else {
            loop.execute(task);
        }
    }

    // ------------------------------------------------------------------ what comes in

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        context = ctx;
        ctx.channel().config().setAutoRead(false);
        opened();
        if (ctx.channel().isActive()) {
            readAhead();
        }
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext ctx) {
        gone();
        closed();
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        ctx.fireChannelActive();
        readAhead();
    }

    @Override
    public void channelInactive(ChannelHandlerContext ctx) {
        gone();
        closed();
        ctx.fireChannelInactive();
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) {
        if (closed) {
            ReferenceCountUtil.release(message);
        } else if (message instanceof FullHttpRequest full) {
            ahead.add(headOf(full));
            ahead.add(new DefaultLastHttpContent(full.content()));
        } else if (message instanceof HttpObject object) {
            ahead.add(object);
        } else {
            ctx.fireChannelRead(message);
        }
    }

    private static HttpRequest headOf(FullHttpRequest full) {
        HttpRequest head = new DefaultHttpRequest(full.protocolVersion(), full.method(), full.uri(), full.headers());
        head.setDecoderResult(full.decoderResult());
        return head;
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        reading = false;
        advance();
        ctx.fireChannelReadComplete();
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        if (event instanceof IdleStateEvent) {
            onIdle();
        } else if (event instanceof ChannelInputShutdownEvent) {
            onInputShutDown();
        }
        ctx.fireUserEventTriggered(event);
    }

    private void onInputShutDown() {
        inputShutDown = true;
        if (closed) {
            context.close();
        } else {
            advance();
        }
    }

    /** A client is not idle while nobody but we keep it waiting. */
    private void onIdle() {
        if (current == null) {
            closeIfIdle();
        } else if (receiver != null || writing) {
            lost();
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        LOGGER.log(Level.DEBUG, () -> ctx.channel() + " failed: " + cause);
        if (!closed) { // else what comes is dropped, well-formed or not
            lost();
        }
    }

    /** The client has left this channel, but the channel may not know. */
    void lost() {
        gone();
        context.close();
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
        ahead.release();
        failReceiver(ClosedChannelException::new);
        return exchange;
    }

    /** Usually nobody receives; then nothing is made of the failure. */
    private void failReceiver(Supplier<IOException> failure) {
        CompletableFuture<Optional<ByteBuffer>> waiting = receiver;
        receiver = null;
        if (waiting != null) {
            waiting.completeExceptionally(failure.get());
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
            if (inputShutDown && current == null && !closed) {
                leave();
                context.close();
            }
            readAhead();
        }
    }

    /** Takes one step; false when something has to happen first. */
    private boolean step() {
        Runnable brought = following;
        if (brought != null) {
            following = null;
            brought.run();
            return true;
        }
        HttpObject next = ahead.peek();
        if (ahead.contentEnded()) {
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
        if (passedOn) { // with what is here of its content
            passedOn = false;
            context.fireChannelReadComplete();
            return true;
        }
        return false;
    }

    private void begin() {
        HttpRequest request = ahead.takeRequest();
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
        HttpContent content = ahead.takeContent();
        if (passing) {
            context.fireChannelRead(content);
            return;
        }
        content.release();
        if (content.decoderResult().isFailure()) {
            leave();
            end(true);
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
            failReceiver(() -> new EOFException("the client has sent only a part of the body"));
        } else if (next.decoderResult().isFailure()) {
            failReceiver(() -> new MalformedBodyException(
                    "the body is not well-formed", next.decoderResult().cause()));
        } else {
            ByteBuffer slice = ahead.takeSlice();
            if (slice.hasRemaining()) {
                give(Optional.of(slice));
            }
        }
    }

    private void readAhead() {
        if (!reading && !closed && !inputShutDown && ahead.isLittle()) {
            reading = true;
            read();
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
        if (exchange.takeExpectation() && ahead.contentSeen() == 0 && !ahead.contentArrived()) {
            context.writeAndFlush(new DefaultFullHttpResponse(
                    HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE, Unpooled.EMPTY_BUFFER));
        }
        advance();
    }

    /** See {@link dev.weir.limiter.http.Exchange#write}. */
    void write(NettyExchange exchange, boolean first, ByteBuffer data, boolean last, CompletableFuture<Void> sent) {
        if (exchange != current) {
            sent.completeExceptionally(new ClosedChannelException());
            return;
        }
        ByteBuf content = exchange.isBodiless() ? Unpooled.EMPTY_BUFFER : Unpooled.wrappedBuffer(data);
        ChannelFuture written = first ? writeHead(exchange, content, last) : writeBody(content, last);
        writing = true;
        context.flush();
        written.addListener(done -> {
            writing = false;
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
        boolean staysOpen = !limits.drain().isDraining() && (!last || canReadRest(exchange));
        ChannelFuture written = context.write(exchange.responseHead(last ? content : null, staysOpen));
        return last ? written : writeBody(content, false);
    }

    private ChannelFuture writeBody(ByteBuf content, boolean last) {
        return context.write(last ? new DefaultLastHttpContent(content) : new DefaultHttpContent(content));
    }

    /** The response has been sent, by the exchange or by the next handlers. */
    private void responded(NettyExchange exchange) {
        if (exchange != current) {
            return;
        }
        boolean goesOn = !limits.drain().isDraining() && (passing || (exchange.keepsAlive() && canReadRest(exchange)));
        failReceiver(() -> new IOException(exchange.description() + " is over"));
        current = null;
        if (!goesOn) {
            boolean unread = !ahead.dropContent() || !ahead.isEmpty();
            leave();
            end(unread);
        }
        advance();
    }

    /** Whether what is missing of the request's content is there, or will come soon. */
    private boolean canReadRest(NettyExchange exchange) {
        return ahead.contentArrived()
                || (!exchange.expectsContinue()
                        && exchange.declaredLength().orElse(Long.MAX_VALUE) - ahead.contentSeen() <= SMALL_REST);
    }

    /** See {@link dev.weir.limiter.http.Exchange#abort}. */
    void cut(NettyExchange exchange) {
        if (exchange == current) {
            leave();
            cut(exchange.endsWithConnection());
        }
    }

    /** Closes the connection if no request is under way. */
    void closeIfIdle() {
        if (!closed && current == null && ahead.contentEnded() && ahead.isEmpty()) {
            leave();
            context.close();
        }
    }

    // ------------------------------------------------------------------ for the next handlers

    /**
     * Hands the current request on, later, and its content as it comes. Called on any thread.
     *
     * @param start says whether it is to be handed on still
     * @param finish is run when that has been done
     */
    void passOn(NettyExchange exchange, BooleanSupplier start, Runnable finish) {
        Runnable pass = () -> pass(exchange, start, finish);
        EventExecutor loop = context.executor();
        if (loop.inEventLoop() && advancing && following == null) {
            following = pass;
        } else {
            loop.execute(pass);
        }
    }

    private void pass(NettyExchange exchange, BooleanSupplier start, Runnable finish) {
        if (exchange == current && start.getAsBoolean()) {
            passing = true;
            try {
                context.fireChannelRead(exchange.request());
            } finally {
                finish.run();
            }
            passedOn = true;
            advance();
        }
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
        channel().config().setAutoRead(true);
        context.pipeline().remove(this);
    }
}
