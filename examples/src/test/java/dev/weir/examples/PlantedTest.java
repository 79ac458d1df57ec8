package dev.weir.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Registration;
import dev.weir.limiter.jmx.LimiterJmx;
import dev.weir.limiter.tck.IdleLimiters;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.awaitility.Awaitility;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The mistakes that the example can be told to make: each is found, and every way of watching tells the same of it. */
@Timeout(300)
class PlantedTest {

    private static final Duration SUSPICIOUS = Duration.ofMillis(300);
    private static final String BEANS = "dev.weir:type=Limiter,scope=planted,name=";

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private final LimiterScope scope = idle.watch(LimiterScope.builder()
            .name("planted")
            .each(each -> each.trackHolders(SUSPICIOUS))
            .open());
    private final SeedApplication application = new SeedApplication(scope, number -> {});
    private final Server server = ServerKind.JETTY.create();
    private final Operator operator = new Operator(server.start(application.routes(), 0));
    private final Registration beans = LimiterJmx.register(scope);
    private final MBeanServer jmx = ManagementFactory.getPlatformMBeanServer();

    @TempDir
    Path folder = Path.of("");

    PlantedTest() throws Exception {}

    @AfterEach
    void stop() throws Exception {
        operator.close();
        server.stop();
        beans.close();
        application.close();
        scope.close();
    }

    @Test
    void plantedLeakIsNamedByFileAndLineEverywhere() throws Exception {
        String kept = "PlantedLeak.keep(" + place("PlantedLeak.java", "partner.tryAcquire().ifPresent") + ")";
        String dropped = "PlantedLeak.drop(" + place("PlantedLeak.java", "partner.tryAcquire();") + ")";
        try (FlightEvents flight = new FlightEvents(folder);
                Planted leak = Plant.LEAK.in(scope)) {
            leak.make();
            await().until(() -> partner().statistics().released() == 1); // by the one who does it right
            leak.make();

            // All four permits are gone, and one who does it right waits. As long as nothing is collected, both kinds
            // are overdue.
            await().until(() -> count(operator.log(), "A permit was held for longer than 300 ms: ", kept) == 2);
            await().until(() -> flight.of("LeakSuspected", PlantedLeak.LIMITER).stream()
                            .filter(event -> event.firstLineOf("askedAt").endsWith(kept))
                            .count()
                    == 2);
            assertThat(holdersOnThePage()).contains(kept, kept);
            assertThat(operator.get("/limits").body()).contains(kept, "overdue");
            assertThat((String[]) jmx.getAttribute(bean(PlantedLeak.LIMITER), "Holders"))
                    .filteredOn(holder -> holder.contains(kept))
                    .hasSize(2);

            // The collector finds those that were dropped: they are given back, and whoever waited is served.
            await().until(() -> {
                System.gc();
                return partner().statistics().leaked() == 2;
            });
            await().until(() -> count(operator.log(), "A permit was dropped without being closed, ", dropped) == 2);
            await().until(() -> flight.of("LeakSuspected", PlantedLeak.LIMITER).stream()
                            .filter(event -> event.field("dropped").equals("true")
                                    && event.firstLineOf("askedAt").endsWith(dropped))
                            .count()
                    == 2);
            await().until(() -> operator.get("/health").body().equals("UP\n"));
            // Two were kept, two dropped, two asked for by those who do it right.
            assertTold(PlantedLeak.LIMITER, Told.truth(PlantedLeak.CAPACITY, 2, 0, 6, 0, 0, 2));
            assertThat(holdersOnThePage()).containsExactly(kept, kept);
        }
        assertThat(count(operator.log(), "A permit was given back after all: ", kept))
                .isEqualTo(2);
    }

    @Test
    void plantedLeakSaturatesItsLimiterAndHealthSaysSo() throws Exception {
        try (Planted leak = Plant.LEAK.in(scope)) {
            partner().resize(1); // taken by the one that is kept
            leak.make();

            await().until(() -> operator.get("/health").body().startsWith("SATURATED\n"));
            assertThat(Told.byHealth(operator.get("/health").body(), PlantedLeak.LIMITER))
                    .isEqualTo(Told.truth(1, 1, 1, 1, 0, 0, 0).only("capacity", "in use", "waiting"));
            assertTold(PlantedLeak.LIMITER, Told.truth(1, 1, 1, 1, 0, 0, 0));
        }
        await().until(() -> operator.get("/health").body().equals("UP\n"));
    }

