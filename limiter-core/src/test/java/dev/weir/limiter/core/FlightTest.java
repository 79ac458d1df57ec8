package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.tuple;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.PermitHolder;
import dev.weir.limiter.RefusalReason;
import dev.weir.limiter.core.watch.Watchable;
import dev.weir.limiter.core.watch.Watcher;
import dev.weir.limiter.spi.WorkLimiter;
import dev.weir.limiter.tck.IdleLimiters;
import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.core.Registry;
import java.io.File;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jdk.jfr.EventType;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.Logger;

/** The events of JDK Flight Recorder, in real recordings. */
@Timeout(60)
class FlightTest {

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    @TempDir
    Path folder;

    private Recording everything() {
        Recording recording = new Recording();
        for (String event : List.of("Wait", "Hold", "Refused", "Resized", "Abandoned", "LeakSuspected", "Deadlock")) {
            recording.enable("dev.weir.limiter." + event).withoutThreshold();
        }
        recording.start();
        return recording;
    }

    private List<RecordedEvent> events(Recording recording, String kind, String limiter) throws Exception {
        Path file = folder.resolve("events.jfr");
        recording.dump(file);
        return RecordingFile.readAllEvents(file).stream()
                .filter(event -> event.getEventType().getName().equals("dev.weir.limiter." + kind))
                .filter(event -> limiter.equals(event.getString("limiter")))
                .collect(Collectors.toList());
    }

    @Test
    void every_event_is_recorded_with_limiter_role_and_thread() throws Exception {
        try (LimiterScope scope = idle.watch(LimiterScope.builder()
                        .name("orders")
                        .capacity(1)
                        .each(each -> each.maxWaiting(1))
                        .open());
                Recording recording = everything()) {
            CapacityLimiter limiter = scope.background();
            CountDownLatch mayEnd = new CountDownLatch(1);
            CountDownLatch started = new CountDownLatch(1);
            CompletableFuture<Void> running = Limiters.run(limiter, () -> {
                started.countDown();
                mayEnd.await();
                return null;
            });
            started.await();
            CompletableFuture<String> waiting =
                    Limiters.run(limiter, () -> Thread.currentThread().getName());
            assertThat(limiter.acquireAsync()).isCompletedExceptionally();
            assertThat(running.cancel(false)).isTrue();
            limiter.resize(2);
            String worker = waiting.get(10, TimeUnit.SECONDS);
            mayEnd.countDown();
            await().until(() -> limiter.statistics().inUse() == 0);
            await().until(() -> events(recording, "Hold", "background").size() == 2);

            List<RecordedEvent> waits = events(recording, "Wait", "background");
            assertThat(waits)
                    .extracting(wait -> wait.getString("outcome"))
                    .containsExactlyInAnyOrder("granted", "queue_full");
            assertThat(waits).allSatisfy(wait -> {
                assertThat(wait.getString("role")).isEqualTo("background");
                assertThat(wait.getString("scope")).isEqualTo("orders");
                assertThat(wait.getThread("asker").getJavaName())
                        .isEqualTo(Thread.currentThread().getName());
                assertThat(wait.getDuration()).isPositive();
            });
            assertThat(events(recording, "Hold", "background"))
                    .allSatisfy(hold -> {
                        assertThat(hold.getString("role")).isEqualTo("background");
                        assertThat(hold.getDuration()).isPositive();
                    })
                    .anySatisfy(
                            hold -> assertThat(hold.getThread().getJavaName()).isEqualTo(worker));
            assertThat(events(recording, "Refused", "background"))
                    .singleElement()
                    .satisfies(
                            refused -> assertThat(refused.getString("reason")).isEqualTo("queue_full"));
            assertThat(events(recording, "Resized", "background"))
                    .singleElement()
                    .satisfies(resized -> {
                        assertThat(resized.getInt("from")).isEqualTo(1);
                        assertThat(resized.getInt("to")).isEqualTo(2);
                    });
            assertThat(events(recording, "Abandoned", "background"))
                    .singleElement()
                    .satisfies(abandoned -> {
                        assertThat(abandoned.getThread().getJavaName())
                                .isEqualTo(Thread.currentThread().getName());
                        assertThat(abandoned.getStackTrace().getFrames())
                                .extracting(frame -> frame.getMethod().getType().getName())
                                .contains(FlightTest.class.getName());
                    });
        }
    }

