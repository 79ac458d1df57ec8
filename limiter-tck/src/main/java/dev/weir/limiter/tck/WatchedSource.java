package dev.weir.limiter.tck;

import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/** The numbers from 0, watched: how many were drawn, who closed the iterator, and whether anything overlapped. */
final class WatchedSource implements Iterable<Integer> {

    /** What a draw does besides giving its number. */
    @FunctionalInterface
    interface Draw {
        void draw(int number) throws Exception;
    }

    final AtomicInteger drawn = new AtomicInteger();
    final AtomicInteger opened = new AtomicInteger();
    final AtomicInteger closed = new AtomicInteger();
    final List<Thread> closers = new CopyOnWriteArrayList<>();
    final List<String> violations = new CopyOnWriteArrayList<>();
    private final AtomicInteger inside = new AtomicInteger();
    private final int size;
    private final Draw draw;

    WatchedSource(int size) {
        this(size, number -> {});
    }

    WatchedSource(int size, Draw draw) {
        this.size = size;
        this.draw = draw;
    }

    static WatchedSource endless() {
        return new WatchedSource(Integer.MAX_VALUE);
    }

    @Override
    public Iterator<Integer> iterator() {
        opened.incrementAndGet();
        return new WatchedIterator();
    }

    private final class WatchedIterator implements Iterator<Integer>, AutoCloseable {
        private int next;

        @Override
        public boolean hasNext() {
            enter("hasNext");
            inside.decrementAndGet();
            return next < size;
        }

        @Override
        public Integer next() {
            enter("next");
            try {
                if (next >= size) {
                    throw new NoSuchElementException("there were only " + size);
                }
                drawn.incrementAndGet();
                draw.draw(next);
                return next++;
            } catch (Exception e) {
                throw sneaky(e);
            } finally {
                inside.decrementAndGet();
            }
        }

        @Override
        public void close() {
            enter("close");
            closers.add(Thread.currentThread());
            inside.decrementAndGet();
            closed.incrementAndGet();
        }

        private void enter(String what) {
            if (inside.incrementAndGet() != 1) {
                violations.add(what + " while another call was under way");
            }
            if (closed.get() != 0) {
                violations.add(what + " after close");
            }
        }
    }

    @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"}) // throws whatever it is given, as it is
    private static <X extends Throwable> RuntimeException sneaky(Throwable failure) throws X {
        throw (X) failure;
    }
}
