package dev.weir.limiter.spi;

import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.stream.Stream;

/**
 * Where an iteration draws its items from.
 *
 * @param <T> the items
 */
public interface ItemSource<T> {

    /**
     * Begins an iteration. Called under a permit, on a worker, since it may block.
     *
     * @return a cursor before the first item
     * @throws Exception when the source cannot be opened
     */
    Cursor<T> open() throws Exception;

    /**
     * Gives the source up without an iteration: {@link #open} failed, or will never be called, since the subscriber left or
     * was refused before the first draw. Called at most once, on a worker, since it may block.
     *
     * @throws Exception when the source fails to close
     */
    default void discard() throws Exception {}

    /**
     * One iteration over the items. Used by one thread at a time.
     *
     * @param <T> the items
     */
    interface Cursor<T> {
        /**
         * Whether there is another item. May block.
         *
         * @return false at the end
         * @throws Exception when the source fails
         */
        boolean hasNext() throws Exception;

        /**
         * The next item. May block. Called only after {@link #hasNext} returned true.
         *
         * @return the item, never null
         * @throws Exception when the source fails
         */
        T next() throws Exception;

        /**
         * Ends the iteration, wherever it stands. Called exactly once.
         *
         * @throws Exception when the source fails to close
         */
        void close() throws Exception;
    }

    /**
     * The items of an iterable; an iterator that is {@link AutoCloseable} is closed in the end.
     *
     * @param <T> the items
     * @param items the iterable
     * @return a source that can be opened any number of times
     */
    static <T> ItemSource<T> of(Iterable<? extends T> items) {
        return Sources.of(items);
    }

    /**
     * The items of a stream, which is closed in the end.
     *
     * @param <T> the items
     * @param items the stream
     * @return a source that can be opened once, then throws {@link IllegalStateException}
     */
    static <T> ItemSource<T> of(Stream<? extends T> items) {
        return Sources.of(items);
    }

    /**
     * The bytes of an input stream, which is closed in the end. Each item is what one read returned, in a buffer of its own.
     *
     * @param bytes the input stream
     * @param chunkSize how many bytes an item has at most; more than 0
     * @return a source that can be opened once, then throws {@link IllegalStateException}
     * @throws IllegalArgumentException when the chunk size is not more than 0
     */
    static ItemSource<ByteBuffer> of(InputStream bytes, int chunkSize) {
        return Sources.of(bytes, chunkSize);
    }
}
