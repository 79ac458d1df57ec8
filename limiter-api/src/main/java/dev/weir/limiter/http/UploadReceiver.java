package dev.weir.limiter.http;

import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.http.Failures.UnreadableException;
import dev.weir.limiter.spi.WorkLimiter;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Receives one upload: a loop of reading, which needs no permit, and storing, which needs a permit and a worker.
 *
 * <pre>
 *   IDLE ──work──► BUSY ──stored──► IDLE …        IDLE: bytes or a permit are awaited, nobody touches the decoder
 *     └──────leave───┴──end────► OVER             BUSY: a worker is at the decoder
 * </pre>
 *
 * Each move is one compare-and-set. A client that leaves while the upload is idle ends it at once; while it is busy, the worker
 * finds out when it has stored its slice. So the decoder is closed once, and never while a worker uses it.
 */
final class UploadReceiver {

    /** How many slices one permit stores at most before others get their turn. */
    private static final int SLICES = 16;

    private enum State {
        IDLE,
        BUSY,
        OVER
    }

    /** What a worker does under a permit. Gives what is to be done when the permit is back. */
    @FunctionalInterface
    private interface Work {
        Runnable run() throws IOException;
    }

    private final Exchange exchange;
    private final WorkLimiter limiter;
    private final UploadLimits limits;
    private final Path parent;
    private final CompletableFuture<Upload> result = new CompletableFuture<>();
    private final Runnable hold;

    private final AtomicReference<State> state = new AtomicReference<>(State.IDLE);
    private final AtomicInteger arrivals = new AtomicInteger();
    private volatile @Nullable CompletableFuture<Permit> place;
    private volatile @Nullable Arrival arrival;
    private volatile @Nullable Throwable gone;

    // Touched only by whoever made the state BUSY or OVER.
    private @Nullable UploadDirectory directory;
    private @Nullable MultipartDecoder decoder;
    private long received;

    UploadReceiver(Exchange exchange, WorkLimiter limiter, UploadLimits limits, Path parent) {
        this.exchange = exchange;
        this.limiter = limiter;
        this.limits = Objects.requireNonNull(limits, "limits");
        this.parent = Objects.requireNonNull(parent, "directory");
        this.hold = exchange.hold();
    }

    CompletionStage<Upload> receive() {
        if (exchange.declaredLength().orElse(0) > limits.bodySize()) {
            leave(tooLarge());
        } else {
            exchange.onAbort(this::onGone);
            underPermit(limiter.acquireAsync(), this::open);
        }
        return result.copy();
    }

    private Runnable open() throws IOException {
        directory = UploadDirectory.create(parent);
        decoder = MultipartDecoder.of(exchange.header("Content-Type"), limits, directory.path());
        return () -> await(exchange.read());
    }

    private void await(CompletionStage<Optional<ByteBuffer>> stage) {
        state.set(State.IDLE);
        Throwable left = gone;
        if (left != null) {
            leave(left);
        }
        Stages.atEnd(stage, (data, failure) -> {
            // The next read begins only when this one is stored, so there is never more than one. Counting keeps a
            // stage that
            // is complete already, and workers that run inline, from nesting slice in slice.
            arrival = failure == null ? new Arrival(data) : new Arrival(readFailure(failure));
            if (arrivals.getAndIncrement() == 0) {
                do {
                    onArrival(Objects.requireNonNull(arrival));
                } while (arrivals.decrementAndGet() != 0);
            }
        });
    }

    private void onArrival(Arrival arrived) {
        if (arrived.failure != null) {
            leave(arrived.failure);
        } else if (state.get() == State.IDLE) {
            underPermit(limiter.acquireContinuation(), () -> store(arrived.data));
        }
    }

