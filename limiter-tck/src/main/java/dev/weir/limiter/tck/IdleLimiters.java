package dev.weir.limiter.tck;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.LimiterStatistics;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A JUnit extension that fails any test which leaves a permit in use or a waiter behind.
 *
 * <pre>{@code
 * @RegisterExtension
 * final IdleLimiters limiters = new IdleLimiters();
 *
 * @Test
 * void answers() {
 *     CapacityLimiter limiter = limiters.watch(CapacityLimiter.of("endpoints", 2));
 *     ...
 * }
 * }</pre>
 *
 * <p>After the test, and after its {@code @AfterEach} methods, every watched limiter gets a bounded time to become idle; one
 * that does not fails the test with a message that names the test, the limiter and its numbers. If the test has failed
 * already, the limiters are looked at once, and what is found is added to that failure.
 *
 * <p>In a non-static field it watches the limiters of one test. In a static field it looks after every test at everything
 * watched since the class began; tests that run at the same time would then answer for each other.
 */
public final class IdleLimiters implements AfterEachCallback {

    private final Queue<Supplier<Collection<CapacityLimiter>>> watched = new ConcurrentLinkedQueue<>();
    private final Queue<CapacityLimiter> closedAfterwards = new ConcurrentLinkedQueue<>();
    private volatile Duration patience = Duration.ofSeconds(5);

    /** An extension that gives limiters five seconds to become idle. */
    public IdleLimiters() {}

    /**
     * Sets how long limiters may take to become idle when a test has ended.
     *
     * @param limit zero looks once
     * @return this extension
     */
    public IdleLimiters patience(Duration limit) {
        patience = Objects.requireNonNull(limit, "limit");
        return this;
    }

    /**
     * Watches a limiter.
     *
     * @param <L> the limiter's type
     * @param limiter has to be idle when the test has ended
     * @return the same limiter
     */
    public <L extends CapacityLimiter> L watch(L limiter) {
        Objects.requireNonNull(limiter, "limiter");
        watched.add(() -> List.of(limiter));
        return limiter;
    }

    /**
     * Watches a limiter that nobody needs after the test: it is closed once it was judged.
     *
     * @param <L> the limiter's type
     * @param limiter has to be idle when the test has ended
     * @return the same limiter
     */
    public <L extends CapacityLimiter> L watchAndClose(L limiter) {
        watch(limiter);
        closedAfterwards.add(limiter);
        return limiter;
    }

    /**
     * Watches all limiters of a scope, those declared later included.
     *
     * @param scope has to be idle when the test has ended
     * @return the same scope
     */
    public LimiterScope watch(LimiterScope scope) {
        watched.add(scope::limiters);
        return scope;
    }

    /** Judges the watched limiters; called by JUnit. */
    @Override
    public void afterEach(ExtensionContext context) {
        Duration limit = context.getExecutionException().isPresent() ? Duration.ZERO : patience;
        long start = System.nanoTime();
        List<String> busy = describeBusy();
        while (!busy.isEmpty() && System.nanoTime() - start < limit.toNanos()) {
            LockSupport.parkNanos(1_000_000);
            busy = describeBusy();
        }
        closedAfterwards.forEach(CapacityLimiter::close);
        closedAfterwards.clear();
        if (!busy.isEmpty()) {
            throw new AssertionError("Test '" + context.getDisplayName() + "' left limiters busy, after "
                    + limit.toMillis() + " ms of grace: " + String.join("; ", busy));
        }
    }

    private List<String> describeBusy() {
        List<String> busy = new ArrayList<>();
        for (Supplier<Collection<CapacityLimiter>> limiters : watched) {
            for (CapacityLimiter limiter : limiters.get()) {
                LimiterStatistics now = limiter.statistics();
                if (now.inUse() != 0 || now.waiting() != 0) {
                    busy.add("limiter '" + limiter.name() + "' (" + now.summary() + ")");
                }
            }
        }
        return busy;
    }
}
