package dev.weir.limiter.netty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.Capability;
import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.tck.HttpProtocol;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

/** The rules over HTTP/2. */
class Http2Test extends ServerTest {

    private final Held held = new Held();

    private H2Client serve(Routes routes) throws InterruptedException {
        return connect2(serve(HttpProtocol.HTTP_2, routes.and("/ping", PING)));
    }

    private static <T> T get(CompletableFuture<T> future) throws Exception {
        return future.get(10, TimeUnit.SECONDS);
    }

    @Test
    void rule_5_3_an_exchange_declares_what_it_can_do() throws Exception {
        H2Client client = serve(Routes.to(
                "/can",
                exchange -> Exchanges.text(exchange, 200, exchange.protocol() + " " + exchange.capabilities())));

        assertThat(get(client.get("/can").body)).isEqualTo("HTTP/2.0 " + server.capabilities(HttpProtocol.HTTP_2));
        assertThat(server.capabilities(HttpProtocol.HTTP_2)).contains(Capability.MULTIPLEXED);
    }

    @Test
    void rule_5_1_eight_streams_under_a_limit_of_two_leave_the_connection_to_others() throws Exception {
        CapacityLimiter limiter = limiter("eight", 2);
        H2Client client = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        List<H2Client.Stream> streams = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            streams.add(client.get("/held?" + i));
        }
        awaitWaiting(limiter, 6);
        assertThat(get(client.get("/ping").body)).isEqualTo("pong");

        held.letGo();

        for (int i = 0; i < 8; i++) {
            assertThat(get(streams.get(i).body)).isEqualTo("held " + i);
        }
    }

    @Test
    void rule_5_3_a_stream_that_is_reset_while_queued_never_runs() throws Exception {
        CapacityLimiter limiter = limiter("reset", 1);
        H2Client client = serve(Routes.to("/held", ExchangeHandler.endpoint(limiter, held)));
        H2Client.Stream first = client.get("/held");
        held.awaitEntered(1);
        H2Client.Stream bare = client.get("/held");
        H2Client.Stream withBody = client.post("/held", "text/plain").send("x".repeat(60_000), false);
        awaitWaiting(limiter, 2);

        bare.reset();
        withBody.reset();

        awaitWaiting(limiter, 0);
        held.letGo();
        assertThat(get(first.status)).isEqualTo(200);
        awaitIdle(limiter);
        assertThat(held.calls).hasValue(1);
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
    void rule_5_5_a_slow_stream_holds_no_permit_and_others_go_on() throws Exception {
        CapacityLimiter limiter = limiter("streaming", 1);
        Numbers endless = new Numbers(Integer.MAX_VALUE, 1024);
        Numbers small = new Numbers(10, 1000);
        H2Client client = serve(Routes.to("/endless", endless.under(limiter)).and("/small", small.under(limiter)));
        H2Client.Stream slow = client.get("/endless").stopReading();
        awaitIdle(limiter);

        for (int i = 0; i < 3; i++) {
            assertThat(get(client.get("/small").body)).hasSize(10_000);
        }

        slow.readOn();
        slow.awaitSomeBody();
        slow.reset();
        await(() -> endless.closed.get() == endless.opened.get());
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

    @RepeatedTest(5)
    void rule_5_5_thirty_uploads_on_one_connection_under_a_limit_of_two_all_finish() throws Exception {
        CapacityLimiter storage = limiter("storage", 2);
        H2Client client = serve(Routes.to("/upload", upload(storage, limiter("endpoint", 2))));
        String body = multipart(300_000);
        List<H2Client.Stream> uploads = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            uploads.add(client.post("/upload", BOUNDARY).send(body, true));
        }

        for (H2Client.Stream upload : uploads) {
            assertThat(get(upload.body)).isEqualTo("300000 bytes");
        }
    }

    @Test
    void rule_5_5_a_stalled_upload_holds_no_permit() throws Exception {
        CapacityLimiter storage = limiter("storage", 1);
        H2Client client = serve(Routes.to("/upload", upload(storage, limiter("endpoint", 1))));
        String body = multipart(100_000);
        H2Client.Stream stalled = client.post("/upload", BOUNDARY).send(body.substring(0, 20_000), false);
        await(() -> storage.statistics().acquired() > 1);
        awaitIdle(storage);

        assertThat(get(client.post("/upload", BOUNDARY).send(body, true).body)).isEqualTo("100000 bytes");

        assertThat(get(stalled.send(body.substring(20_000), true).body)).isEqualTo("100000 bytes");
    }

    @Test
    void rule_5_5_malformed_is_400_too_large_413_and_truncated_400() throws Exception {
        H2Client client = serve(Routes.to("/upload", upload(limiter("storage", 1), limiter("endpoint", 1))));

        assertThat(get(client.post("/upload", BOUNDARY).send("garbage", true).status))
                .isEqualTo(400);
        assertThat(get(client.post("/upload", BOUNDARY).send(multipart(1000).substring(0, 800), true).status))
                .isEqualTo(400);
        assertThat(get(client.post("/upload", BOUNDARY).send(multipart(9 << 20), true).status))
                .isEqualTo(413);
        assertThat(get(client.get("/ping").body)).isEqualTo("pong");
    }

    @RepeatedTest(3)
    void rule_5_3_storms_of_300_resets_on_every_path_leave_nothing_behind() throws Exception {
        CapacityLimiter endpoints = limiter("endpoints", 4);
        CapacityLimiter streaming = limiter("streaming", 4);
        CapacityLimiter storage = limiter("storage", 4);
        Numbers endless = new Numbers(Integer.MAX_VALUE, 1024);
        H2Client client = serve(Routes.to(
                        "/endpoint",
                        ExchangeHandler.endpoint(endpoints, exchange -> Exchanges.text(exchange, 200, "x")))
                .and("/stream", endless.under(streaming))
                .and("/upload", upload(storage, endpoints)));
        String part = multipart(50_000).substring(0, 30_000);
        List<H2Client.Stream> streams = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            streams.add(client.get("/endpoint"));
            streams.add(client.get("/stream"));
            streams.add(client.post("/upload", BOUNDARY).send(part, false));
            if (i % 2 == 0) {
                streams.remove(0).reset();
            }
        }
        streams.forEach(H2Client.Stream::reset);

        await(() -> completed.get() == begun.get());
        await(() -> endless.opened.get() == endless.closed.get());
        awaitIdle(endpoints);
        awaitIdle(streaming);
        awaitIdle(storage);
        assertThat(get(client.get("/ping").body)).isEqualTo("pong");
    }
}
