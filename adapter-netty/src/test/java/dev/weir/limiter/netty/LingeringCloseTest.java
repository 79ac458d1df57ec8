package dev.weir.limiter.netty;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.socket.DuplexChannel;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** How long a client that sends on is borne. Real connections are in the contract of adapters. */
@SuppressWarnings("FutureReturnValueIgnored") // the channel tells whether it has closed
class LingeringCloseTest {

    /** A connection whose client is there until it is closed. Its time stands still. */
    private static final class Connection extends EmbeddedChannel implements DuplexChannel {
        private boolean outputShutdown;

        Connection() {
            super(new ChannelInboundHandlerAdapter());
            freezeTime();
            LingeringClose.begin(pipeline().firstContext());
        }

        @Override
        public boolean isInputShutdown() {
            return false;
        }

        @Override
        public boolean isOutputShutdown() {
            return outputShutdown;
        }

        @Override
        public boolean isShutdown() {
            return false;
        }

        @Override
        public ChannelFuture shutdownOutput() {
            return shutdownOutput(newPromise());
        }

        @Override
        public ChannelFuture shutdownOutput(ChannelPromise promise) {
            outputShutdown = true;
            return promise.setSuccess();
        }

        @Override
        public ChannelFuture shutdownInput() {
            throw unexpected();
        }

        @Override
        public ChannelFuture shutdownInput(ChannelPromise promise) {
            throw unexpected();
        }

        @Override
        public ChannelFuture shutdown() {
            throw unexpected();
        }

        @Override
        public ChannelFuture shutdown(ChannelPromise promise) {
            throw unexpected();
        }

        private static AssertionError unexpected() {
            return new AssertionError("a connection that lingers shuts down its output, and then closes");
        }

        /** How many nanoseconds there are to what is scheduled; -1 when nothing is. */
        long nanosToNext() {
            return runScheduledPendingTasks();
        }
    }

    @Test
    void a_client_that_sends_on_and_on_has_half_a_minute() {
        Connection connection = new Connection();
        assertThat(connection.isOutputShutdown()).isTrue();
        assertThat(connection.config().isAutoRead()).isTrue();

        connection.advanceTimeBy(29, TimeUnit.SECONDS);
        connection.runScheduledPendingTasks();
        assertThat(connection.isOpen()).isTrue();

        connection.advanceTimeBy(1, TimeUnit.SECONDS);
        connection.runScheduledPendingTasks();
        assertThat(connection.isOpen()).isFalse();
    }

    @Test
    void a_connection_that_has_closed_leaves_no_timer_behind() {
        Connection connection = new Connection();
        assertThat(connection.nanosToNext()).isEqualTo(TimeUnit.SECONDS.toNanos(30));

        connection.pipeline().close(); // the channel's own would take back whatever is scheduled

        assertThat(connection.nanosToNext()).isEqualTo(-1);
    }
}
