package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.tck.IdleLimiters;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** The seed's application on every server; the test decides when a background task ends. */
@ParameterizedClass
@EnumSource(ServerKind.class)
@Timeout(60)
class SeedApplicationTest {

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private final Semaphore mayEnd = new Semaphore(0);
    private final AtomicInteger started = new AtomicInteger();
    private final AtomicInteger done = new AtomicInteger();
    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final Server server;

    private LimiterScope limiters = LimiterScope.builder().capacity(0).open();
    private SeedApplication application;
    private URI base = URI.create("http://127.0.0.1");

    SeedApplicationTest(ServerKind kind) throws IOException {
        server = kind.create();
        application = new SeedApplication(limiters, number -> {});
    }

    private void serve(Setup setup) throws Exception {
        application.close();
        limiters.close();
        limiters = idle.watch(setup.open());
        application = new SeedApplication(limiters, number -> {
            started.incrementAndGet();
            mayEnd.acquireUninterruptibly();
            done.incrementAndGet();
        });
        base = URI.create("http://127.0.0.1:" + server.start(application.routes(), 0));
    }

    @AfterEach
    void stop() throws Exception {
        mayEnd.release(1000);
        server.stop();
        application.close();
        Setup.close(limiters);
    }

    // ------------------------------------------------------------------ the load of the seed

    @Test
    void backgroundTasksRunInWavesOfFortyAndNoAnswerWaitsForThem() throws Exception {
        serve(Setup.WEIR);

        List<CompletableFuture<HttpResponse<byte[]>>> answers = load(100);

        assertThat(answers)
                .allSatisfy(
                        answer -> assertThat(answer.get(20, TimeUnit.SECONDS).statusCode())
                                .isEqualTo(200));
        awaitTasks(40, 60);
        mayEnd.release(40);
        awaitTasks(80, 20);
        mayEnd.release(40);
        awaitTasks(100, 0);
        mayEnd.release(20);
        await().until(() -> done.get() == 100);
    }

    @Test
    void everythingElseIsServedWhileAllBackgroundPermitsAreHeld() throws Exception {
        serve(Setup.WEIR);
        load(100);
        awaitTasks(40, 60);

        assertThat(text("/fast")).isEqualTo("Done\n");
        assertThat(text("/stream").lines()).hasSize(20).first().isEqualTo("Item 1");
        assertThat(get("/file").get().body()).hasSize(1 << 20);
        assertThat(upload(3 << 20)).isEqualTo("file (load.bin): 3145728 bytes\n");
        await().until(() -> text("/health").startsWith("SATURATED\n"));
        assertThat(text("/health"))
                .contains("Limiter 'background': capacity 40, in use 40, waiting 60 of at most 1024, oldest wait ")
                .doesNotContain("endpoints");
        assertThat(text("/ready")).isEqualTo("UP\n");
        assertThat(done).hasValue(0);
    }

    @Test
    void resizeAdmitsAllThatWait() throws Exception {
        serve(Setup.WEIR);
        load(100);
        awaitTasks(40, 60);

        limiters.background().resize(100);

        awaitTasks(100, 0);
        assertThat(done).hasValue(0);
        assertThat(limiters.background().statistics().waiting()).isZero();
    }

    /** What the demonstration shows of the other setup: the queue behind one limiter is everybody's. */
    @Test
    void onOneLimiterForEverythingAnUnrelatedEndpointWaitsForBackgroundTasks() throws Exception {
        serve(Setup.SHARED);
        load(40);
        awaitTasks(40, 0);

        CompletableFuture<HttpResponse<byte[]>> fast = get("/fast");

        await().until(() -> limiters.endpoints().statistics().waiting() == 1);
        assertThat(fast).isNotDone();
        await().until(() -> get("/ready").get().statusCode() == 503);
        assertThat(text("/health")).startsWith("SATURATED\nLimiter 'everything': capacity 40, in use 40, waiting 1 ");
        mayEnd.release();
        assertThat(fast.get(20, TimeUnit.SECONDS).statusCode()).isEqualTo(200);
    }

