package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterRole;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Permit;
import dev.weir.limiter.page.LimitsPage;
import dev.weir.limiter.tck.IdleLimiters;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The page over HTTP, on every server. */
@ParameterizedClass
@EnumSource(ServerKind.class)
@Timeout(60)
class LimitsPageTest {

    private static final String HOSTILE = "<script>document.title = 'owned'</script>\"'&amp;";

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private final CapacityLimiter hostile = idle.watchAndClose(CapacityLimiter.of(HOSTILE, 2));
    private final LimiterScope scope = idle.watch(LimiterScope.builder()
            .name("shop")
            .capacity(3)
            .each(each -> each.maxWaiting(2))
            .limiter(LimiterRole.SHARED, hostile)
            .open());
    private final LimitsPage page = LimitsPage.of(scope);
    private final LimitsPage editable = LimitsPage.builder(scope)
            .history(Duration.ofMinutes(1))
            .allowResize(exchange ->
                    exchange.header("X-User").filter("operator"::equals).isPresent())
            .open();
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final Server server;
    private final URI base;

    LimitsPageTest(ServerKind kind) throws Exception {
        server = kind.create();
        base = URI.create("http://127.0.0.1:" + server.start(Map.of("/limits", page, "/editable", editable), 0));
    }

    @AfterEach
    void stop() throws Exception {
        server.stop();
        page.close();
        editable.close();
        scope.close();
    }

    // ------------------------------------------------------------------ looking

    @Test
    void page_and_json_come_from_the_same_path() throws Exception {
        HttpResponse<String> html = send(get("/limits").header("Accept", "text/html,application/json;q=0.9"));
        HttpResponse<String> json = send(get("/limits").header("Accept", "application/json"));

        assertThat(html.statusCode()).isEqualTo(200);
        assertThat(html.headers().firstValue("Content-Type").orElseThrow())
                .isEqualToIgnoringCase("text/html;charset=utf-8");
        assertThat(html.body())
                .startsWith("<!DOCTYPE html>")
                .contains("<title>Limits</title>", "All 4 limiters keep up.");
        assertThat(json.headers().firstValue("Content-Type").orElseThrow()).startsWith("application/json");
        assertThat(Json.parse(json.body()).get("limiters").list())
                .extracting(limiter -> limiter.get("name").string())
                .containsExactly("endpoints", "background", "streaming", HOSTILE);
        assertThat(send(get("/limits")).body()).startsWith("<!DOCTYPE html>");
    }

    @Test
    void nothing_comes_from_elsewhere_and_nothing_is_kept() throws Exception {
        HttpResponse<String> html = send(get("/limits"));

        assertThat(html.headers().firstValue("Cache-Control")).contains("no-store");
        assertThat(html.headers().firstValue("X-Content-Type-Options")).contains("nosniff");
        assertThat(html.headers().firstValue("Content-Security-Policy").orElseThrow())
                .startsWith("default-src 'none'; style-src 'sha256-")
                .doesNotContain("unsafe", "http");
        assertThat(html.body()).doesNotContain("src=", "http:", "https:", " style=", " onclick");
    }

    @Test
    void a_name_of_a_limiter_is_only_text() throws Exception {
        String html = send(get("/limits")).body();

        assertThat(html)
                .containsOnlyOnce("<script>")
                .contains("&lt;script&gt;document.title = &#39;owned&#39;&lt;/script&gt;&quot;&#39;&amp;amp;");
    }

    @Test
    void it_answers_while_every_limiter_is_full_and_tells_what_is_true() throws Exception {
        for (CapacityLimiter limiter : scope.limiters()) {
            limiter.resize(1);
        }
        List<Permit> held = scope.limiters().stream()
                .map(limiter -> limiter.tryAcquire().orElseThrow())
                .toList();
        List<CompletableFuture<Permit>> waiting =
                List.of(scope.endpoints().acquireAsync(), scope.endpoints().acquireAsync());
        assertThat(scope.endpoints().acquireAsync()).isCompletedExceptionally();

        Json.Value endpoints = json().get("limiters").with("name", "endpoints");

        assertThat(endpoints.get("capacity").number()).isEqualTo(1);
        assertThat(endpoints.get("inUse").number()).isEqualTo(1);
        assertThat(endpoints.get("available").number()).isZero();
        assertThat(endpoints.get("waiting").number()).isEqualTo(2);
        assertThat(endpoints.get("maxWaiting").number()).isEqualTo(2);
        assertThat(endpoints.get("acquired").number()).isEqualTo(1);
        assertThat(endpoints.get("refused").get("queueFull").number()).isEqualTo(1);
        assertThat(endpoints.get("refused").get("closed").number()).isZero();
        assertThat(endpoints.get("tracksHolders").is()).isFalse();
        assertThat(endpoints.get("state").string()).isEqualTo("refusing");
        assertThat(send(get("/limits")).body())
                .contains(
                        "1 of 4 limiters needs a look",
                        "1 of 1 in use, 2 waiting, the oldest for ",
                        "▲ endpoints refusing");

        held.forEach(Permit::close);
        for (CompletableFuture<Permit> waiter : waiting) {
            waiter.get(10, TimeUnit.SECONDS).close();
        }
    }