    private Runnable store(Optional<ByteBuffer> first) throws IOException {
        MultipartDecoder parser = Objects.requireNonNull(decoder, "decoder");
        Optional<ByteBuffer> data = first;
        for (int slices = 1; data.isPresent(); slices++) {
            received += data.get().remaining();
            if (received > limits.bodySize()) {
                throw tooLarge();
            }
            parser.offer(data.get());
            // What is there already needs no new permit; a wait for more never holds one.
            CompletableFuture<Optional<ByteBuffer>> next = exchange.read().toCompletableFuture();
            if (slices == SLICES || gone != null || !next.isDone() || next.isCompletedExceptionally()) {
                return () -> await(next);
            }
            data = next.join();
        }
        List<Part> parts = parser.finish();
        decoder = null;
        parser.close();
        return () -> complete(parts);
    }

    private void underPermit(CompletableFuture<Permit> asked, Work work) {
        place = asked;
        if (state.get() == State.OVER) {
            asked.cancel(false);
        }
        Stages.atEnd(asked, (permit, failure) -> {
            if (failure != null) {
                leave(Failures.unwrap(failure));
                return;
            }
            try {
                limiter.execute(permit, exchange.inContext(() -> work(permit, work)));
            } catch (Throwable e) {
                permit.close();
                leave(Admission.noWorker(limiter, e));
            }
        });
    }

    private void work(Permit permit, Work work) {
        if (!state.compareAndSet(State.IDLE, State.BUSY)) {
            permit.close();
            return;
        }
        Runnable next;
        try {
            next = work.run();
        } catch (Throwable e) {
            next = () -> fail(e);
        } finally {
            permit.close();
        }
        next.run();
    }

    private void onGone(Throwable cause) {
        gone = cause;
        leave(cause);
        CompletableFuture<Permit> asked = place;
        if (asked != null && state.get() == State.OVER) {
            asked.cancel(false);
        }
    }

    /** Ends the upload unless a worker is at it, or it is over. */
    private void leave(Throwable failure) {
        if (state.compareAndSet(State.IDLE, State.OVER)) {
            fail(failure);
        }
    }

    /** For whoever made the state BUSY or OVER. */
    private void fail(Throwable failure) {
        state.set(State.OVER);
        Failures.answer(exchange, failure);
        cleanUp(hold);
        result.completeExceptionally(failure);
    }

    private void complete(List<Part> parts) {
        Throwable left = gone;
        if (left != null) {
            fail(left);
            return;
        }
        state.set(State.OVER);
        Upload upload = new Upload(parts, Objects.requireNonNull(directory, "directory"));
        exchange.onComplete(outcome -> cleanUp(() -> {}));
        hold.run();
        result.complete(upload);
    }

    /** On a worker, since it goes to the disk. */
    private void cleanUp(Runnable then) {
        UploadDirectory used = directory;
        MultipartDecoder parser = decoder;
        if (used == null || (!used.isOpen() && parser == null)) {
            then.run();
            return;
        }
        Runnable leave = exchange.drain().enter();
        Runnable remove = () -> {
            try (used) {
                if (parser != null) {
                    parser.close();
                }
            } catch (Throwable e) {
                Failures.log(exchange, "left temporary files behind", e);
            } finally {
                leave.run();
                then.run();
            }
        };
        Stages.atEnd(Limiters.finish(limiter, remove), (ignored, failure) -> {
            if (failure != null) {
                remove.run(); // No worker could be had, and files must not stay.
            }
        });
    }

    private IOException tooLarge() {
        return new BodyTooLargeException("a body of more than " + limits.bodySize() + " bytes");
    }

    private static Throwable readFailure(Throwable failure) {
        Throwable cause = Failures.unwrap(failure);
        if (cause instanceof BodyTooLargeException || cause instanceof MalformedBodyException) {
            return cause;
        }
        return cause instanceof EOFException
                ? new MalformedBodyException("the body ended before its time", cause)
                : new UnreadableException(cause);
    }

    /** What a read brought. */
    private static final class Arrival {
        final Optional<ByteBuffer> data;
        final @Nullable Throwable failure;

        Arrival(Optional<ByteBuffer> data) {
            this.data = data;
            this.failure = null;
        }

        Arrival(Throwable failure) {
            this.data = Optional.empty();
            this.failure = failure;
        }
    }
}
