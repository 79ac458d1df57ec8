package dev.weir.limiter.http;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.spi.BlockingGuard;
import dev.weir.limiter.spi.WorkLimiter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Answers an exchange: the verbs, the same on every server. Each that spends a budget takes its limiter explicitly, or a {@link
 * LimiterScope} for the default.
 *
 * <p>No method blocks. Answers are complete when the returned stage is; a handler need not wait for that. Stages fail when the
 * client has left or the response was cut; nobody needs to look at them, since the exchange tells the same. Their dependents
 * run on whichever thread brings the news, and must not block.
 */
public final class Exchanges {

    private static final String HANDLING = "it is in an ExchangeHandler, which is called on a thread of the server";

    private Exchanges() {}

    /**
     * Hands an exchange to its handler. For adapters: this is all they do with a new request. While the server {@linkplain
     * Drain#begin drains}, the exchange is answered with 503 instead; what the handler throws is answered as {@link #fail}
     * describes. While the handler is being called, blocking forms of limiters are {@linkplain BlockingGuard refused}.
     *
     * @param exchange the exchange to answer
     * @param handler answers it
     */
    public static void serve(Exchange exchange, ExchangeHandler handler) {
        exchange.count();
        try {
            if (exchange.drain().isDraining()) {
                throw new Failures.StoppingException();
            }
            BlockingGuard.Ban ban = BlockingGuard.forbid(HANDLING);
            try {
                handler.handle(exchange);
            } finally {
                ban.close();
            }
        } catch (Throwable e) {
            Failures.answer(exchange, e);
        }
    }

    // ------------------------------------------------------------------ whole bodies