    @Test
    void history_grows_by_the_second() throws Exception {
        await().untilAsserted(() -> {
            Json.Value history = json().get("limiters").list().get(0).get("history");
            int samples = history.get("millisAgo").list().size();
            assertThat(samples).isGreaterThanOrEqualTo(3);
            for (String column : List.of("inUse", "waiting", "acquired", "refused")) {
                assertThat(history.get(column).list()).hasSize(samples);
            }
            assertThat(history.get("millisAgo").list().get(0).number())
                    .isGreaterThan(
                            history.get("millisAgo").list().get(samples - 1).number() + 1000);
        });
    }

    @Test
    void head_is_the_head_alone_and_other_methods_are_refused() throws Exception {
        HttpResponse<String> head = send(get("/limits").method("HEAD", BodyPublishers.noBody()));
        HttpResponse<String> delete = send(get("/limits").method("DELETE", BodyPublishers.noBody()));

        assertThat(head.statusCode()).isEqualTo(200);
        assertThat(head.body()).isEmpty();
        assertThat(head.headers().firstValueAsLong("Content-Length").orElseThrow())
                .isGreaterThan(10_000);
        assertThat(delete.statusCode()).isEqualTo(405);
        assertThat(delete.headers().firstValue("Allow")).contains("GET, HEAD");
    }

    @Test
    void it_answers_when_it_is_closed_with_the_numbers_of_the_moment() throws Exception {
        try (Permit permit = scope.endpoints().tryAcquire().orElseThrow()) {
            assertThat(permit).isNotNull();
            page.close();

            Json.Value endpoints = json().get("limiters").with("name", "endpoints");

            assertThat(endpoints.get("inUse").number()).isEqualTo(1);
            assertThat(endpoints.get("history").get("millisAgo").list()).isEmpty();
        }
    }

    // ------------------------------------------------------------------ resizing

    @Test
    void nothing_can_be_changed_unless_the_application_allows_it() throws Exception {
        HttpResponse<String> answer = send(resize("/limits", "limiter=endpoints&capacity=9"));

        assertThat(answer.statusCode()).isEqualTo(405);
        assertThat(answer.headers().firstValue("Allow")).contains("GET, HEAD");
        assertThat(answer.body())
                .isEqualTo("Nothing can be changed from this page: the application has not allowed it.\n");
        assertThat(scope.endpoints().capacity()).isEqualTo(3);
        assertThat(send(get("/limits").header("X-User", "operator")).body()).doesNotContain("<form", "<input");
    }

    @Test
    void whoever_may_sees_controls_and_can_resize() throws Exception {
        List<Permit> held = List.of(
                scope.endpoints().acquire(),
                scope.endpoints().acquire(),
                scope.endpoints().acquire());
        CompletableFuture<Permit> waiter = scope.endpoints().acquireAsync();
        assertThat(send(get("/editable").header("X-User", "operator")).body())
                .contains("data-limiter=\"endpoints\"", "Resize");
        assertThat(send(get("/editable")).body()).doesNotContain("<form", "<input");
        List<String> log = new CopyOnWriteArrayList<>();
        Handler handler = handler(log);
        Logger logger = Logger.getLogger("dev.weir.limiter");
        logger.addHandler(handler);
        try {
            HttpResponse<String> answer = send(resize("/editable", "limiter=endpoints&capacity=4"));

            assertThat(answer.statusCode()).isEqualTo(200);
            assertThat(answer.body()).isEqualTo("Limiter 'endpoints': capacity 3 → 4\n");
            waiter.get(10, TimeUnit.SECONDS).close();
            assertThat(log)
                    .containsExactly(
                            "Limiter 'endpoints': capacity 3 → 4, asked for on the limits page from 127.0.0.1");
        } finally {
            logger.removeHandler(handler);
            held.forEach(Permit::close);
        }
        assertThat(send(resize("/editable", "limiter=endpoints&capacity=unlimited"))
                        .statusCode())
                .isEqualTo(200);
        assertThat(scope.endpoints().capacity()).isEqualTo(CapacityLimiter.UNLIMITED);
    }