    @Test
    void plantedCycleIsNamedByFileAndLineEverywhere() throws Exception {
        String order =
                "PlantedCycle.order(" + place("PlantedCycle.java", "Limiters.run(stock, PlantedCycle::work)") + ")";
        String delivery =
                "PlantedCycle.deliver(" + place("PlantedCycle.java", "Limiters.run(orders, PlantedCycle::work)") + ")";
        try (FlightEvents flight = new FlightEvents(folder);
                Planted cycle = Plant.CYCLE.in(scope)) {
            cycle.make();
            assertThat(scope.awaitIdle(Duration.ofSeconds(30)))
                    .as("broken, so that all come to their end")
                    .isTrue();

            await().until(() -> count(operator.log(), "Deadlock of 2 threads under ", "one was refused") == 1);
            String report = operator.log().stream()
                    .filter(entry -> entry.startsWith("Deadlock"))
                    .findFirst()
                    .orElseThrow();
            assertThat(report).contains(order, delivery, "'orders'", "'stock'", ", refused:");

            // The youngest waiter was refused: which of the two that is, is chance.
            String refusing = refusals(PlantedCycle.ORDERS) == 1 ? PlantedCycle.ORDERS : PlantedCycle.STOCK;
            String other = refusing.equals(PlantedCycle.ORDERS) ? PlantedCycle.STOCK : PlantedCycle.ORDERS;
            await().until(() -> flight.of("Deadlock", refusing).size() == 1);
            FlightEvents.Event event = flight.of("Deadlock", refusing).get(0);
            assertThat(event.field("threads")).isEqualTo("2");
            assertThat(event.field("report")).contains(order, delivery);
            assertThat(flight.of("Refused", refusing))
                    .singleElement()
                    .satisfies(refused -> assertThat(refused.field("reason")).isEqualTo("would_deadlock"));
            assertTold(refusing, Told.truth(1, 0, 0, 1, 0, 0, 0).with("would deadlock", 1));
            assertTold(other, Told.truth(1, 0, 0, 2, 0, 0, 0));
            assertThat(operator.get("/limits").body()).contains("1 would deadlock");
            assertThat(operator.get("/health").body()).isEqualTo("UP\n");
        }
    }

    /** With patience: some conditions start a process each time they are looked at. */
    private static ConditionFactory await() {
        return Awaitility.await().atMost(Duration.ofSeconds(60));
    }

    private CapacityLimiter partner() {
        return scope.limiter(PlantedLeak.LIMITER, PlantedLeak.CAPACITY);
    }

    private long refusals(String limiter) {
        return scope.limiter(limiter, 1).statistics().refused();
    }

    private void assertTold(String limiter, Told truth) throws Exception {
        assertThat(Told.byThePage(operator.page(), limiter)).as("the page").isEqualTo(truth);
        assertThat(Told.byMetrics(operator.scrape(), "planted", limiter, "group"))
                .as("the scrape")
                .isEqualTo(truth.without("released"));
        assertThat(Told.byJmx(jmx, "planted", limiter)).as("JMX").isEqualTo(truth);
    }

    private static ObjectName bean(String limiter) throws Exception {
        return new ObjectName(BEANS + limiter);
    }

    /** Where those who hold permits have asked for them, without the package. */
    private List<String> holdersOnThePage() throws Exception {
        List<String> places = new ArrayList<>();
        for (Json.Value holder : operator.page()
                .get("limiters")
                .with("name", PlantedLeak.LIMITER)
                .get("holders")
                .list()) {
            String frame = holder.get("askedAt").list().get(0).string();
            places.add(frame.substring(frame.indexOf("PlantedLeak")));
        }
        return places;
    }

    private static long count(List<String> log, String beginning, String place) {
        return log.stream()
                .filter(entry -> entry.startsWith(beginning) && entry.contains(place))
                .count();
    }

    /** File and line of what is planted, as a stack has them. */
    private static String place(String file, String code) throws Exception {
        List<String> lines = Files.readAllLines(Path.of("src", "main", "java", "dev", "weir", "examples", file));
        List<Integer> found = IntStream.range(0, lines.size())
                .filter(line -> lines.get(line).contains(code))
                .boxed()
                .toList();
        assertThat(found).as("lines of %s with %s", file, code).hasSize(1);
        return file + ":" + (found.get(0) + 1);
    }
}
