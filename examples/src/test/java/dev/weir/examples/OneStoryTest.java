package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Permit;
import dev.weir.limiter.Registration;
import dev.weir.limiter.jmx.LimiterJmx;
import dev.weir.limiter.tck.IdleLimiters;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * An incident, as an operator sees it: the scrape, Flight Recorder, JMX, the page and {@code /health} tell one story, and it is
 * the true one. The test knows what is true, since it decides who runs, who waits and who leaves.
 */
@Timeout(120)
class OneStoryTest {

    private static final Duration SUSPICIOUS = Duration.ofMillis(300);

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private final LimiterScope scope = idle.watch(LimiterScope.builder()
            .name("incident")
            .capacity(3)
            .each(each -> each.maxWaiting(2).trackHolders(SUSPICIOUS))
            .open());
    private final Semaphore mayEnd = new Semaphore(0);
    private final AtomicInteger started = new AtomicInteger();
    private final SeedApplication application = new SeedApplication(
            scope,
            number -> {
                started.incrementAndGet();
                mayEnd.acquireUninterruptibly();
            },
            true);
    private final Server server = ServerKind.JETTY.create();
    private final Operator operator = new Operator(server.start(application.routes(), 0));
    private final Registration beans = LimiterJmx.register(scope);

    @TempDir
    Path folder = Path.of("");

    OneStoryTest() throws Exception {}

    @AfterEach
    void stop() throws Exception {
        operator.close();
        mayEnd.release(1000);
        server.stop();
        beans.close();
        application.close();
        scope.close();
    }

    @Test
    void everyWayOfWatchingTellsTheSameAndItIsTrue() throws Exception {
        try (FlightEvents flight = new FlightEvents(folder)) {
            // Six requests leave work behind: three run, two wait, for one there is no place.
            for (int i = 1; i <= 6; i++) {
                assertThat(operator.get("/hello").statusCode()).isEqualTo(200);
                int left = i;
                await().until(() -> leftBehind() == left);
            }
            assertThat(started).hasValue(3);
            assertTold(Told.truth(3, 3, 2, 3, 1, 0, 0), true);
            await().untilAsserted(() -> assertThat(flight.of("Refused", "background"))
                    .singleElement()
                    .satisfies(event -> assertThat(event.field("reason")).isEqualTo("queue_full")));
            assertThat(flight.of("Hold", "background")).isEmpty();

            // One ends, so that one who waited runs; somebody comes and leaves.
            mayEnd.release();
            await().until(() -> started.get() == 4);
            assertThat(scope.background().acquireAsync().cancel(false)).isTrue();
            assertTold(Told.truth(3, 3, 1, 4, 1, 1, 0), true);
            await().until(() -> flight.of("Hold", "background").size() == 1);

            // The operator resizes.
            assertThat(operator.resize("background", "5")).isEqualTo("Limiter 'background': capacity 3 → 5\n");
            await().until(() -> started.get() == 5);
            assertTold(Told.truth(5, 4, 0, 5, 1, 1, 0), false);
            assertThat(flight.of("Resized", "background")).singleElement().satisfies(event -> {
                assertThat(event.field("from")).isEqualTo("3");
                assertThat(event.field("to")).isEqualTo("5");
            });

            // All end.
            mayEnd.release(4);
            assertThat(scope.awaitIdle(Duration.ofSeconds(20))).isTrue();
            assertTold(Told.truth(5, 0, 0, 5, 1, 1, 0), false);
            await().until(() -> flight.of("Hold", "background").size() == 5);
            assertThat(flight.of("Wait", "background").stream()
                            .map(wait -> wait.field("outcome"))
                            .toList())
                    .containsExactlyInAnyOrder("queue_full", "granted", "withdrawn", "granted");
            assertThat(operator.get("/health").body()).isEqualTo("UP\n");
        }
    }

    /** How many pieces of work were left behind, those refused included. */
    private long leftBehind() {
        var now = scope.background().statistics();
        return now.acquired() + now.waiting() + now.refused();
    }

