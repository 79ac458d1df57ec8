package dev.weir.limiter.netty;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.util.ResourceLeakDetector;
import io.netty.util.ResourceLeakDetectorFactory;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Watches every buffer and fails a test that has left one unreleased. */
final class LeakReports implements AfterEachCallback {

    private static final Queue<String> REPORTS = new ConcurrentLinkedQueue<>();

    static {
        // Before the first buffer is made, since buffers look for their detector only once.
        ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.PARANOID);
        ResourceLeakDetectorFactory.setResourceLeakDetectorFactory(new Factory());
    }

    LeakReports() {}

    @Override
    public void afterEach(ExtensionContext context) {
        assertThat(reports()).as("buffers that were never released").isEmpty();
    }

    /** What has leaked since the last call. */
    static Queue<String> reports() {
        // A leak is found when its buffer has been collected, and reported when the next one is made.
        for (int i = 0; i < 2; i++) {
            System.gc();
            for (int size = 16; size <= 65_536; size *= 2) {
                ByteBuf buffer = ByteBufAllocator.DEFAULT.directBuffer(size);
                buffer.release();
            }
        }
        Queue<String> found = new ConcurrentLinkedQueue<>(REPORTS);
        REPORTS.clear();
        return found;
    }

    private static final class Factory extends ResourceLeakDetectorFactory {
        @Override
        @Deprecated
        public <T> ResourceLeakDetector<T> newResourceLeakDetector(Class<T> resource, int interval, long maxActive) {
            return new Recorder<>(resource, interval);
        }

        @Override
        public <T> ResourceLeakDetector<T> newResourceLeakDetector(Class<T> resource, int interval) {
            return new Recorder<>(resource, interval);
        }
    }

    private static final class Recorder<T> extends ResourceLeakDetector<T> {
        Recorder(Class<T> resource, int interval) {
            super(resource, interval);
        }

        @Override
        protected boolean needReport() {
            return true;
        }

        @Override
        protected void reportTracedLeak(String resourceType, String records) {
            REPORTS.add(resourceType + records);
        }

        @Override
        protected void reportUntracedLeak(String resourceType) {
            REPORTS.add(resourceType);
        }
    }
}
