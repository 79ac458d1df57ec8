package dev.weir.limiter.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import org.junit.jupiter.api.Test;

/** What a streamed response does with what its publisher and its socket do, one step at a time: rule 5.5. */
class StreamResponseTest {

    private final FakeExchange exchange = new FakeExchange();
    private final ManualPublisher publisher = new ManualPublisher();

    private static final class ManualPublisher implements Flow.Publisher<ByteBuffer>, Flow.Subscription {
        private Flow.Subscriber<? super ByteBuffer> subscriber = new StreamEnd();
        long demand;
        int cancelled;

        @Override
        public void subscribe(Flow.Subscriber<? super ByteBuffer> newcomer) {
            subscriber = newcomer;
            newcomer.onSubscribe(this);
        }

        void item(String text) {
            demand--;
            subscriber.onNext(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
        }

        void end() {
            subscriber.onComplete();
        }

        void fail(Throwable failure) {
            subscriber.onError(failure);
        }

        @Override
        public void request(long n) {
            demand += n;
        }

        @Override
        public void cancel() {
            cancelled++;
        }
    }

    private static final class StreamEnd implements Flow.Subscriber<ByteBuffer> {
        @Override
        public void onSubscribe(Flow.Subscription subscription) {}

        @Override
        public void onNext(ByteBuffer item) {}

        @Override
        public void onError(Throwable throwable) {}

        @Override
        public void onComplete() {}
    }

    private CompletionStage<Void> stream() {
        return Exchanges.stream(exchange, 200, Headers.of("Content-Type", "text/plain"), publisher);
    }

    @Test
    void rule_5_5_demandFollowsTheSocket() {
        exchange.holding = true;
        stream();
        assertThat(publisher.demand).isEqualTo(StreamResponse.DEFAULT_WINDOW);
        for (int i = 0; i < StreamResponse.DEFAULT_WINDOW; i++) {
            publisher.item("x");
        }
        assertThat(publisher.demand).as("the socket has taken nothing").isZero();
        exchange.held.remove().complete(null);
        assertThat(publisher.demand).as("it has taken one").isEqualTo(1);
        assertThat(exchange.writes).as("the others were joined").isEqualTo(2);
        exchange.held.remove().complete(null);
        assertThat(publisher.demand).isEqualTo(StreamResponse.DEFAULT_WINDOW);
    }

    @Test
    void rule_3_3_anItemIsNeverHeldBack() {
        stream();
        publisher.item("a");
        assertThat(exchange.sent).hasToString("a");
        publisher.item("b");
        assertThat(exchange.sent).hasToString("ab");
    }

    @Test
    void rule_5_5_theStageEndsWithTheLastByte() {
        exchange.holding = true;
        CompletionStage<Void> done = stream();
        publisher.item("a");
        publisher.end();
        exchange.held.remove().complete(null);
        assertThat(done.toCompletableFuture()).isNotDone();
        exchange.held.remove().complete(null);
        assertThat(done.toCompletableFuture()).isCompleted();
        assertThat(exchange.isCompleted()).isTrue();
    }

    @Test
    void rule_3_1_itemsBeforeAFailureAreSent() {
        exchange.holding = true;
        stream();
        publisher.item("a");
        publisher.item("b");
        publisher.fail(new IOException("on purpose"));
        assertThat(exchange.cut).isFalse();
        exchange.held.remove().complete(null);
        exchange.held.remove().complete(null);
        assertThat(exchange.sent).hasToString("ab");
        assertThat(exchange.cut).isTrue();
    }

    @Test
    void rule_5_6_aFailureBeforeTheFirstItemIsAnswered() {
        CompletionStage<Void> done = stream();
        publisher.fail(new IllegalStateException("on purpose"));
        assertThat(exchange.status()).isEqualTo(500);
        assertThat(exchange.headers().first("Content-Type")).hasValue("application/problem+json");
        assertThat(exchange.cut).isFalse();
        assertThat(done.toCompletableFuture()).isCompletedExceptionally();
    }

    @Test
    void rule_5_6_whatTurnsItemsIntoBytesMayFail() {
        Exchanges.stream(exchange, 200, Headers.of(), publisher, item -> {
            throw new IllegalStateException("on purpose");
        });
        publisher.item("a");
        assertThat(exchange.status()).isEqualTo(500);
        assertThat(publisher.cancelled).isEqualTo(1);
    }

    @Test
    void rule_5_5_aClientThatLeavesCancels() {
        exchange.holding = true;
        CompletionStage<Void> done = stream();
        publisher.item("a");
        exchange.abort(new IOException("gone"));
        assertThat(publisher.cancelled).isEqualTo(1);
        publisher.item("late");
        assertThat(done.toCompletableFuture()).isCompletedExceptionally();
        assertThat(exchange.sent).hasToString("a");
    }

    @Test
    void rule_5_5_aClientThatHadLeftCancels() {
        exchange.abort(new IOException("gone"));
        stream();
        assertThat(publisher.demand).isZero();
        assertThat(publisher.cancelled).isEqualTo(1);
    }

    @Test
    void rule_5_5_headDrawsNothing() {
        FakeExchange head = new FakeExchange("HEAD");
        Exchanges.stream(head, 200, Headers.of(), publisher);
        assertThat(publisher.demand).isZero();
        assertThat(publisher.cancelled).isEqualTo(1);
        assertThat(head.status()).isEqualTo(200);
        assertThat(head.isCompleted()).isTrue();
    }
}
