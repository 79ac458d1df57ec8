package dev.weir.limiter.servlet;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** Selector threads are recognised without any adapter in front. */
@Timeout(60)
class BlockingGuardTest {

    private final CapacityLimiter limiter = CapacityLimiter.of("endpoints", 1);
    private final Supplier<String> acquiring = this::acquire;

    @AfterEach
    void close() {
        limiter.close();
        assertThat(limiter.statistics().inUse()).isZero();
    }

    private String acquire() {
        try {
            limiter.acquire().close();
            return "acquired";
        } catch (IllegalStateException e) {
            return String.valueOf(e.getMessage());
        } catch (InterruptedException e) {
            return "interrupted";
        }
    }

    @Test
    @EnabledIfSystemProperty(named = "weir.container", matches = "Undertow")
    void rule_5_1_blocking_is_refused_on_io_threads_of_undertow_and_allowed_on_its_workers() throws Exception {
        assertThat(NativeUndertow.answer(acquiring, false))
                .contains("must not block: it is an event loop (org.xnio.nio.WorkerThread)");
        assertThat(NativeUndertow.answer(acquiring, true)).isEqualTo("acquired");
    }

    /** Tomcat runs nothing of an application on its poller, unless its executor does. */
    @Test
    @EnabledIfSystemProperty(named = "weir.container", matches = "Tomcat")
    void rule_5_1_blocking_is_refused_on_the_poller_of_tomcat_that_an_executor_lends_to_requests() throws Exception {
        assertThat(NativeTomcat.answer(acquiring, Runnable::run))
                .contains("must not block: it is an event loop (org.apache.tomcat.util.net.NioEndpoint$Poller)");
        assertThat(NativeTomcat.answer(acquiring, command -> new Thread(command, "request").start()))
                .isEqualTo("acquired");
    }
}
