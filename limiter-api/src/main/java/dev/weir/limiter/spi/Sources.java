package dev.weir.limiter.spi;

import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** The sources of {@link ItemSource}'s factories. */
final class Sources {

    private Sources() {}

    static <T> ItemSource<T> of(Iterable<? extends T> items) {
        Objects.requireNonNull(items, "items");
        return new ItemSource<>() {
            @Override
            public Cursor<T> open() {
                Iterator<? extends T> iterator = items.iterator();
                return new IteratorCursor<>(
                        iterator, iterator instanceof AutoCloseable closeable ? closeable : () -> {});
            }
        };
    }

    static <T> ItemSource<T> of(Stream<? extends T> items) {
        Objects.requireNonNull(items, "items");
        return new OneTimeSource<>("stream", () -> new IteratorCursor<>(items.iterator(), items), items);
    }

    static ItemSource<ByteBuffer> of(InputStream bytes, int chunkSize) {
        Objects.requireNonNull(bytes, "bytes");
        if (chunkSize <= 0) {
            throw new IllegalArgumentException("chunkSize: expected more than 0, was " + chunkSize);
        }
        return new OneTimeSource<>("input stream", () -> new InputStreamCursor(bytes, chunkSize), bytes);
    }

    /** A source over something that was opened before it came to us, so that it needs closing even if nobody iterates. */
    private static final class OneTimeSource<T> implements ItemSource<T> {
        private final String what;
        private final Supplier<Cursor<T>> cursor;
        private final AutoCloseable resource;
        private final AtomicBoolean opened = new AtomicBoolean();

        OneTimeSource(String what, Supplier<Cursor<T>> cursor, AutoCloseable resource) {
            this.what = what;
            this.cursor = cursor;
            this.resource = resource;
        }

        @Override
        public Cursor<T> open() {
            if (opened.getAndSet(true)) {
                throw new IllegalStateException("this " + what + " was iterated already, and can be only once");
            }
            try {
                return cursor.get();
            } catch (Throwable e) {
                opened.set(false); // so that discard closes it
                throw e;
            }
        }

        @Override
        public void discard() throws Exception {
            if (!opened.getAndSet(true)) {
                resource.close();
            }
        }
    }

    private static final class IteratorCursor<T> implements ItemSource.Cursor<T> {
        private final Iterator<? extends T> iterator;
        private final AutoCloseable closeable;

        IteratorCursor(Iterator<? extends T> iterator, AutoCloseable closeable) {
            this.iterator = Objects.requireNonNull(iterator, "iterator");
            this.closeable = closeable;
        }

        @Override
        public boolean hasNext() {
            return iterator.hasNext();
        }

        @Override
        public T next() {
            return iterator.next();
        }

        @Override
        public void close() throws Exception {
            closeable.close();
        }
    }

    private static final class InputStreamCursor implements ItemSource.Cursor<ByteBuffer> {
        private final InputStream bytes;
        private final byte[] chunk;
        private int length;

        InputStreamCursor(InputStream bytes, int chunkSize) {
            this.bytes = bytes;
            this.chunk = new byte[chunkSize];
        }

        @Override
        public boolean hasNext() throws Exception {
            while (length == 0) {
                length = bytes.read(chunk);
            }
            return length > 0;
        }

        @Override
        public ByteBuffer next() {
            ByteBuffer item = ByteBuffer.allocate(length).put(chunk, 0, length).flip();
            length = 0;
            return item;
        }

        @Override
        public void close() throws Exception {
            bytes.close();
        }
    }
}
