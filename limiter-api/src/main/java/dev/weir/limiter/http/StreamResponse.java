package dev.weir.limiter.http;

import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Flow;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Writes published items to an exchange, at the pace of its socket.
 *
 * <p>Items, their end, the end of a write and the client's leaving come on different threads. Each leaves its news in a field
 * or in the queue and takes the {@link Turns turns}.
 */
final class StreamResponse<T> implements Flow.Subscriber<T> {

    /** How many items are requested ahead of the socket. */
    static final int DEFAULT_WINDOW = 16;

    /** What is published meanwhile is joined into writes of at most this many bytes. */
    private static final int JOINED_SIZE = 16 * 1024;

    private static final ByteBuffer EMPTY = ByteBuffer.allocate(0);

    private final Exchange exchange;
    private final Runnable head;
    private final Function<? super T, ByteBuffer> toBytes;
    private final int window;
    private final CompletableFuture<Void> result = new CompletableFuture<>();

    private final Turns turns = new Turns(this::turn);
    private final Queue<ByteBuffer> items = new ConcurrentLinkedQueue<>();
    private volatile Flow.@Nullable Subscription subscription;
    private volatile @Nullable Throwable failure;
    private volatile boolean ended;
    private volatile @Nullable Throwable gone;
    private volatile boolean writing;

    // Touched only in turns.
    private boolean begun;
    private boolean over;
    private int taken;

    private StreamResponse(Exchange exchange, Runnable head, Function<? super T, ByteBuffer> toBytes, int window) {
        this.exchange = exchange;
        this.head = head;
        this.toBytes = Objects.requireNonNull(toBytes, "toBytes");
        this.window = window;
    }

    static <T> CompletionStage<Void> send(
            Exchange exchange,
            Runnable head,
            Flow.Publisher<? extends T> items,
            Function<? super T, ByteBuffer> toBytes,
            int window) {
        StreamResponse<T> response = new StreamResponse<>(exchange, head, toBytes, window);
        exchange.onAbort(response::onGone);
        try {
            items.subscribe(response);
        } catch (Throwable e) {
            response.onError(e);
        }
        return response.result.copy();
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
        if (subscription != null) {
            given.cancel();
            return;
        }
        subscription = given;
        if (exchange.isHead()) {
            given.cancel();
            ended = true;
        } else if (gone != null) {
            given.cancel();
        } else {
            given.request(window);
        }
        turns.take();
    }

    @Override
    public void onNext(T item) {
        if (failure != null) {
            return;
        }
        try {
            items.add(Objects.requireNonNull(toBytes.apply(item), "toBytes returned null"));
        } catch (Throwable e) {
            cancel();
            failure = e;
        }
        turns.take();
    }

    @Override
    public void onError(Throwable thrown) {
        if (failure == null) {
            failure = thrown;
        }
        turns.take();
    }

    @Override
    public void onComplete() {
        ended = true;
        turns.take();
    }

    private void onGone(Throwable cause) {
        gone = cause;
        cancel();
        turns.take();
    }

    private void cancel() {
        Flow.Subscription current = subscription;
        if (current != null) {
            current.cancel();
        }
    }

    private void turn() {
        try {
            step();
        } catch (Throwable e) {
            // Only the exchange can have thrown; it will not take more.
            over = true;
            cancel();
            Failures.answer(exchange, e);
            result.completeExceptionally(e);
        }
    }

    private void step() {
        if (over) {
            items.clear();
            return;
        }
        Throwable left = gone;
        if (left != null) {
            over = true;
            items.clear();
            result.completeExceptionally(left);
            return;
        }
        if (writing) {
            return;
        }
        replenish();
        // Read before the queue: what was published before the end is in the queue then.
        Throwable failed = failure;
        boolean complete = ended;
        ByteBuffer data = nextData();
        if (data != null) {
            write(data, failed == null && complete && items.isEmpty());
        } else if (failed != null) {
            over = true;
            fail(failed);
        } else if (complete) {
            write(EMPTY.duplicate(), true);
        }
    }

    private void replenish() {
        Flow.Subscription current = subscription;
        if (taken > 0 && current != null && !ended && failure == null) {
            int more = taken;
            taken = 0;
            current.request(more);
        }
    }

    private @Nullable ByteBuffer nextData() {
        ByteBuffer first = items.poll();
        if (first == null) {
            return null;
        }
        taken++;
        ByteBuffer second = items.peek();
        if (second == null || first.remaining() + second.remaining() > JOINED_SIZE) {
            return first;
        }
        ByteBuffer joined = ByteBuffer.allocate(JOINED_SIZE).put(first);
        while (second != null && second.remaining() <= joined.remaining()) {
            joined.put(second);
            items.remove();
            taken++;
            second = items.peek();
        }
        return joined.flip();
    }

    private void write(ByteBuffer data, boolean last) {
        if (!begun) {
            begun = true;
            head.run();
        }
        over = last;
        writing = true;
        Stages.atEnd(exchange.write(data, last), (ignored, failed) -> {
            writing = false;
            if (failed != null) {
                cancel();
                result.completeExceptionally(failed);
            } else if (last) {
                result.complete(null);
            } else {
                turns.take();
            }
        });
    }

    private void fail(Throwable failed) {
        if (failed instanceof CancellationException && exchange.isEnded()) {
            result.completeExceptionally(failed);
            return;
        }
        if (begun) {
            exchange.abort(failed);
        } else {
            Failures.answer(exchange, failed);
        }
        result.completeExceptionally(failed);
    }
}
