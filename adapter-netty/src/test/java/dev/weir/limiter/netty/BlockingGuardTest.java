package dev.weir.limiter.netty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import io.netty.channel.DefaultEventLoopGroup;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.local.LocalIoHandler;
import io.netty.channel.nio.NioIoHandler;
import io.netty.util.concurrent.DefaultEventExecutorGroup;
import io.netty.util.concurrent.EventExecutorGroup;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Event loops are recognised without any adapter in the pipeline. */
@Timeout(30)
@SuppressWarnings({"deprecation", "FutureReturnValueIgnored"}) // Netty 4.2 deprecates its own older loops, still in use
class BlockingGuardTest {

    private final CapacityLimiter limiter = CapacityLimiter.of("endpoints", 1);

    @AfterEach
    void close() {
        limiter.close();
        assertThat(limiter.statistics().inUse()).isZero();
    }

    private <T> T on(EventExecutorGroup group, Callable<T> task) throws Exception {
        try {
            return group.submit(task).get(10, TimeUnit.SECONDS);
        } finally {
            group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
        }
    }

    private void assertRefuses(EventLoopGroup loops) throws Exception {
        String refusal = on(loops, () -> {
            assertThatThrownBy(() -> limiter.tryAcquire(Duration.ofSeconds(1)))
                    .isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> Limiters.call(limiter, () -> "ran")).isInstanceOf(IllegalStateException.class);
            limiter.tryAcquire().orElseThrow().close();
            try {
                limiter.acquire().close();
                return "acquired";
            } catch (IllegalStateException e) {
                return String.valueOf(e.getMessage());
            }
        });
        assertThat(refusal)
                .contains("it is an event loop (io.netty.channel.")
                .contains("limiter 'endpoints'")
                .contains("use acquireAsync(), tryAcquire() or Limiters.run(limiter, work)");
    }

    @Test
    void rule_5_1_blocking_is_refused_on_event_loops_of_every_transport() throws Exception {
        assertRefuses(new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory()));
        assertRefuses(new MultiThreadIoEventLoopGroup(1, LocalIoHandler.newFactory()));
        assertRefuses(new DefaultEventLoopGroup(1));
    }

    @Test
    void executors_for_handlers_that_block_may_block() throws Exception {
        assertThat(on(new DefaultEventExecutorGroup(1), () -> {
                    limiter.acquire().close();
                    return "acquired";
                }))
                .isEqualTo("acquired");
    }

    @Test
    void a_thread_that_was_an_event_loop_for_a_time_may_block_again() throws Exception {
        ExecutorService pool = Executors.newSingleThreadExecutor();
        try {
            EventLoopGroup borrowed = new MultiThreadIoEventLoopGroup(1, pool, NioIoHandler.newFactory());
            assertThat(borrowed.submit(() -> {
                                try {
                                    limiter.acquire().close();
                                    return "acquired";
                                } catch (IllegalStateException e) {
                                    return "refused";
                                }
                            })
                            .get(10, TimeUnit.SECONDS))
                    .isEqualTo("refused");
            borrowed.shutdownGracefully(0, 1, TimeUnit.SECONDS).sync();
            assertThat(pool.submit(() -> {
                                limiter.acquire().close();
                                return "acquired";
                            })
                            .get(10, TimeUnit.SECONDS))
                    .isEqualTo("acquired");
        } finally {
            pool.shutdownNow();
        }
    }
}
