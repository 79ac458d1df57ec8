package dev.weir.limiter.netty;

import dev.weir.limiter.http.Capability;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.handler.codec.http.HttpRequest;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A connection with one channel: itself. */
@SuppressWarnings("FutureReturnValueIgnored") // what fails to be written or closed has closed already
final class Http1Connection implements Connection {

    private static final Set<Capability> HALF_CLOSURE_ALLOWED = Collections.unmodifiableSet(EnumSet.of(
            Capability.SENT_CONFIRMED,
            Capability.NON_BLOCKING_BODY,
            Capability.CONTINUE_AFTER_ADMISSION,
            Capability.ABORT_COMMITTED,
            Capability.KEEPALIVE_AFTER_503));

    private static final Set<Capability> BY_DEFAULT;

    static {
        Set<Capability> more = EnumSet.copyOf(HALF_CLOSURE_ALLOWED);
        more.add(Capability.DISCONNECT_WHILE_WAITING);
        more.add(Capability.HALF_CLOSE_IS_DISCONNECT);
        BY_DEFAULT = Collections.unmodifiableSet(more);
    }

    private final NettyLimits limits;
    /** Set before the connection is known to anybody else. */
    private volatile @Nullable HttpChannel channel;

    Http1Connection(NettyLimits limits) {
        this.limits = limits;
    }

    @Override
    public void opened(HttpChannel opened) {
        channel = opened;
        limits.opened(this);
    }

    @Override
    public void closed(HttpChannel closed) {
        limits.closed(this);
    }

    @Override
    public String protocol(HttpRequest request) {
        return request.protocolVersion().text();
    }

    @Override
    public Set<Capability> capabilities() {
        boolean halfClosure = Boolean.TRUE.equals(channel().config().getOption(ChannelOption.ALLOW_HALF_CLOSURE));
        return halfClosure ? HALF_CLOSURE_ALLOWED : BY_DEFAULT;
    }

    @Override
    public boolean framesInHeaders() {
        return true;
    }

    @Override
    public void read(ChannelHandlerContext ctx) {
        ctx.read();
    }

    @Override
    public boolean isReset(Object event) {
        return false;
    }

    @Override
    public void end(ChannelHandlerContext ctx, boolean unread) {
        if (unread) {
            LingeringClose.begin(ctx);
        } else {
            ctx.close();
        }
    }

    @Override
    public void cut(ChannelHandlerContext ctx, boolean open) {
        if (open) {
            ctx.channel().config().setOption(ChannelOption.SO_LINGER, 0); // a reset
        }
        ctx.close();
    }

    @Override
    public void drain() {
        HttpChannel opened = channel;
        if (opened != null) {
            opened.execute(opened::closeIfIdle);
        }
    }

    @Override
    public ChannelFuture close() {
        return channel().close();
    }

    private Channel channel() {
        HttpChannel opened = channel;
        if (opened == null) {
            throw new IllegalStateException("the connection has no channel yet");
        }
        return opened.channel();
    }
}
