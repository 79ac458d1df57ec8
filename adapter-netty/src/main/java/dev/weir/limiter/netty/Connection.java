package dev.weir.limiter.netty;

import io.netty.channel.ChannelHandler;

/** The handler that stands for a whole connection. */
interface Connection extends ChannelHandler {

    /** Announces that no more requests are taken, and closes the connection if it is idle. Called on any thread. */
    void drain();
}
