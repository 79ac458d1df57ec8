package dev.weir.limiter.http;

import dev.weir.limiter.spi.WorkLimiter;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The tasks that run after one response: a chain, whose links run one after another once the exchange has completed. */
final class BackgroundTasks {

    /** The end of the last link; null when there is none yet. */
    private final AtomicReference<@Nullable CompletableFuture<Void>> tail = new AtomicReference<>();

    CompletableFuture<Void> add(Exchange exchange, WorkLimiter limiter, Consumer<? super Outcome> task) {
        // Counted from here on, so that a server that stops now waits for it.
        Runnable leave = exchange.drain().enter();
        AtomicReference<Outcome> outcome = new AtomicReference<>(Outcome.UNCONFIRMED);
        Runnable work = limiter.withContext(() -> task.accept(outcome.get()));
        CompletableFuture<Void> link = new CompletableFuture<>();
        CompletableFuture<Void> before = tail.getAndSet(link);
        exchange.onComplete(known -> {
            outcome.set(known);
            if (before == null) {
                start(exchange, limiter, work, link, leave);
            } else {
                Stages.atEnd(before, (ignored, failure) -> start(exchange, limiter, work, link, leave));
            }
        });
        return link;
    }

    private static void start(
            Exchange exchange, WorkLimiter limiter, Runnable work, CompletableFuture<Void> link, Runnable leave) {
        CompletableFuture<Void> done;
        try {
            done = limiter.background(exchange.inContext(work));
        } catch (Throwable e) {
            Failures.log(exchange, "could not start a background task", e);
            done = CompletableFuture.failedFuture(e);
        }
        // The limiter has reported a failure already; the next task runs all the same.
        Stages.atEnd(done, (ignored, failure) -> {
            leave.run();
            link.complete(null);
        });
    }
}
