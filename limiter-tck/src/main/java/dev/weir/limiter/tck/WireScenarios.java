package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.http.Exchanges;
import dev.weir.limiter.http.Headers;
import dev.weir.limiter.http.UploadLimits;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What HTTP/1.1 asks of an adapter on the wire. */
@SuppressWarnings("FutureReturnValueIgnored") // the client sees what became of an answer
public abstract class WireScenarios extends BackgroundScenarios {

    /** For subclasses. */
    protected WireScenarios() {}

    @Test
    void s59_pipelined_requests_are_answered_in_order() throws Exception {
        CapacityLimiter limiter = limiter(2);
        Gate gate = gated("/slow", limiter);
        endpoint("/quick", limiter, exchange -> Exchanges.text(exchange, 200, "quick"));
        streamed("/stream", limiter, new WatchedSource(10));
        Running app = serve();
        RawClient client = app.client();

        client.send(RawClient.head("GET", "/slow")
                + RawClient.head("GET", "/quick")
                + RawClient.head("GET", "/stream")
                + RawClient.head("HEAD", "/quick")
                + RawClient.head("GET", "/ping"));
        await(gate.entered);
        app.assertPingIsAnswered();
        assertThat(client.hasUnread()).as("answered out of order").isFalse();
        gate.open();

        assertThat(client.answer().text()).isEqualTo("passed");
        assertThat(client.answer().text()).isEqualTo("quick");
        assertThat(client.answer().body()).hasSize(10 * ITEM.length);
        assertThat(client.answer(true).header("content-length")).isEqualTo("5");
        assertThat(client.answer().text()).isEqualTo("pong");
    }

    @Test
    void s60_a_burst_of_pipelined_requests_is_answered_in_order() throws Exception {
        CapacityLimiter limiter = limiter(4);
        endpoint(
                "/echo",
                limiter,
                exchange -> Exchanges.text(exchange, 200, exchange.query().orElse("")));
        Running app = serve();
        RawClient client = app.client();
        StringBuilder burst = new StringBuilder();
        for (int i = 0; i < 60; i++) {
            burst.append(RawClient.head("GET", "/echo?" + i));
        }

        client.send(burst.toString());

        for (int i = 0; i < 60; i++) {
            assertThat(client.answer().text()).isEqualTo(Integer.toString(i));
        }
    }

    @Test
    void s61_a_100_continue_does_not_overtake_the_answer_before_it() throws Exception {
        CapacityLimiter limiter = limiter(1);
        Gate gate = gated("/slow", limiter);
        uploaded(
                "/upload",
                limiter(1),
                UploadLimits.defaults(),
                limiter(1),
                (exchange, upload) -> Exchanges.text(
                        exchange, 200, upload.part("a").orElseThrow().text()));
        Running app = serve();
        byte[] body = Multipart.of().field("a", "b").bytes();
        RawClient client = app.client();

        client.send(RawClient.head("GET", "/slow")
                + RawClient.head(
                        "POST",
                        "/upload",
                        "Expect: 100-continue",
                        "Content-Type: " + Multipart.TYPE,
                        "Content-Length: " + body.length));
        await(gate.entered);
        app.assertPingIsAnswered();
        assertThat(client.hasUnread()).as("said something out of order").isFalse();
        gate.open();

        assertThat(client.answer().text()).isEqualTo("passed");
        assertThat(client.answer().status()).isEqualTo(100);
        assertThat(client.send(body).answer().text()).isEqualTo("b");
    }

    @Test
    void s62_http_1_0_is_answered_without_chunks_and_closed() throws Exception {
        CapacityLimiter limiter = limiter(1);
        endpoint("/text", limiter, exchange -> Exchanges.text(exchange, 200, "text"));
        streamed("/stream", limiter, new WatchedSource(100));
        Running app = serve();

        RawClient text = app.client().send("GET /text HTTP/1.0\r\n\r\n");
        assertThat(text.answer().text()).isEqualTo("text");
        assertThat(text.rest()).isEmpty();

        RawClient stream = app.client().send("GET /stream HTTP/1.0\r\n\r\n");
        RawClient.Answer head = stream.head();
        assertThat(head.status()).isEqualTo(200);
        assertThat(head.headers()).doesNotContainKey("transfer-encoding");
        assertThat(stream.rest()).hasSize(100 * ITEM.length);
    }

    @Test
    void s63_connection_close_is_honoured() throws Exception {
        CapacityLimiter limiter = limiter(1);
        endpoint("/text", limiter, exchange -> Exchanges.text(exchange, 200, "text"));
        streamed("/stream", limiter, new WatchedSource(100));
        CapacityLimiter full = build(builder().capacity(0).maxWaiting(0));
        endpoint("/refused", full, exchange -> {});
        Running app = serve();

        for (String path : List.of("/text", "/stream", "/refused")) {
            RawClient client = app.client().request("GET", path, "Connection: close");
            RawClient.Answer answer = client.answer();
            assertThat(answer.status()).isEqualTo(path.equals("/refused") ? 503 : 200);
            assertThat(answer.closesConnection()).as("announced the end").isTrue();
            assertThat(client.rest()).isEmpty();
        }
    }

    @Test
    void s64_a_status_without_a_body_has_none() throws Exception {
        byte[] ignored = "must not be sent".getBytes(StandardCharsets.US_ASCII);
        for (int status : new int[] {204, 304}) {
            route("/" + status, exchange -> Exchanges.send(exchange, status, Headers.of("X-Kept", "yes"), ignored));
        }
        Running app = serve();
        RawClient client = app.client();

        for (int round = 0; round < 2; round++) {
            for (int status : new int[] {204, 304}) {
                RawClient.Answer answer = client.get("/" + status);
                assertThat(answer.status()).isEqualTo(status);
                assertThat(answer.header("x-kept")).isEqualTo("yes");
                assertThat(answer.headers()).doesNotContainKey("transfer-encoding");
                assertThat(client.get("/ping").text()).isEqualTo("pong");
            }
        }
    }

    @Test
    void s65_head_has_the_head_of_get_and_no_body() throws Exception {
        CapacityLimiter limiter = limiter(1);
        endpoint("/text", limiter, exchange -> Exchanges.text(exchange, 200, "text"));
        endpoint("/fails", limiter, exchange -> {
            throw new IllegalStateException("on purpose");
        });
        Running app = serve();
        RawClient client = app.client();

        RawClient.Answer get = client.get("/text");
        RawClient.Answer head = client.request("HEAD", "/text").answer(true);

        assertThat(head.status()).isEqualTo(200);
        assertThat(head.header("content-length")).isEqualTo("4");
        assertThat(head.header("content-type")).isEqualTo(get.header("content-type"));
        assertThat(client.get("/ping").text()).isEqualTo("pong");
        RawClient failing = app.client();
        RawClient.Answer failed = failing.request("HEAD", "/fails").answer(true);
        assertThat(failed.status()).isEqualTo(500);
        assertUsableOrClosed(failing, failed);
    }

    @Test
    void s66_an_unread_body_does_not_get_into_the_next_request() throws Exception {
        CapacityLimiter limiter = limiter(1);
        endpoint("/ignores", limiter, exchange -> Exchanges.text(exchange, 200, "ignored"));
        Running app = serve();
        byte[] body = RawClient.head("GET", "/smuggled").getBytes(StandardCharsets.US_ASCII);

        for (int i = 0; i < 10; i++) {
            RawClient client = app.client();
            assertThat(client.post("/ignores", "text/plain", body).answer().text())
                    .isEqualTo("ignored");
            assertInStepOrClosed(client);
        }
    }
}
