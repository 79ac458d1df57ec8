package dev.weir.limiter.core;

import dev.weir.limiter.spi.ItemSource;
import java.util.Objects;
import java.util.concurrent.Flow;

/** Begins an {@link Iteration} for every subscriber. */
record IterationPublisher<T>(GateLimiter limiter, ItemSource<? extends T> source) implements Flow.Publisher<T> {

    IterationPublisher {
        Objects.requireNonNull(source, "source");
    }

    @Override
    public void subscribe(Flow.Subscriber<? super T> subscriber) {
        Objects.requireNonNull(subscriber, "subscriber");
        new Iteration<T>(limiter, source, subscriber).begin();
    }
}