    /**
     * Answers with plain text in UTF-8.
     *
     * @param exchange the exchange to answer
     * @param status the status
     * @param text the body
     * @return ends when the response was handed to the transport
     * @throws IllegalStateException when the response is committed
     */
    public static CompletionStage<Void> text(Exchange exchange, int status, String text) {
        return bytes(exchange, status, "text/plain;charset=utf-8", text.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Answers with JSON in UTF-8.
     *
     * @param exchange the exchange to answer
     * @param status the status
     * @param json the body; well-formed JSON, which is not checked
     * @return ends when the response was handed to the transport
     * @throws IllegalStateException when the response is committed
     */
    public static CompletionStage<Void> json(Exchange exchange, int status, String json) {
        return bytes(exchange, status, "application/json", json.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Answers with bytes.
     *
     * @param exchange the exchange to answer
     * @param status the status
     * @param contentType the body's type
     * @param body the body; not copied
     * @return ends when the response was handed to the transport
     * @throws IllegalStateException when the response is committed
     */
    public static CompletionStage<Void> bytes(Exchange exchange, int status, String contentType, byte[] body) {
        return send(exchange, status, Headers.of("Content-Type", contentType), body);
    }

    /**
     * Answers with status, headers and body. The length of the body is added to headers that name none. A response to HEAD
     * is sent without its body, one of status 204 or 304 without body and length.
     *
     * @param exchange the exchange to answer
     * @param status the status
     * @param headers the header fields
     * @param body the body; not copied
     * @return ends when the response was handed to the transport
     * @throws IllegalStateException when the response is committed
     */
    public static CompletionStage<Void> send(Exchange exchange, int status, Headers headers, byte[] body) {
        boolean bodiless = status == 204 || status == 304;
        exchange.respond(status, bodiless ? headers : headers.orElse("Content-Length", Integer.toString(body.length)));
        boolean empty = bodiless || exchange.isHead();
        return exchange.write(empty ? ByteBuffer.allocate(0) : ByteBuffer.wrap(body), true);
    }

    /**
     * Answers for something that failed, if there is anything left to answer. The whole chain of causes counts:
     *
     * <ul>
     *   <li>{@link dev.weir.limiter.LimitExceededException}: 503 with {@code Retry-After}
     *   <li>{@link BodyTooLargeException}: 413
     *   <li>{@link MalformedBodyException}: 400
     *   <li>anything else, an {@link Error} too: 500, and it is logged
     *   <li>anything, once the response is committed: the response is {@linkplain Exchange#abort cut}
     *   <li>anything, once the exchange has ended: nothing
     * </ul>
     *
     * The bodies are small {@code application/problem+json} documents, the same on every server, and say nothing about the
     * failure's inside. Needs neither permit nor worker.
     *
     * @param exchange the exchange to answer
     * @param failure what failed
     */
    public static void fail(Exchange exchange, Throwable failure) {
        Objects.requireNonNull(failure, "failure");
        Failures.answer(exchange, failure);
    }

    // ------------------------------------------------------------------ streams

    /**
     * Answers with bytes as they are published, such as by {@link dev.weir.limiter.Limiters#iterate}.
     *
     * <p>Demand follows the socket: a few items are requested ahead, and more only when the transport has taken some. Each item
     * is written as soon as the transport is ready; what is published meanwhile may be joined to one write, and nothing is ever
     * held back to be joined. The head is sent with the first item.
     *
     * <p>When the publisher fails before its first item, the exchange is answered as {@link #fail} describes; after that the
     * items before the failure are sent and the response is cut. When the client leaves, the subscription is cancelled. For
     * HEAD nothing is requested: the head is sent and the subscription is cancelled, so that the source is closed.
     *
     * @param exchange the exchange to answer
     * @param status the status
     * @param headers the header fields
     * @param body the bytes; each buffer is the exchange's once it was published
     * @return ends when the response was handed to the transport
     */
    public static CompletionStage<Void> stream(
            Exchange exchange, int status, Headers headers, Flow.Publisher<ByteBuffer> body) {
        return stream(exchange, status, headers, body, Function.identity());
    }

    /**
     * As the other {@code stream}, for items that are turned into bytes.
     *
     * @param <T> the items
     * @param exchange the exchange to answer
     * @param status the status
     * @param headers the header fields
     * @param items what to send
     * @param toBytes turns an item into bytes; runs on the publisher's thread, for one item at a time; what it throws is a
     *     failure of that item
     * @return ends when the response was handed to the transport
     */
    public static <T> CompletionStage<Void> stream(
            Exchange exchange,
            int status,
            Headers headers,
            Flow.Publisher<? extends T> items,
            Function<? super T, ByteBuffer> toBytes) {
        Objects.requireNonNull(headers, "headers");
        return StreamResponse.send(
                exchange, () -> exchange.respond(status, headers), items, toBytes, StreamResponse.DEFAULT_WINDOW);
    }

    // ------------------------------------------------------------------ files

    /**
     * Answers with a file: its length and bytes, read in slices on workers of the limiter. No permit is held while the client
     * reads. A file that is not there, or is no regular file, is answered with 404; one that shrinks while it is sent cuts the
     * response. The file is closed however the exchange ends. For HEAD it is only looked at.
     *
     * <p>The path is used as it is: one that comes from a request must have been checked before.
     *
     * @param exchange the exchange to answer
     * @param limiter the budget that is spent
     * @param file the file
     * @param headers the header fields, apart from {@code Content-Length}; if they name no {@code Content-Type}, it is guessed
     *     from the file's name
     * @return ends when the response was handed to the transport
     */
    public static CompletionStage<Void> file(Exchange exchange, CapacityLimiter limiter, Path file, Headers headers) {
        return FileResponse.send(exchange, WorkLimiter.of(limiter), file, headers);
    }

    /**
     * As the other {@code file}, without further headers.
     *
     * @param exchange the exchange to answer
     * @param limiter the budget that is spent
     * @param file the file
     * @return ends when the response was handed to the transport
     */
    public static CompletionStage<Void> file(Exchange exchange, CapacityLimiter limiter, Path file) {
        return file(exchange, limiter, file, Headers.of());
    }

    /**
     * As the other {@code file}, under {@link LimiterScope#shared}.
     *
     * @param exchange the exchange to answer
     * @param limiters the application's limiters
     * @param file the file
     * @return ends when the response was handed to the transport
     */
    public static CompletionStage<Void> file(Exchange exchange, LimiterScope limiters, Path file) {
        return file(exchange, limiters.shared(), file);
    }

    // ------------------------------------------------------------------ uploads

    /**
     * Receives a {@code multipart/form-data} body and stores its parts.
     *
     * <p>A permit and a worker of the limiter are held while a slice is parsed and stored, and none while bytes are awaited; the
     * next slice is read only when the former is stored. A body that declares to be too large is refused before anything is
     * acquired or read. The first permit is acquired before the first read, so that a refusal comes before {@code 100
     * Continue}; after it the upload is refused no more.
     *
     * <p>When this fails, the exchange has been answered already as {@link #fail} describes: 413 over a limit, 400 for a body
     * that is malformed, truncated or no multipart body, 503 when refused; and the stage fails with the same. A client that
     * cannot be read from gets no answer; its exchange is cut. Temporary files are removed in every case: at a failure, when
     * the upload is closed, and when the exchange has completed.
     *
     * <p>The stage's dependents run on a worker of the limiter that holds no permit any more. They must not block: {@link
     * ExchangeHandler#upload} goes on under a limiter of its own.
     *
     * @param exchange the exchange whose body to receive
     * @param limiter the budget that is spent
     * @param limits how large the body and its parts may be
     * @param directory where temporary files go, in a directory of their own for each upload
     * @return the stored body
     */
    public static CompletionStage<Upload> upload(
            Exchange exchange, CapacityLimiter limiter, UploadLimits limits, Path directory) {
        return new UploadReceiver(exchange, WorkLimiter.of(limiter), limits, directory).receive();
    }

    /**
     * As the other {@code upload}, with temporary files in the JVM's temporary directory.
     *
     * @param exchange the exchange whose body to receive
     * @param limiter the budget that is spent
     * @param limits how large the body and its parts may be
     * @return the stored body
     */
    public static CompletionStage<Upload> upload(Exchange exchange, CapacityLimiter limiter, UploadLimits limits) {
        return upload(exchange, limiter, limits, Path.of(System.getProperty("java.io.tmpdir")));
    }

    /**
     * As the other {@code upload}, under {@link LimiterScope#shared}.
     *
     * @param exchange the exchange whose body to receive
     * @param limiters the application's limiters
     * @param limits how large the body and its parts may be
     * @return the stored body
     */
    public static CompletionStage<Upload> upload(Exchange exchange, LimiterScope limiters, UploadLimits limits) {
        return upload(exchange, limiters.shared(), limits);
    }

    // ------------------------------------------------------------------ background

    /**
     * Runs tasks after the response: on workers of the limiter, each under a permit of its own, detached from the request. They
     * start when the exchange has {@linkplain Exchange#onComplete completed}, that is when the last byte was handed to the
     * transport and the handler has finished; and they run whether the response was sent or the client has left.
     *
     * <p>The tasks of one exchange run one after another, in the order in which they were added, over all calls. One that fails
     * is logged once and does not keep the others from running. A server that stops waits for them.
     *
     * @param exchange the exchange after which to run
     * @param limiter the budget that is spent
     * @param tasks the tasks
     * @return ends when all these tasks have ended, failed ones too; never fails
     */
    public static CompletionStage<Void> background(Exchange exchange, CapacityLimiter limiter, Runnable... tasks) {
        WorkLimiter workers = WorkLimiter.of(limiter);
        CompletableFuture<Void> last = CompletableFuture.allOf();
        for (Runnable task : List.of(tasks)) {
            last = exchange.background().add(exchange, workers, outcome -> task.run());
        }
        return last.copy();
    }

    /**
     * As the other {@code background}, under {@link LimiterScope#background}.
     *
     * @param exchange the exchange after which to run
     * @param limiters the application's limiters
     * @param tasks the tasks
     * @return ends when all these tasks have ended, failed ones too; never fails
     */
    public static CompletionStage<Void> background(Exchange exchange, LimiterScope limiters, Runnable... tasks) {
        return background(exchange, limiters.background(), tasks);
    }

    /**
     * As the other {@code background}, for one task that wants to know how the exchange ended.
     *
     * @param exchange the exchange after which to run
     * @param limiter the budget that is spent
     * @param task the task; takes the outcome
     * @return ends when the task has ended, failed or not; never fails
     */
    public static CompletionStage<Void> afterwards(
            Exchange exchange, CapacityLimiter limiter, Consumer<? super Outcome> task) {
        Objects.requireNonNull(task, "task");
        return exchange.background()
                .add(exchange, WorkLimiter.of(limiter), task)
                .copy();
    }
}
