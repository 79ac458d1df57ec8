package dev.weir.limiter.netty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.Routes;
import dev.weir.limiter.tck.HttpProtocol;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http2.Http2FrameCodecBuilder;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What is Netty's own about HTTP/2. The contract of adapters has the rest. */
class Http2Test extends ServerTest {

    private final Held held = new Held();

    private H2Client serve(Routes routes) throws InterruptedException {
        return connect2(serve(HttpProtocol.HTTP_2, routes.and("/ping", PING)));
    }

    private static <T> T get(CompletableFuture<T> future) throws Exception {
        return future.get(10, TimeUnit.SECONDS);
    }

    @Test
    void rule_5_3_a_connection_that_goes_takes_its_queued_streams_along_even_with_unread_bodies() throws Exception {
        CapacityLimiter limiter = limiter("gone", 0);
        H2Client client = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        client.get("/held");
        client.post("/held", "text/plain").send("x".repeat(60_000), false);
        client.post("/held", "text/plain").send("x", false);
        awaitWaiting(limiter, 3);

        client.kill();

        awaitWaiting(limiter, 0);
        assertThat(held.calls).hasValue(0);
    }

    @Test
    void rule_5_3_a_stream_that_is_reset_while_queued_leaves_even_with_an_unread_body() throws Exception {
        CapacityLimiter limiter = limiter("reset", 0);
        H2Client client = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        H2Client.Stream queued = client.post("/held", "text/plain").send("x".repeat(60_000), false);
        awaitWaiting(limiter, 1);

        queued.reset();

        awaitWaiting(limiter, 0);
        assertThat(get(client.get("/ping").body)).isEqualTo("pong");
    }

    @Test
    void rule_5_4_an_early_refusal_is_read_although_the_body_is_not() throws Exception {
        CapacityLimiter limiter =
                limiter(CapacityLimiter.builder("full").capacity(0).maxWaiting(0));
        H2Client client = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));

        H2Client.Stream refused = client.post("/held", "text/plain").send("x".repeat(200_000), false);

        assertThat(get(refused.status)).isEqualTo(503);
        assertThat(get(refused.body)).contains("\"status\":503");
        assertThat(get(refused.reset)).as("NO_ERROR").isEqualTo(0);
        assertThat(get(client.get("/ping").body)).isEqualTo("pong");
    }

    @Test
    void rule_5_6_a_failure_after_commit_resets_its_stream_and_no_other() throws Exception {
        CapacityLimiter limiter = limiter("other", 1);
        H2Client client = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held))
                .and("/fails", exchange -> {
                    exchange.respond(200, Headers.of());
                    exchange.write(ByteBuffer.wrap(new byte[10]), false)
                            .whenComplete((ignored, failure) -> exchange.abort(new IOException("the test's own")));
                }));
        H2Client.Stream other = client.get("/held");
        held.awaitEntered(1);

        H2Client.Stream fails = client.get("/fails");

        assertThat(get(fails.status)).isEqualTo(200);
        assertThatThrownBy(() -> get(fails.body)).hasCauseInstanceOf(IOException.class);
        assertThat(get(fails.reset)).as("INTERNAL_ERROR").isEqualTo(2);
        held.letGo();
        assertThat(get(other.status)).isEqualTo(200);
    }

    @Test
    void rule_5_5_a_response_to_head_has_no_body_whatever_its_handler_writes() throws Exception {
        H2Client client = serve(Routes.to("/written", exchange -> {
            exchange.respond(200, Headers.of());
            exchange.write(ByteBuffer.wrap(new byte[10]), false)
                    .thenCompose(ignored -> exchange.write(ByteBuffer.wrap(new byte[10]), true));
        }));

        assertThat(get(client.get("/written").body)).hasSize(20);
        assertThat(get(client.head("/written").body)).isEmpty();
    }

    @Test
    void a_response_of_status_204_or_304_has_no_body_whatever_its_handler_writes() throws Exception {
        H2Client client = serve(Routes.to("/*", exchange -> {
            exchange.respond(Integer.parseInt(exchange.path().substring(1)), Headers.of());
            exchange.write(ByteBuffer.wrap(new byte[10]), true);
        }));

        for (int status : new int[] {204, 304}) {
            H2Client.Stream stream = client.get("/" + status);
            assertThat(get(stream.status)).isEqualTo(status);
            assertThat(get(stream.body)).isEmpty();
        }
    }

    @Test
    void rule_5_3_an_idle_connection_is_closed_and_one_whose_stream_waits_is_not() throws Exception {
        server.idleTimeout(Duration.ofMillis(100));
        CapacityLimiter limiter = limiter("idle", 1);
        H2Client busy = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        H2Client.Stream waits = busy.get("/held");
        held.awaitEntered(1);

        H2Client idle =
                connect2(((InetSocketAddress) server.pipeline().channel().localAddress()).getPort());
        assertThat(idle.awaitClosed()).isTrue();

        held.letGo();
        assertThat(get(waits.status)).isEqualTo(200);
        assertThat(busy.awaitClosed()).isTrue();
    }

    /** What reaches the end of a pipeline is logged as a warning, with a trace. */
    @Test
    void a_client_that_resets_its_connection_makes_no_noise_and_other_failures_do() {
        EmbeddedChannel connection =
                new EmbeddedChannel(Http2FrameCodecBuilder.forServer().build());
        Http2Connection.install(connection.pipeline(), NettyLimits.serving(PING), new ChannelInboundHandlerAdapter());

        connection.pipeline().fireExceptionCaught(new SocketException("Connection reset"));
        assertThatCode(connection::checkException).doesNotThrowAnyException();

        connection.pipeline().fireExceptionCaught(new IllegalStateException("the test's own"));
        assertThatThrownBy(connection::checkException).hasMessage("the test's own");
        connection.finishAndReleaseAll();
    }
}
