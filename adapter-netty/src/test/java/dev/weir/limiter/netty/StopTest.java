package dev.weir.limiter.netty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.Exchange;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.Routes;
import dev.weir.limiter.tck.HttpProtocol;
import java.io.IOException;
import java.net.ConnectException;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class StopTest extends ServerTest {

    private final Held held = new Held();

    @Test
    void rule_5_7_over_http_1_1_what_was_accepted_is_finished_and_every_connection_closed() throws Exception {
        CapacityLimiter limiter = limiter("endpoint", 1);
        CapacityLimiter background = limiter("background", 1);
        CountDownLatch tasks = new CountDownLatch(2);
        int port = serve(
                HttpProtocol.HTTP_1_1,
                Routes.to("/held", ExchangeHandler.endpoint(limiter, exchange -> {
                            Exchanges.background(exchange, background, tasks::countDown);
                            held.handle(exchange);
                        }))
                        .and("/ping", PING));
        RawHttp idle = connect(port);
        assertThat(idle.get("/ping").answer().status()).isEqualTo(200);
        RawHttp fresh = connect(port);
        RawHttp runs = connect(port).get("/held");
        held.awaitEntered(1);
        RawHttp waits = connect(port).get("/held").get("/ping");
        awaitWaiting(limiter, 1);

        CompletableFuture<Void> stopped = server.shutdown();

        assertThat(idle.isAtEnd()).isTrue();
        assertThat(fresh.isAtEnd()).isTrue();
        assertThatThrownBy(() -> connect(port).get("/ping").answer()).isInstanceOf(IOException.class);
        assertThat(stopped).isNotDone();
        held.letGo();
        for (RawHttp client : new RawHttp[] {runs, waits}) {
            RawHttp.Answer answer = client.answer();
            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.header("connection")).isEqualTo("close");
            assertThat(client.isAtEnd()).isTrue();
        }
        stopped.get(10, TimeUnit.SECONDS);
        assertThat(tasks.getCount()).isZero();
        assertThatThrownBy(() -> connect(port)).isInstanceOf(ConnectException.class);
    }

    @Test
    void rule_5_7_over_http_2_the_connection_says_go_away_and_its_streams_are_finished() throws Exception {
        CapacityLimiter limiter = limiter("endpoint", 1);
        int port = serve(
                HttpProtocol.HTTP_2,
                Routes.to("/held", ExchangeHandler.endpoint(limiter, held)).and("/ping", PING));
        H2Client idle = connect2(port);
        assertThat(idle.get("/ping").status.get(10, TimeUnit.SECONDS)).isEqualTo(200);
        H2Client busy = connect2(port);
        H2Client.Stream runs = busy.get("/held");
        H2Client.Stream waits = busy.get("/held");
        awaitWaiting(limiter, 1);

        CompletableFuture<Void> stopped = server.shutdown();

        assertThat(idle.awaitClosed()).isTrue();
        assertThat(busy.goAway.await(10, TimeUnit.SECONDS)).isTrue();
        assertThat(stopped).isNotDone();
        held.letGo();
        assertThat(runs.body.get(10, TimeUnit.SECONDS)).isEqualTo("held ");
        assertThat(waits.body.get(10, TimeUnit.SECONDS)).isEqualTo("held ");
        assertThat(busy.awaitClosed()).isTrue();
        stopped.get(10, TimeUnit.SECONDS);
    }

    /** Whose head has said already that the connection is kept. */
    @Test
    void rule_5_7_over_http_1_1_a_connection_is_closed_with_its_response_while_others_go_on() throws Exception {
        CompletableFuture<Exchange> begunExchange = new CompletableFuture<>();
        int port = serve(
                HttpProtocol.HTTP_1_1,
                Routes.to("/held", ExchangeHandler.endpoint(limiter("other", 1), held))
                        .and("/begun", begins(Headers.of("Content-Length", "2"), 1, begunExchange)));
        RawHttp client = connect(port).get("/begun");
        Exchange exchange = begunExchange.get(10, TimeUnit.SECONDS);
        RawHttp other = connect(port).get("/held");
        held.awaitEntered(1);
        CompletableFuture<Void> stopped = server.shutdown();

        exchange.write(ByteBuffer.wrap(new byte[1]), true);

        assertThat(client.answer().header("connection")).isEmpty();
        assertThat(client.isAtEnd()).isTrue();
        assertThat(stopped).isNotDone();
        held.letGo();
        assertThat(other.answer().status()).isEqualTo(200);
        stopped.get(10, TimeUnit.SECONDS);
    }

    @Test
    void rule_5_7_over_http_2_a_connection_is_closed_with_its_last_stream_while_others_go_on() throws Exception {
        Held other = new Held();
        int port = serve(
                HttpProtocol.HTTP_2,
                Routes.to("/held", ExchangeHandler.endpoint(limiter("first", 1), held))
                        .and("/other", ExchangeHandler.endpoint(limiter("other", 1), other)));
        H2Client first = connect2(port);
        H2Client.Stream firstAnswer = first.get("/held");
        H2Client.Stream otherAnswer = connect2(port).get("/other");
        held.awaitEntered(1);
        other.awaitEntered(1);
        CompletableFuture<Void> stopped = server.shutdown();

        held.letGo();

        assertThat(firstAnswer.body.get(10, TimeUnit.SECONDS)).isEqualTo("held ");
        assertThat(first.awaitClosed()).isTrue();
        assertThat(stopped).isNotDone();
        other.letGo();
        assertThat(otherAnswer.body.get(10, TimeUnit.SECONDS)).isEqualTo("held ");
        stopped.get(10, TimeUnit.SECONDS);
    }

    @Test
    void rule_5_7_a_server_with_nothing_to_do_stops_at_once() throws Exception {
        serve(HttpProtocol.HTTP_1_1, Routes.to("/ping", PING));

        server.shutdown().get(10, TimeUnit.SECONDS);
    }
}