    @Test
    void a_permit_held_for_too_long_is_a_suspicion() throws Exception {
        try (Recording recording = everything()) {
            CountDownLatch reported = new CountDownLatch(1);
            CapacityLimiter limiter = CapacityLimiter.builder("suspicious")
                    .trackHolders(Duration.ofMillis(20))
                    .listener(new LimiterListener() {
                        @Override
                        public void overdue(CapacityLimiter limiter, PermitHolder holder) {
                            reported.countDown(); // after the event
                        }
                    })
                    .build();
            try (Permit held = limiter.acquire()) {
                assertThat(held).isNotNull();
                assertThat(reported.await(10, TimeUnit.SECONDS)).isTrue();
            }
            limiter.close();
            assertThat(events(recording, "LeakSuspected", "suspicious"))
                    .singleElement()
                    .satisfies(suspicion -> {
                        assertThat(suspicion.getString("holder"))
                                .isEqualTo(Thread.currentThread().getName());
                        assertThat(suspicion.getDuration("age")).isGreaterThanOrEqualTo(Duration.ofMillis(20));
                        assertThat(suspicion.getString("askedAt")).contains("FlightTest.java:");
                        assertThat(suspicion.getBoolean("dropped")).isFalse();
                    });
        }
    }

    @Test
    void a_deadlock_is_recorded_with_its_report() throws Exception {
        try (Recording recording = everything()) {
            CapacityLimiter limiter = idle.watchAndClose(CapacityLimiter.of("deadlocked", 1));
            CompletableFuture<Void> work = Limiters.run(limiter, () -> {
                limiter.acquire().close();
                return null;
            });
            assertThat(work).failsWithin(10, TimeUnit.SECONDS);

            assertThat(events(recording, "Deadlock", "deadlocked"))
                    .singleElement()
                    .satisfies(deadlock -> {
                        assertThat(deadlock.getString("limiters")).isEqualTo("deadlocked");
                        assertThat(deadlock.getInt("threads")).isEqualTo(1);
                        assertThat(deadlock.getString("report"))
                                .contains("'weir-deadlocked-1'")
                                .contains("FlightTest.java:");
                    });
            assertThat(events(recording, "Wait", "deadlocked"))
                    .singleElement()
                    .satisfies(wait -> assertThat(wait.getString("outcome")).isEqualTo("would_deadlock"));
        }
    }

    @Test
    void waits_that_end_without_a_permit_say_how() throws Exception {
        try (Recording recording = everything()) {
            CapacityLimiter limiter =
                    CapacityLimiter.builder("ends").capacity(1).build();
            Permit held = limiter.tryAcquire().orElseThrow();
            assertThat(limiter.acquireAsync().cancel(false)).isTrue();
            assertThat(limiter.tryAcquire(Duration.ofMillis(1))).isEmpty();
            CompletableFuture<Permit> last = limiter.acquireAsync();
            limiter.close();
            assertThat(last).isCompletedExceptionally();
            held.close();

            assertThat(events(recording, "Wait", "ends"))
                    .extracting(event -> event.getString("outcome"), event -> event.getString("role"))
                    .containsExactlyInAnyOrder(
                            tuple("withdrawn", "none"), tuple("withdrawn", "none"), tuple("closed", "none"));
        }
    }

    @Test
    void waits_of_threads_that_are_refused_say_how_though_a_watcher_follows_them_too() throws Exception {
        List<String> outcomes = new CopyOnWriteArrayList<>();
        try (Recording recording = everything();
                CapacityLimiter limiter = CapacityLimiter.builder("threads")
                        .capacity(0)
                        .maxWaiting(1)
                        .maxWait(Duration.ofMillis(5))
                        .build()) {
            ((Watchable) limiter).watch(new Watcher() {
                @Override
                public Wait waiting() {
                    return outcomes::add;
                }

                @Override
                public Work working() {
                    return failure -> {};
                }
            });
            assertThatExceptionOfType(LimitExceededException.class).isThrownBy(limiter::acquire);
            CompletableFuture<Permit> first = ((WorkLimiter) limiter).acquireContinuation();
            assertThatExceptionOfType(LimitExceededException.class).isThrownBy(limiter::acquire);
            first.cancel(false);

            assertThat(events(recording, "Wait", "threads"))
                    .extracting(event -> event.getString("outcome"))
                    .containsExactlyInAnyOrder("wait_timeout", "queue_full", "withdrawn");
            assertThat(outcomes).containsExactly("wait_timeout", "queue_full", "withdrawn");
        }
    }

