package dev.weir.limiter.http;

import dev.weir.limiter.http.Failures.NotFoundException;
import dev.weir.limiter.spi.ItemSource;
import dev.weir.limiter.spi.WorkLimiter;
import java.io.EOFException;
import java.io.IOException;
import java.net.URLConnection;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;

/** Sends a file: an iteration over its slices, whose opening decides the head. */
final class FileResponse implements ItemSource<ByteBuffer> {

    private static final int SLICE_SIZE = 64 * 1024;
    private static final int WINDOW = 2;

    private final Path file;
    private final Headers headers;
    /** Set by the worker that opens the file, before the first item is published. */
    private volatile long length;

    private FileResponse(Path file, Headers headers) {
        this.file = file;
        this.headers = headers.orElse("Content-Type", guessedType(file));
    }

    static CompletionStage<Void> send(Exchange exchange, WorkLimiter limiter, Path file, Headers headers) {
        FileResponse response = new FileResponse(file, headers);
        if (exchange.isHead()) {
            return response.sendHead(exchange, limiter);
        }
        return StreamResponse.send(
                exchange, () -> response.respond(exchange), limiter.iterate(response), Function.identity(), WINDOW);
    }

    private CompletionStage<Void> sendHead(Exchange exchange, WorkLimiter limiter) {
        CompletableFuture<Long> look = limiter.run(this::look, false);
        exchange.onAbort(cause -> look.cancel(false));
        return look.handle((size, failure) -> {
                    if (failure != null) {
                        Failures.answer(exchange, failure);
                        return CompletableFuture.<Void>failedFuture(failure);
                    }
                    length = size;
                    respond(exchange);
                    return exchange.write(ByteBuffer.allocate(0), true);
                })
                .thenCompose(Function.identity());
    }

    private long look() throws IOException {
        try {
            if (Files.isRegularFile(file)) {
                return Files.size(file);
            }
        } catch (NoSuchFileException e) {
            // Gone between two looks.
        }
        throw new NotFoundException("no regular file: " + file);
    }

    private void respond(Exchange exchange) {
        exchange.respond(200, headers.orElse("Content-Length", Long.toString(length)));
    }

    private static String guessedType(Path file) {
        Path name = file.getFileName();
        return Optional.ofNullable(name == null ? null : URLConnection.guessContentTypeFromName(name.toString()))
                .orElse("application/octet-stream");
    }

    @Override
    public Cursor<ByteBuffer> open() throws IOException {
        look();
        FileChannel channel;
        try {
            channel = FileChannel.open(file, StandardOpenOption.READ);
        } catch (NoSuchFileException e) {
            throw new NotFoundException("no such file: " + file);
        }
        try {
            length = channel.size();
            return new Slices(channel, length);
        } catch (Throwable e) {
            channel.close();
            throw e;
        }
    }

    /** Exactly as many bytes as the head promised. */
    private static final class Slices implements Cursor<ByteBuffer> {
        private final FileChannel channel;
        private long left;

        Slices(FileChannel channel, long length) {
            this.channel = channel;
            this.left = length;
        }

        @Override
        public boolean hasNext() {
            return left > 0;
        }

        @Override
        public ByteBuffer next() throws IOException {
            ByteBuffer slice = ByteBuffer.allocate((int) Math.min(SLICE_SIZE, left));
            if (channel.read(slice) < 0) {
                throw new EOFException("the file has " + left + " bytes less than when it was opened");
            }
            left -= slice.position();
            return slice.flip();
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }
}
