package dev.weir.limiter.netty;

import io.netty.buffer.ByteBufAllocator;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class LeakReportsTest {

    @RegisterExtension
    final LeakReports leaks = new LeakReports();

    @Test
    void a_buffer_that_is_not_released_is_reported() {
        leak();
        Awaitility.await().until(() -> !LeakReports.collect().isEmpty());
    }

    private static void leak() {
        ByteBufAllocator.DEFAULT.directBuffer(16).writeInt(1);
    }
}
