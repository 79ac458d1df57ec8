package dev.weir.limiter.tck;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;

/** A subscriber that demands what it is told to and remembers what it was told. */
final class Probe<T> implements Flow.Subscriber<T> {

    final List<T> items = new CopyOnWriteArrayList<>();
    final CompletableFuture<Optional<Throwable>> end = new CompletableFuture<>();
    final AtomicInteger count = new AtomicInteger();
    final List<String> violations = new CopyOnWriteArrayList<>();
    final List<Thread> threads = new CopyOnWriteArrayList<>();
    private final CompletableFuture<Flow.Subscription> subscription = new CompletableFuture<>();
    private final AtomicInteger signalling = new AtomicInteger();
    private final boolean keepItems;
    private final BiConsumer<Probe<T>, T> reaction;

    private Probe(boolean keepItems, BiConsumer<Probe<T>, T> reaction) {
        this.keepItems = keepItems;
        this.reaction = reaction;
    }

    static <T> Probe<T> of(Flow.Publisher<T> publisher) {
        return of(publisher, (probe, item) -> {});
    }

    static <T> Probe<T> of(Flow.Publisher<T> publisher, BiConsumer<Probe<T>, T> reaction) {
        Probe<T> probe = new Probe<>(true, reaction);
        publisher.subscribe(probe);
        return probe;
    }

    /** Counts its items and forgets them: for very many. */
    static <T> Probe<T> counting(Flow.Publisher<T> publisher) {
        Probe<T> probe = new Probe<>(false, (itself, item) -> {});
        publisher.subscribe(probe);
        return probe;
    }

    Probe<T> request(long items) {
        subscription.join().request(items);
        return this;
    }

    Probe<T> requestAll() {
        return request(Long.MAX_VALUE);
    }

    void cancel() {
        subscription.join().cancel();
    }

    private void signal(String what, Runnable body) {
        if (signalling.incrementAndGet() != 1) {
            violations.add(what + " during another signal");
        }
        if (end.isDone()) {
            violations.add(what + " after the end");
        }
        if (!what.equals("onSubscribe") && !subscription.isDone()) {
            violations.add(what + " before onSubscribe");
        }
        try {
            body.run();
        } finally {
            signalling.decrementAndGet();
        }
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
        signal("onSubscribe", () -> subscription.complete(given));
    }

    @Override
    public void onNext(T item) {
        signal("onNext", () -> {
            if (keepItems) {
                items.add(item);
                threads.add(Thread.currentThread());
            }
            count.incrementAndGet();
            reaction.accept(this, item);
        });
    }

    @Override
    public void onError(Throwable failure) {
        signal("onError", () -> {});
        end.complete(Optional.of(failure));
    }

    @Override
    public void onComplete() {
        signal("onComplete", () -> {});
        end.complete(Optional.empty());
    }
}
