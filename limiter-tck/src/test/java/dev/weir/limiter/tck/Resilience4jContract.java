package dev.weir.limiter.tck;

import dev.weir.limiter.CapacityLimiterBuilder;
import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadConfig;
import io.github.resilience4j.bulkhead.BulkheadFullException;
import io.github.resilience4j.core.exception.AcquirePermissionCancelledException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;

/** The contract over Resilience4j's semaphore bulkhead. Not named like a test: only {@link PeersFailTest} runs it. */
@Timeout(value = 8, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class Resilience4jContract extends LimiterRules {

    @Override
    protected CapacityLimiterBuilder newBuilder(String name) {
        return new Settings(name, Resilience4jLimiter::new);
    }

    @Override
    protected Duration patience() {
        return Duration.ofMillis(700);
    }

    private static final class Resilience4jLimiter extends PeerLimiter {
        private final Settings settings;
        private final Bulkhead bulkhead;

        Resilience4jLimiter(Settings settings) {
            super(settings);
            this.settings = settings;
            this.bulkhead = Bulkhead.of(settings.name, config(settings.capacity));
            settings.listeners.forEach(listener -> {
                bulkhead.getEventPublisher().onCallPermitted(event -> listener.granted(this, Duration.ZERO));
                bulkhead.getEventPublisher().onCallFinished(event -> listener.released(this, Duration.ZERO));
            });
        }

        private BulkheadConfig config(int capacity) {
            return BulkheadConfig.custom()
                    .maxConcurrentCalls(capacity)
                    .maxWaitDuration(settings.maxWait.orElse(Duration.ofMinutes(1)))
                    .build();
        }

        @Override
        void peerAcquire() throws InterruptedException {
            try {
                bulkhead.acquirePermission();
            } catch (BulkheadFullException e) {
                throw refusal();
            } catch (AcquirePermissionCancelledException e) {
                Thread.interrupted();
                throw new InterruptedException();
            }
        }

        /** A bulkhead has one wait time for all, so that only this look keeps the call from waiting. */
        @Override
        boolean peerTryAcquire() {
            return bulkhead.getMetrics().getAvailableConcurrentCalls() > 0 && bulkhead.tryAcquirePermission();
        }

        @Override
        boolean peerTryAcquire(Duration maxWait) throws InterruptedException {
            long deadline = System.nanoTime() + maxWait.toNanos();
            while (!peerTryAcquire()) {
                if (System.nanoTime() >= deadline) {
                    return false;
                }
                TimeUnit.MICROSECONDS.sleep(100);
            }
            return true;
        }

        @Override
        void peerRelease() {
            bulkhead.onComplete();
        }

        @Override
        public int capacity() {
            return bulkhead.getBulkheadConfig().getMaxConcurrentCalls();
        }

        @Override
        public void resize(int capacity) {
            bulkhead.changeConfig(config(Settings.notNegative("capacity", capacity)));
        }

        @Override
        public String toString() {
            return bulkhead.toString();
        }
    }
}
