package dev.weir.limiter.tck;

import dev.failsafe.Bulkhead;
import dev.weir.limiter.CapacityLimiterBuilder;
import java.time.Duration;
import org.junit.jupiter.api.Timeout;

/** The contract over Failsafe's bulkhead. Not named like a test: only {@link PeersFailTest} runs it. */
@Timeout(value = 8, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FailsafeContract extends LimiterRules {

    @Override
    protected CapacityLimiterBuilder newBuilder(String name) {
        return new Settings(name, FailsafeLimiter::new);
    }

    @Override
    protected Duration patience() {
        return Duration.ofMillis(700);
    }

    private static final class FailsafeLimiter extends PeerLimiter {
        private final Bulkhead<Object> bulkhead;

        FailsafeLimiter(Settings settings) {
            super(settings);
            this.bulkhead = Bulkhead.of(settings.capacity);
        }

        @Override
        void peerAcquire() throws InterruptedException {
            bulkhead.acquirePermit();
        }

        @Override
        boolean peerTryAcquire() {
            return bulkhead.tryAcquirePermit();
        }

        @Override
        boolean peerTryAcquire(Duration maxWait) throws InterruptedException {
            return bulkhead.tryAcquirePermit(maxWait);
        }

        @Override
        void peerRelease() {
            bulkhead.releasePermit();
        }

        @Override
        public int capacity() {
            return bulkhead.getConfig().getMaxConcurrency();
        }

        @Override
        public void resize(int capacity) {
            throw new UnsupportedOperationException("a Failsafe bulkhead keeps its size");
        }

        @Override
        public String toString() {
            return "Failsafe bulkhead";
        }
    }
}
