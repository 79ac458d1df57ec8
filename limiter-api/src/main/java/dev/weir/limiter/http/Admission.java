package dev.weir.limiter.http;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.Permit;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.spi.WorkLimiter;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.RejectedExecutionException;

/**
 * Admits requests under a limiter: the protocol between a server and its limiter, the same for all servers.
 *
 * <ol>
 *   <li>The request asks for a permit and leaves the server's thread. Waiting holds no thread.
 *   <li>If its client is seen to leave, it leaves the queue, and its handler never runs.
 *   <li>If the limiter refuses, the answer is 503 with {@code Retry-After}, written without a permit or a worker.
 *   <li>When it has a permit it is resumed: by default on a worker of the limiter, or as an adapter sees fit. The grant comes
 *       on the thread that released the permit, often another request's: nothing but the hop is done there.
 *   <li>The permit goes back when the handler has finished or, in {@link PermitScope#EXCHANGE}, when the exchange has
 *       completed, on every path.
 * </ol>
 *
 * Thread-safe; no method blocks.
 */
public final class Admission {

    private static final Duration RETRY = Duration.ofSeconds(1);

    private final WorkLimiter limiter;
    private final PermitScope scope;

    private Admission(WorkLimiter limiter, PermitScope scope) {
        this.limiter = limiter;
        this.scope = Objects.requireNonNull(scope, "scope");
    }

    /** How a request that was granted a permit comes back to a thread that may run its handler. */
    @FunctionalInterface
    public interface Resumption {
        /**
         * Hands the request to another thread, which calls {@link Ticket#start} and {@link Ticket#finish}. Called on any thread,
         * with nothing set up; must not block, and must not run the handler here. What it throws gives the permit back and
         * answers the request.
         *
         * @param ticket the request's ticket
         */
        void resume(Ticket ticket);
    }

    /**
     * Admission under the given limiter, holding a permit until the handler has returned.
     *
     * @param limiter the budget that is spent
     * @return an admission; it has no life cycle of its own
     */
    public static Admission of(CapacityLimiter limiter) {
        return of(limiter, PermitScope.HANDLER);
    }

    /**
     * Admission under the given limiter.
     *
     * @param limiter the budget that is spent
     * @param scope how long a permit is held
     * @return an admission; it has no life cycle of its own
     * @throws IllegalArgumentException when the limiter cannot run work
     */
    public static Admission of(CapacityLimiter limiter, PermitScope scope) {
        return new Admission(WorkLimiter.of(limiter), scope);
    }

    /**
     * Runs an endpoint on a worker of the limiter as soon as there is a permit. Refusals and what the endpoint throws are
     * answered as {@link Exchanges#fail} describes.
     *
     * @param exchange the request and its response
     * @param endpoint the blocking code
     */
    public void handle(Exchange exchange, Endpoint endpoint) {
        Objects.requireNonNull(endpoint, "endpoint");
        Resumption resumption = onWorker(exchange, endpoint); // what fails has to fail before there is a permit
        admit(exchange, limiter.acquireAsync(), resumption);
    }

    /** As {@link #handle}, for a request that was admitted before and goes on: it is refused no more. */
    void handleAdmitted(Exchange exchange, Endpoint endpoint) {
        Resumption resumption = onWorker(exchange, endpoint);
        admit(exchange, limiter.acquireContinuation(), resumption);
    }

    /**
     * Admits a request that the adapter resumes itself, for servers whose handlers must run on the server's own threads.
     * Refusals are answered.
     *
     * @param exchange the request and its response
     * @param resumption called once when there is a permit
     * @return the request's ticket
     */
    public Ticket admit(Exchange exchange, Resumption resumption) {
        Objects.requireNonNull(exchange, "exchange");
        Objects.requireNonNull(resumption, "resumption");
        return admit(exchange, limiter.acquireAsync(), resumption);
    }

    /**
     * Admits a request if that needs no waiting. For adapters whose calling thread may run the handler at once.
     *
     * @param exchange the request and its response
     * @return a ticket to {@linkplain Ticket#start start}; empty when the request has to wait, or be refused
     */
    public Optional<Ticket> tryAdmit(Exchange exchange) {
        Objects.requireNonNull(exchange, "exchange");
        return limiter.tryAcquire().map(permit -> {
            Ticket ticket = ticket(exchange, CompletableFuture.completedFuture(permit));
            ticket.grant(permit);
            return ticket;
        });
    }

    /**
     * Refuses a request that {@link #tryAdmit} did not admit and that cannot wait: it is answered as if the queue was full.
     *
     * @param exchange the request and its response
     */
    public void refuse(Exchange exchange) {
        Failures.answer(
                exchange, new LimitExceededException(RefusalReason.QUEUE_FULL, limiter.statistics(), RETRY, false));
    }

    private Ticket admit(Exchange exchange, CompletableFuture<Permit> place, Resumption resumption) {
        Ticket ticket = ticket(exchange, place);
        if (place.isDone() && !place.isCompletedExceptionally()) { // the usual case
            granted(exchange, ticket, place.join(), resumption);
            return ticket;
        }
        Stages.atEnd(place, (permit, failure) -> {
            if (failure == null) {
                granted(exchange, ticket, permit, resumption);
            } else if (ticket.abandon()) {
                Failures.answer(exchange, failure);
            }
        });
        return ticket;
    }

    private void granted(Exchange exchange, Ticket ticket, Permit permit, Resumption resumption) {
        if (ticket.grant(permit)) {
            resume(exchange, ticket, resumption);
        }
    }

    private Ticket ticket(Exchange exchange, CompletableFuture<Permit> place) {
        exchange.count();
        Ticket ticket = new Ticket(exchange, scope, place);
        exchange.onAbort(cause -> ticket.abandon());
        exchange.onComplete(outcome -> ticket.abandon());
        return ticket;
    }

    private void resume(Exchange exchange, Ticket ticket, Resumption resumption) {
        try {
            resumption.resume(ticket);
        } catch (Throwable e) {
            if (ticket.abandon()) {
                Failures.answer(exchange, noWorker(limiter, e));
            } else {
                Failures.log(exchange, "was resumed and started, although its resumption failed", e);
            }
        }
    }

    private Resumption onWorker(Exchange exchange, Endpoint endpoint) {
        Objects.requireNonNull(exchange, "exchange");
        Runnable run = limiter.withContext(() -> call(exchange, endpoint));
        return ticket -> limiter.execute(ticket.held(), () -> {
            if (ticket.start()) {
                try {
                    exchange.inContext(run).run();
                } catch (Throwable e) {
                    Failures.answer(exchange, e);
                } finally {
                    ticket.finish();
                }
            }
        });
    }

    private static void call(Exchange exchange, Endpoint endpoint) {
        try {
            endpoint.handle(exchange);
        } catch (Throwable e) {
            Failures.answer(exchange, e);
        }
    }

    /** Executors say "no" in words of their own. */
    static Throwable noWorker(WorkLimiter limiter, Throwable failure) {
        if (failure instanceof RejectedExecutionException && !(failure instanceof LimitExceededException)) {
            LimitExceededException refusal =
                    new LimitExceededException(RefusalReason.NO_WORKER, limiter.statistics(), RETRY, false);
            refusal.initCause(failure);
            return refusal;
        }
        return failure;
    }

    @Override
    public String toString() {
        return "Admission[" + limiter + ", " + scope + "]";
    }
}
