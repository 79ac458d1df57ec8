package dev.weir.limiter.jetty;

import java.util.Iterator;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

/** A source of lines that counts what is drawn, and knows when and where it was closed. */
final class Numbers implements Iterable<String> {

    final AtomicInteger drawn = new AtomicInteger();
    final AtomicInteger closed = new AtomicInteger();
    final AtomicReference<String> closedOn = new AtomicReference<>("");
    final CountDownLatch closing = new CountDownLatch(1);
    private final int end;
    private final int failAt;
    private final String filler;

    private Numbers(int end, int failAt, int size) {
        this.end = end;
        this.failAt = failAt;
        this.filler = "x".repeat(size);
    }

    static Numbers upTo(int end) {
        return new Numbers(end, -1, 0);
    }

    static Numbers endless(int size) {
        return new Numbers(Integer.MAX_VALUE, -1, size);
    }

    static Numbers failingAt(int item) {
        return new Numbers(Integer.MAX_VALUE, item, 0);
    }

    @Override
    public Iterator<String> iterator() {
        return new Lines();
    }

    private final class Lines implements Iterator<String>, AutoCloseable {
        private int next;

        @Override
        public boolean hasNext() {
            return next < end;
        }

        @Override
        public String next() {
            if (next == failAt) {
                throw new IllegalStateException("at " + failAt);
            }
            drawn.incrementAndGet();
            return next++ + filler + "\n";
        }

        @Override
        public void close() {
            closedOn.set(Thread.currentThread().getName());
            closed.incrementAndGet();
            closing.countDown();
        }
    }
}