    /** The numbers of the background limiter, wherever they are told. */
    private void assertTold(Told truth, boolean saturated) throws Exception {
        assertThat(Told.byThePage(operator.page(), "background")).as("the page").isEqualTo(truth);
        assertThat(Told.byMetrics(operator.scrape(), "incident", "background", "background"))
                .as("the scrape")
                .isEqualTo(truth.without("released"));
        assertThat(Told.byJmx(ManagementFactory.getPlatformMBeanServer(), "incident", "background"))
                .as("JMX")
                .isEqualTo(truth);
        if (saturated) { // once somebody has waited for more than a second
            await().until(() -> operator.get("/health").body().startsWith("SATURATED\n"));
            assertThat(Told.byHealth(operator.get("/health").body(), "background"))
                    .as("/health")
                    .isEqualTo(truth.only("capacity", "in use", "waiting"));
            assertThat(operator.page()
                            .get("limiters")
                            .with("name", "background")
                            .get("state")
                            .string())
                    .as("the state on the page")
                    .isIn("saturated", "refusing");
        } else {
            assertThat(operator.get("/health").body()).as("/health").isEqualTo("UP\n");
        }
    }

    // ------------------------------------------------------------------ leaks

    @Test
    void aPermitThatIsNeverClosedIsNamedByFileAndLineEverywhere() throws Exception {
        CapacityLimiter limiter = scope.limiter("partner", 2);
        try (FlightEvents flight = new FlightEvents(folder)) {
            int line = lineOfTheCaller() + 1;
            Permit leak = limiter.acquire();
            String place = "OneStoryTest.aPermitThatIsNeverClosedIsNamedByFileAndLineEverywhere(OneStoryTest.java:"
                    + line + ")";

            await().until(() -> limiter.holders().get(0).overdue());

            assertThat(limiter.holders().get(0).askedAt().get(0).toString()).endsWith(place);
            await().untilAsserted(() -> assertThat(operator.log())
                    .anySatisfy(entry -> assertThat(entry)
                            .startsWith(
                                    "A permit was held for longer than 300 ms: permit of limiter 'partner' held for ")
                            .contains(place)));
            await().untilAsserted(() -> assertThat(flight.of("LeakSuspected", "partner"))
                    .singleElement()
                    .satisfies(event -> {
                        assertThat(event.firstLineOf("askedAt")).endsWith(place);
                        assertThat(event.field("dropped")).isEqualTo("false");
                    }));
            Json.Value holder = operator.page()
                    .get("limiters")
                    .with("name", "partner")
                    .get("holders")
                    .list()
                    .get(0);
            assertThat(holder.get("overdue").is()).isTrue();
            assertThat(holder.get("askedAt").list().get(0).string()).endsWith(place);
            assertThat(operator.get("/limits").body()).contains(place, "overdue");
            leak.close();
        }
    }

    @Test
    void aPermitThatIsDroppedIsNamedByFileAndLineAndCountedEverywhere() throws Exception {
        CapacityLimiter limiter = scope.limiter("partner", 2);
        try (FlightEvents flight = new FlightEvents(folder)) {
            int line = drop(limiter);
            String place = "OneStoryTest.drop(OneStoryTest.java:" + line + ")";

            await().until(() -> {
                System.gc();
                return limiter.statistics().leaked() == 1;
            });

            await().untilAsserted(() -> assertThat(operator.log())
                    .anySatisfy(entry -> assertThat(entry)
                            .startsWith("A permit was dropped without being closed, and was given back now: ")
                            .contains(place)));
            await().untilAsserted(() -> assertThat(flight.of("LeakSuspected", "partner"))
                    .anySatisfy(event -> {
                        assertThat(event.firstLineOf("askedAt")).endsWith(place);
                        assertThat(event.field("dropped")).isEqualTo("true");
                    }));
            Told truth = Told.truth(2, 0, 0, 1, 0, 0, 1);
            assertThat(Told.byThePage(operator.page(), "partner")).isEqualTo(truth);
            assertThat(Told.byMetrics(operator.scrape(), "incident", "partner", "group"))
                    .isEqualTo(truth.without("released"));
            assertThat(Told.byJmx(ManagementFactory.getPlatformMBeanServer(), "incident", "partner"))
                    .isEqualTo(truth);
        }
    }

    /** Takes a permit and forgets it; tells the line where. */
    private static int drop(CapacityLimiter limiter) {
        int line = lineOfTheCaller() + 1;
        assertThat(limiter.tryAcquire()).isPresent();
        return line;
    }

    private static int lineOfTheCaller() {
        return new Throwable().getStackTrace()[1].getLineNumber();
    }
}