    @Test
    void stoppingWaitsForBackgroundTasks() throws Exception {
        serve(Setup.WEIR);
        load(1).get(0).get(20, TimeUnit.SECONDS);
        awaitTasks(1, 0);

        CompletableFuture<Integer> stopped = CompletableFuture.supplyAsync(() -> {
            try {
                server.stop();
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
            return done.get();
        });

        await().until(() -> isRefused("/health"));
        assertThat(stopped).isNotDone();
        mayEnd.release();
        assertThat(stopped.get(20, TimeUnit.SECONDS)).isEqualTo(1);
    }

    // ------------------------------------------------------------------ what the limiters are doing

    @Test
    void limitsAreShownAsTheyAre() throws Exception {
        serve(Setup.WEIR);
        load(50);
        awaitTasks(40, 10);

        Json.Value background = Json.parse(json("/limits")).get("limiters").with("name", "background");

        assertThat(background.get("inUse").number()).isEqualTo(40);
        assertThat(background.get("waiting").number()).isEqualTo(10);
        assertThat(text("/limits"))
                .startsWith("<!DOCTYPE html>")
                .contains("<b>40</b> of 40 in use, 0 free")
                .doesNotContain("<form");
    }

    @Test
    void oneLimiterForEverythingIsShownOnceWithAllItsRoles() throws Exception {
        serve(Setup.SHARED);

        List<Json.Value> shown = Json.parse(json("/limits")).get("limiters").list();

        assertThat(shown).hasSize(1);
        assertThat(shown.get(0).get("name").string()).isEqualTo("everything");
        assertThat(shown.get(0).get("role").string()).isEqualTo("endpoints+background+streaming+shared");
    }

    @Test
    void unknownPathIsNotFound() throws Exception {
        serve(Setup.WEIR);

        assertThat(get("/elsewhere").get().statusCode()).isEqualTo(404);
    }

    // ------------------------------------------------------------------ helpers

    private List<CompletableFuture<HttpResponse<byte[]>>> load(int requests) {
        return IntStream.range(0, requests).mapToObj(i -> get("/hello")).toList();
    }

    private CompletableFuture<HttpResponse<byte[]>> get(String path) {
        return http.sendAsync(
                HttpRequest.newBuilder(base.resolve(path))
                        .timeout(Duration.ofSeconds(30))
                        .build(),
                BodyHandlers.ofByteArray());
    }

    private String text(String path) throws Exception {
        HttpResponse<byte[]> answer = get(path).get();
        assertThat(answer.statusCode()).isEqualTo(200);
        return new String(answer.body(), StandardCharsets.UTF_8);
    }

    private String json(String path) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(base.resolve(path))
                .header("Accept", "application/json")
                .timeout(Duration.ofSeconds(30))
                .build();
        return http.send(request, BodyHandlers.ofString()).body();
    }

    private boolean isRefused(String path) {
        return get(path)
                .handle((answer, failure) -> failure != null || answer.statusCode() == 503)
                .join();
    }

    private String upload(int size) throws Exception {
        String head = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../load.bin\"\r\n\r\n";
        byte[] content = new byte[size];
        HttpResponse<String> answer = http.send(
                HttpRequest.newBuilder(base.resolve("/upload"))
                        .header("Content-Type", "multipart/form-data; boundary=b")
                        .POST(BodyPublishers.concat(
                                BodyPublishers.ofString(head),
                                BodyPublishers.ofByteArray(content),
                                BodyPublishers.ofString("\r\n--b--\r\n")))
                        .build(),
                BodyHandlers.ofString());
        assertThat(answer.statusCode()).isEqualTo(200);
        return answer.body();
    }

    /** So many have started since the beginning, and so many wait. */
    private void awaitTasks(int expectedStarted, int expectedWaiting) {
        await().until(() -> started.get() == expectedStarted
                && limiters.background().statistics().waiting() == expectedWaiting);
    }
}
