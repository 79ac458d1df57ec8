package dev.weir.limiter.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Every way a request can go between asking for a permit and giving it back, one step at a time: rules 5.2 to 5.4 and 5.6. */
class AdmissionTest {

    private final ManualLimiter limiter = new ManualLimiter();
    private final FakeExchange exchange = new FakeExchange();
    private final List<String> events = new ArrayList<>();

    @AfterEach
    void noPermitIsLost() {
        assertThat(limiter.inUse).isZero();
    }

    private void answer(Exchange running) {
        events.add("ran");
        Exchanges.text(running, 200, "hello");
    }

    @Test
    void rule_5_2_grantedThenRunThenReleasedThenCompleted() {
        exchange.onComplete(outcome -> events.add(outcome + " with " + limiter.inUse + " in use"));
        Admission.of(limiter).handle(exchange, this::answer);
        assertThat(events).isEmpty();
        limiter.grant();
        assertThat(events).as("nothing runs on the granting thread").isEmpty();
        limiter.work();
        assertThat(events).containsExactly("ran", "SENT with 0 in use");
        assertThat(exchange.sent).hasToString("hello");
    }

    @Test
    void rule_5_2_anExchangeScopeLastsUntilTheLastByte() {
        exchange.holding = true;
        Admission.of(limiter, PermitScope.EXCHANGE).handle(exchange, this::answer);
        limiter.grant();
        limiter.work();
        assertThat(limiter.inUse).isEqualTo(1);
        exchange.held.remove().complete(null);
        assertThat(limiter.inUse).isZero();
    }

    @Test
    void rule_5_6_anExchangeScopeEndsWithAnAbortToo() {
        Admission.of(limiter, PermitScope.EXCHANGE).handle(exchange, running -> events.add("ran"));
        limiter.grant();
        limiter.work();
        assertThat(limiter.inUse).isEqualTo(1);
        exchange.abort(new IOException("gone"));
        assertThat(limiter.inUse).isZero();
    }

    @Test
    @SuppressWarnings("NullAway") // what it does with null is the question
    void rule_1_4_withoutAnExchangeNoPermitIsTaken() {
        Admission admission = Admission.of(limiter);
        assertThatNullPointerException().isThrownBy(() -> admission.tryAdmit(null));
        assertThatNullPointerException().isThrownBy(() -> admission.handle(null, this::answer));
        assertThatNullPointerException().isThrownBy(() -> admission.admit(null, ticket -> {}));
        assertThat(limiter.waiting).isEmpty();
    }

    @Test
    void rule_5_3_goneWhileWaiting() {
        Admission.of(limiter).handle(exchange, this::answer);
        exchange.abort(new IOException("gone"));
        assertThat(limiter.waiting.peek()).isCancelled();
        limiter.grant();
        assertThat(limiter.workers).isEmpty();
        assertThat(events).isEmpty();
        assertThat(exchange.writes).isZero();
    }

    @Test
    void rule_5_3_goneBeforeAsking() {
        exchange.abort(new IOException("gone"));
        Admission.of(limiter).handle(exchange, this::answer);
        limiter.grant();
        assertThat(limiter.workers).isEmpty();
    }

    @Test
    void rule_5_3_goneBetweenGrantAndRun() {
        Admission.of(limiter).handle(exchange, this::answer);
        limiter.grant();
        exchange.abort(new IOException("gone"));
        assertThat(limiter.inUse).as("the permit does not wait for the worker").isZero();
        limiter.work();
        assertThat(events).isEmpty();
    }

    @Test
    void rule_2_3_goneWhileRunningKeepsThePermitUntilTheEnd() {
        Admission.of(limiter).handle(exchange, running -> {
            running.abort(new IOException("gone"));
            events.add("in use " + limiter.inUse);
        });
        exchange.onComplete(outcome -> events.add(outcome + " with " + limiter.inUse + " in use"));
        limiter.grant();
        limiter.work();
        assertThat(events).containsExactly("in use 1", "ABORTED with 0 in use");
    }

    @Test
    void rule_5_4_refusedByTheLimiter() {
        Admission.of(limiter).handle(exchange, this::answer);
        limiter.refuse();
        assertThat(exchange.status()).isEqualTo(503);
        assertThat(exchange.headers().first("retry-after"))
                .as("2.5 s, rounded up")
                .hasValue("3");
        assertThat(limiter.workers).isEmpty();
    }

    @Test
    void rule_5_4_refusedByTheWorkers() {
        limiter.rejecting = true;
        Admission.of(limiter).handle(exchange, this::answer);
        limiter.grant();
        assertThat(exchange.status()).isEqualTo(503);
    }

    @Test
    void rule_5_6_errorsToo() {
        Admission.of(limiter).handle(exchange, running -> {
            throw new StackOverflowError();
        });
        limiter.grant();
        limiter.work();
        assertThat(exchange.status()).isEqualTo(500);
    }

    @Test
    void rule_5_6_aResumptionThatThrows() {
        Admission.of(limiter).admit(exchange, ticket -> {
            throw new IllegalStateException("recycled");
        });
        limiter.grant();
        assertThat(exchange.status()).isEqualTo(500);
    }

    @Test
    void rule_5_6_aResumptionThatForgets() {
        Ticket ticket = Admission.of(limiter).admit(exchange, granted -> events.add("dispatched"));
        limiter.grant();
        assertThat(limiter.inUse).isEqualTo(1);
        exchange.over(Outcome.UNCONFIRMED);
        assertThat(limiter.inUse).isZero();
        assertThat(ticket.start()).isFalse();
    }

    @Test
    void rule_1_4_aTicketRunsOnce() {
        Ticket ticket = Admission.of(limiter).admit(exchange, granted -> events.add("dispatched"));
        assertThat(ticket.start()).as("not granted yet").isFalse();
        limiter.grant();
        assertThat(ticket.start()).isTrue();
        assertThat(ticket.start()).isFalse();
        assertThat(ticket.abandon()).isFalse();
        exchange.over(Outcome.SENT);
        assertThat(exchange.isCompleted()).as("the handler has not finished").isFalse();
        ticket.finish();
        ticket.finish();
        assertThat(exchange.isCompleted()).isTrue();
    }

    @Test
    void rule_1_2_withoutWaitingIfNobodyWaits() {
        Ticket ticket = Admission.of(limiter).tryAdmit(exchange).orElseThrow();
        assertThat(Admission.of(limiter).tryAdmit(new FakeExchange())).isEmpty();
        assertThat(ticket.start()).isTrue();
        ticket.finish();
    }

    @Test
    void rule_5_7_aDrainWaitsForWhatIsServed() {
        Drain drain = exchange.drain();
        Exchanges.serve(exchange, running -> Admission.of(limiter).handle(running, this::answer));
        assertThat(drain.underWay()).isEqualTo(1);
        assertThat(drain.begin()).isNotDone();
        limiter.grant();
        limiter.work();
        assertThat(drain.begin()).isDone();
    }

    @Test
    void rule_5_7_aDrainingServerRefuses() {
        Drain drain = exchange.drain();
        assertThat(drain.begin()).as("nothing is under way").isDone();
        Exchanges.serve(exchange, this::answer);
        assertThat(exchange.status()).isEqualTo(503);
        assertThat(exchange.headers().first("Connection")).hasValue("close");
        assertThat(drain.underWay()).isZero();
        assertThat(events).isEmpty();
    }
}
