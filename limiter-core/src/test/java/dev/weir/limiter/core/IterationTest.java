package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.core.watch.Watchable;
import dev.weir.limiter.core.watch.Watcher;
import dev.weir.limiter.tck.IdleLimiters;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Readers that leave in the middle of a step of the iteration, where code of theirs happens to run. */
class IterationTest {

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    private final CountDownLatch closed = new CountDownLatch(1);
    private final Reader reader = new Reader();

    private static final class Reader implements Flow.Subscriber<Integer> {
        private final AtomicReference<Flow.@Nullable Subscription> subscription = new AtomicReference<>();
        private final AtomicBoolean leaves = new AtomicBoolean();

        void leaveNow() {
            Flow.Subscription left = subscription.get();
            if (left != null && leaves.compareAndSet(true, false)) {
                left.cancel();
            }
        }

        @Override
        public void onSubscribe(Flow.Subscription begun) {
            subscription.set(begun);
            leaves.set(true);
            begun.request(1);
        }

        @Override
        public void onNext(Integer item) {}

        @Override
        public void onError(Throwable failure) {}

        @Override
        public void onComplete() {}
    }

    private Flow.Publisher<Integer> numbers(CapacityLimiter limiter) {
        return Limiters.iterate(limiter, Stream.iterate(1, number -> number + 1).onClose(closed::countDown));
    }

    @Test
    void rule_3_4_a_reader_that_leaves_between_the_last_item_it_wanted_and_the_rest_closes_the_source()
            throws Exception {
        AtomicBoolean drawn = new AtomicBoolean();
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("left")
                .capacity(1)
                .context(() -> {
                    if (drawn.get()) { // captured anew at the end of a slice
                        reader.leaveNow();
                    }
                    return () -> {
                        drawn.set(true);
                        return () -> {};
                    };
                })
                .build());

        numbers(limiter).subscribe(reader);

        assertThat(closed.await(10, TimeUnit.SECONDS)).isTrue();
        assertThat(reader.leaves).isFalse();
    }

    @Test
    void rule_3_4_a_reader_that_leaves_while_its_first_slice_is_about_to_queue_does_not_wait_for_its_turn()
            throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(
                CapacityLimiter.builder("full").capacity(1).reserve(1).build());
        ((Watchable) limiter).watch(new Watcher() {
            @Override
            public Wait waiting() {
                reader.leaveNow();
                return outcome -> {};
            }

            @Override
            public Work working() {
                return failure -> {};
            }
        });
        try (Permit held = limiter.acquire()) {
            numbers(limiter).subscribe(reader);

            assertThat(closed.await(10, TimeUnit.SECONDS))
                    .as("with the reserve")
                    .isTrue();
            await().until(() -> limiter.statistics().waiting() == 0);
            assertThat(held.limiter()).isSameAs(limiter);
        }
        assertThat(reader.leaves).isFalse();
    }
}