    @Test
    void a_permit_that_was_dropped_is_a_suspicion_of_its_own() throws Exception {
        try (Recording recording = everything()) {
            GateLimiter limiter = (GateLimiter) idle.watchAndClose(CapacityLimiter.builder("dropping")
                    .trackHolders(Duration.ofHours(1))
                    .build());
            try (Permit held = limiter.acquire()) {
                limiter.suspected(limiter.holders().get(0), true);
                assertThat(held).isNotNull();
            }
            assertThat(events(recording, "LeakSuspected", "dropping"))
                    .singleElement()
                    .satisfies(suspicion ->
                            assertThat(suspicion.getBoolean("dropped")).isTrue());
        }
    }

    /** Where the small letter of I has no dot. */
    @Test
    void reasons_have_the_same_names_everywhere() {
        Locale before = Locale.getDefault();
        Locale.setDefault(new Locale("tr"));
        try {
            assertThat(Flight.name(RefusalReason.WAIT_TIMEOUT)).isEqualTo("wait_timeout");
        } finally {
            Locale.setDefault(before);
        }
    }

    @Test
    void waiting_limit_that_passes_is_recorded_once() throws Exception {
        try (Recording recording = everything();
                CapacityLimiter limiter = CapacityLimiter.builder("limit")
                        .capacity(0)
                        .maxWait(Duration.ofMillis(5))
                        .build()) {
            assertThat(limiter.acquireAsync())
                    .failsWithin(10, TimeUnit.SECONDS)
                    .withThrowableThat()
                    .withMessageContaining("'limit'");
            assertThat(events(recording, "Wait", "limit"))
                    .singleElement()
                    .satisfies(event -> assertThat(event.getString("outcome")).isEqualTo("wait_timeout"));
        }
    }

    /** A recording with nothing but its defaults is not flooded. */
    @Test
    void short_waits_and_holds_are_left_out_unless_asked_for() throws Exception {
        try (Recording recording = new Recording();
                CapacityLimiter limiter = CapacityLimiter.of("short", 1)) {
            recording.start();
            limiter.resize(2);
            Permit held = limiter.tryAcquire().orElseThrow();
            long begun = System.nanoTime();
            held.close();
            boolean quick = System.nanoTime() - begun < Duration.ofMillis(5).toNanos();
            assertThat(events(recording, "Resized", "short")).hasSize(1);
            if (quick) { // or else the machine stood still meanwhile
                assertThat(events(recording, "Hold", "short")).isEmpty();
            }
            assertThat(FlightRecorder.getFlightRecorder().getEventTypes())
                    .extracting(EventType::getName)
                    .contains("dev.weir.limiter.Hold");
        }
    }

    @Test
    void limiters_work_where_the_recorder_is_absent() throws Exception {
        String classPath = Stream.of(
                        CapacityLimiter.class, GateLimiter.class, Bulkhead.class, Registry.class, Logger.class)
                .map(FlightTest::place)
                .collect(Collectors.joining(
                        File.pathSeparator,
                        "",
                        File.pathSeparator + Path.of("target", "test-classes").toAbsolutePath()));
        Process java = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--limit-modules",
                        "java.base",
                        "-cp",
                        classPath,
                        WithoutRecorder.class.getName())
                .redirectErrorStream(true)
                .start();
        assertThat(java.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .contains("no recorder: 4711 under capacity 2, in use 0, waiting 0");
    }

    private static String place(Class<?> type) {
        return Path.of(URI.create(
                        type.getProtectionDomain().getCodeSource().getLocation().toString()))
                .toString();
    }
}
