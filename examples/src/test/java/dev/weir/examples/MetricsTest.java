package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Permit;
import dev.weir.limiter.tck.IdleLimiters;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The scrape of the example, under load, against what its clients counted. */
@Timeout(120)
class MetricsTest {

    private static final String ENDPOINTS = "limiter=\"endpoints\",role=\"endpoints\",scope=\"shop\"";
    private static final String BACKGROUND = "limiter=\"background\",role=\"background\",scope=\"shop\"";

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private final LimiterScope limiters = idle.watch(LimiterScope.builder()
            .name("shop")
            .capacity(2)
            .each(each -> each.maxWaiting(5))
            .open());
    private final AtomicInteger tasks = new AtomicInteger();
    private final SeedApplication application = new SeedApplication(limiters, number -> tasks.incrementAndGet());
    private final Server server = ServerKind.JETTY.create();
    private final URI base = URI.create("http://127.0.0.1:" + server.start(application.routes(), 0));
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    private final AtomicInteger answered = new AtomicInteger();
    private final AtomicInteger refused = new AtomicInteger();

    MetricsTest() throws Exception {}

    @AfterEach
    void stop() throws Exception {
        server.stop();
        application.close();
        limiters.close();
    }

    @Test
    void scrapeEqualsWhatTheClientsCounted() throws Exception {
        List<Permit> held = List.of(
                limiters.endpoints().tryAcquire().orElseThrow(),
                limiters.endpoints().tryAcquire().orElseThrow());
        CompletableFuture<Permit> leaving = limiters.endpoints().acquireAsync();
        List<CompletableFuture<Void>> queued = requests(4, "/fast");
        await().until(() -> limiters.endpoints().statistics().waiting() == 5);
        all(requests(7, "/fast"));
        assertThat(refused).hasValue(7);

        Scrape full = scrape();
        assertThat(full.value("weir_limiter_capacity", ENDPOINTS)).isEqualTo(2);
        assertThat(full.value("weir_limiter_in_use", ENDPOINTS)).isEqualTo(2);
        assertThat(full.value("weir_limiter_available", ENDPOINTS)).isZero();
        assertThat(full.value("weir_limiter_waiting", ENDPOINTS)).isEqualTo(5);
        assertThat(full.value("weir_limiter_oldest_wait_seconds", ENDPOINTS)).isPositive();
        assertThat(full.value("weir_limiter_refused_total", ENDPOINTS + ",reason=\"queue_full\""))
                .isEqualTo(7);

        leaving.cancel(false);
        held.forEach(Permit::close);
        all(queued);
        for (int round = 0; round < 30; round++) {
            all(requests(20, "/fast")); // more than two and five at once
        }
        all(requests(3, "/hello"));
        assertThat(limiters.awaitIdle(Duration.ofSeconds(20))).isTrue();
        // Listeners hear of a permit a moment after it is back.
        await().until(() -> limiters.endpoints().statistics().released()
                == scrape().value("weir_limiter_hold_seconds_count", ENDPOINTS));

        Scrape idleNow = scrape();
        assertThat(answered.get() + refused.get()).isEqualTo(4 + 7 + 30 * 20 + 3);
        assertThat(idleNow.value("weir_limiter_acquired_total", ENDPOINTS)).isEqualTo(2 + answered.get());
        assertThat(idleNow.value("weir_limiter_refused_total", ENDPOINTS + ",reason=\"queue_full\""))
                .isEqualTo(refused.get());
        assertThat(idleNow.value("weir_limiter_withdrawn_total", ENDPOINTS)).isEqualTo(1);
        assertThat(idleNow.value("weir_limiter_wait_seconds_count", ENDPOINTS)).isEqualTo(2 + answered.get());
        assertThat(idleNow.value("weir_limiter_hold_seconds_bucket", ENDPOINTS + ",le=\"+Inf\""))
                .isEqualTo(2 + answered.get());
        assertThat(idleNow.value("weir_limiter_in_use", ENDPOINTS)).isZero();
        assertThat(idleNow.value("weir_limiter_waiting", ENDPOINTS)).isZero();
        assertThat(idleNow.value("weir_limiter_acquired_total", BACKGROUND)).isEqualTo(tasks.get());
        assertThat(idleNow.samples().values()).noneMatch(value -> value.isNaN());
    }

    private List<CompletableFuture<Void>> requests(int number, String path) {
        List<CompletableFuture<Void>> requests = new ArrayList<>();
        for (int i = 0; i < number; i++) {
            requests.add(send(path).thenAccept(answer -> {
                switch (answer.statusCode()) {
                    case 200 -> answered.incrementAndGet();
                    case 503 -> refused.incrementAndGet();
                    default -> throw new AssertionError(answer);
                }
            }));
        }
        return requests;
    }

    private CompletableFuture<HttpResponse<String>> send(String path) {
        return http.sendAsync(
                HttpRequest.newBuilder(base.resolve(path))
                        .timeout(Duration.ofSeconds(30))
                        .build(),
                BodyHandlers.ofString());
    }

    private static void all(List<CompletableFuture<Void>> requests) throws Exception {
        CompletableFuture.allOf(requests.toArray(new CompletableFuture<?>[0])).get(60, TimeUnit.SECONDS);
    }

    private Scrape scrape() {
        HttpResponse<String> answer = send("/metrics").join();
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.headers().firstValue("Content-Type"))
                .hasValueSatisfying(type -> assertThat(type).startsWith("text/plain; version=0.0.4"));
        return Scrape.of(answer.body());
    }
}