    private static Handler handler(List<String> log) {
        return new Handler() {
            @Override
            public void publish(LogRecord record) {
                log.add(record.getMessage());
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "limiter=endpoints&capacity=-1; capacity: expected a number from 0, or 'unlimited', was '-1'",
                "limiter=endpoints&capacity=4x; capacity: expected a number from 0, or 'unlimited', was '4x'",
                "limiter=endpoints&capacity=3000000000; capacity: expected a number from 0, or 'unlimited', was '3000000000'",
                "limiter=endpoints; capacity: expected a number from 0, or 'unlimited', was ''",
                "capacity=4; limiter: expected a name",
                "limiter=endpoints&limiter=shared&capacity=4; limiter: expected once",
                "{\"limiter\": \"endpoints\"}; the body: expected name=value, joined by &"
            })
    void what_makes_no_sense_is_refused_with_what_was_expected(String body, String message) throws Exception {
        HttpResponse<String> answer = send(resize("/editable", body));

        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(answer.body()).isEqualTo(message + "\n");
        assertThat(scope.endpoints().capacity()).isEqualTo(3);
    }

    @Test
    void an_unknown_limiter_is_refused_with_those_there_are() throws Exception {
        HttpResponse<String> answer = send(resize("/editable", "limiter=nobody&capacity=4"));

        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(answer.body())
                .startsWith("limiter: expected one of endpoints, background, streaming, ")
                .endsWith(", was 'nobody'\n");
    }

    @Test
    void a_body_that_is_too_long_is_refused() throws Exception {
        HttpResponse<String> answer = send(resize("/editable", "limiter=" + "x".repeat(5000) + "&capacity=4"));

        assertThat(answer.statusCode()).isEqualTo(413);
    }

    /** A browser sends the user's cookies with it, and says where it comes from. */
    @ParameterizedTest
    @CsvSource({
        "Origin,         https://evil.example",
        "Origin,         null",
        "Sec-Fetch-Site, cross-site",
        "Sec-Fetch-Site, same-site"
    })
    void a_page_from_elsewhere_cannot_resize(String header, String value) throws Exception {
        HttpResponse<String> answer =
                send(resize("/editable", "limiter=endpoints&capacity=4").header(header, value));

        assertThat(answer.statusCode()).isEqualTo(403);
        assertThat(scope.endpoints().capacity()).isEqualTo(3);
    }

    @Test
    void the_page_itself_can_resize() throws Exception {
        String origin = "http://" + base.getAuthority();

        assertThat(send(resize("/editable", "limiter=endpoints&capacity=4").header("Origin", origin))
                        .statusCode())
                .isEqualTo(200);
        assertThat(send(resize("/editable", "limiter=endpoints&capacity=5")
                                .header("Origin", origin)
                                .header("Sec-Fetch-Site", "same-origin"))
                        .statusCode())
                .isEqualTo(200);
        assertThat(scope.endpoints().capacity()).isEqualTo(5);
    }

    @Test
    void a_simple_form_and_a_stranger_cannot_resize() throws Exception {
        HttpRequest.Builder form = HttpRequest.newBuilder(base.resolve("/editable"))
                .header("X-User", "operator")
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(BodyPublishers.ofString("limiter=endpoints&capacity=4"));
        HttpResponse<String> without = send(form);
        HttpResponse<String> stranger = send(HttpRequest.newBuilder(base.resolve("/editable"))
                .header("X-Weir-Action", "resize")
                .POST(BodyPublishers.ofString("limiter=endpoints&capacity=4")));

        assertThat(without.statusCode()).isEqualTo(403);
        assertThat(without.body()).contains("X-Weir-Action: resize");
        assertThat(stranger.statusCode()).isEqualTo(403);
        assertThat(scope.endpoints().capacity()).isEqualTo(3);
    }

    // ------------------------------------------------------------------ helpers

    private Json.Value json() throws Exception {
        return Json.parse(
                send(get("/limits").header("Accept", "application/json")).body());
    }

    private HttpRequest.Builder get(String path) {
        return HttpRequest.newBuilder(base.resolve(path));
    }

    /** As the page sends it, for an operator. */
    private HttpRequest.Builder resize(String path, String body) {
        return get(path)
                .header("X-User", "operator")
                .header("X-Weir-Action", "resize")
                .header("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")
                .POST(BodyPublishers.ofString(body));
    }

    private HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
        return http.send(request.timeout(Duration.ofSeconds(20)).build(), BodyHandlers.ofString());
    }
}
