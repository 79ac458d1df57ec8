package dev.weir.limiter.resilience4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.PermitHolder;
import dev.weir.limiter.spi.BlockingGuard;
import dev.weir.limiter.tck.IdleLimiters;
import io.github.resilience4j.bulkhead.Bulkhead;
import io.github.resilience4j.bulkhead.BulkheadConfig;
import io.github.resilience4j.bulkhead.BulkheadFullException;
import io.github.resilience4j.bulkhead.BulkheadRegistry;
import io.github.resilience4j.core.exception.AcquirePermissionCancelledException;
import io.github.resilience4j.micrometer.tagged.TaggedBulkheadMetrics;
import io.github.resilience4j.reactor.bulkhead.operator.BulkheadOperator;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/** A limiter in a registry; a test named t… holds against the trap of that number in Resilience4j. */
@Timeout(120)
@SuppressWarnings({"FutureReturnValueIgnored", "ThreadPriorityCheck"}) // races want a chance
class PublishedBulkheadTest {

    private static final String NAME = "partner";

    @RegisterExtension
    final IdleLimiters idle = new IdleLimiters();

    private final CapacityLimiter limiter = idle.watchAndClose(CapacityLimiter.of(NAME, 2));
    private final BulkheadRegistry registry = BulkheadRegistry.ofDefaults();

    private static BulkheadConfig config(int max, Duration maxWait) {
        return BulkheadConfig.custom()
                .maxConcurrentCalls(max)
                .maxWaitDuration(maxWait)
                .build();
    }

    // ------------------------------------------------------------------ one budget

    /** Endpoints, annotated methods, completion stages and Reactor share ten permits, which are resized meanwhile. */
    @Test
    void never_more_run_than_there_are_permits_however_they_come() throws Exception {
        limiter.resize(10);
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        bulkhead.changeConfig(config(10, Duration.ofSeconds(30)));
        AtomicInteger running = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        AtomicInteger done = new AtomicInteger();
        Runnable work = () -> {
            most.accumulateAndGet(running.incrementAndGet(), Math::max);
            Thread.yield();
            running.decrementAndGet();
            done.incrementAndGet();
        };
        List<CompletableFuture<?>> callers = new ArrayList<>();
        int each = 2_000;
        for (int i = 0; i < 8; i++) {
            callers.add(onThread(
                    () -> { // as an aspect for @Bulkhead does
                        for (int call = 0; call < each; call++) {
                            bulkhead.executeRunnable(work);
                        }
                    }));
        }
        for (int i = 0; i < 4; i++) {
            callers.add(onThread(() -> {
                for (int call = 0; call < each; call++) {
                    Limiters.run(limiter, work).join();
                }
            }));
        }
        callers.add(onThread(() -> {
            for (int call = 0; call < each; call++) {
                bulkhead.executeCompletionStage(() -> CompletableFuture.runAsync(work))
                        .toCompletableFuture()
                        .join();
            }
        }));
        callers.add(onThread(() -> {
            for (int call = 0; call < each; call++) {
                Mono.fromRunnable(work)
                        .transformDeferred(BulkheadOperator.of(bulkhead))
                        .block();
            }
        }));
        CompletableFuture<Void> all = CompletableFuture.allOf(callers.toArray(new CompletableFuture<?>[0]));
        while (!all.isDone()) {
            int capacity = ThreadLocalRandom.current().nextInt(1, 11);
            if (capacity % 2 == 0) {
                limiter.resize(capacity);
            } else {
                bulkhead.changeConfig(config(capacity, Duration.ofSeconds(30)));
            }
            Thread.yield();
        }
        all.get();

        assertThat(most.get()).isBetween(1, 10);
        assertThat(done).hasValue(14 * each);
        assertThat(limiter.statistics().inUse()).isZero();
    }

    private static CompletableFuture<Void> onThread(Runnable work) {
        CompletableFuture<Void> done = new CompletableFuture<>();
        Thread thread = new Thread(() -> {
            try {
                work.run();
                done.complete(null);
            } catch (Throwable e) {
                done.completeExceptionally(e);
            }
        });
        thread.setDaemon(true);
        thread.start();
        return done;
    }

    @Test
    void callers_of_both_worlds_wait_in_one_queue_first_come_first_served() throws Exception {
        limiter.resize(1);
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        bulkhead.changeConfig(config(1, Duration.ofSeconds(30)));
        Permit held = limiter.acquire();
        List<String> order = new ArrayList<>();
        CompletableFuture<Void> first = limiter.acquireAsync().thenAccept(permit -> {
            order.add("limiter");
            permit.close();
        });
        CompletableFuture<Void> second = onThread(() -> bulkhead.executeRunnable(() -> order.add("bulkhead")));
        await().until(() -> limiter.statistics().waiting() == 2);
        CompletableFuture<Void> third = limiter.acquireAsync().thenAccept(permit -> {
            order.add("limiter again");
            permit.close();
        });
        held.close();
        CompletableFuture.allOf(first, second, third).get(10, TimeUnit.SECONDS);
        assertThat(order).containsExactly("limiter", "bulkhead", "limiter again");
    }

    @Test
    void operators_of_reactor_share_the_permits_and_give_them_back() {
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        BulkheadOperator<String> operator = BulkheadOperator.of(bulkhead);
        Permit one = limiter.tryAcquire().orElseThrow();
        Permit two = limiter.tryAcquire().orElseThrow();
        assertThatExceptionOfType(BulkheadFullException.class)
                .isThrownBy(() -> Mono.just("x").transformDeferred(operator).block());
        one.close();
        assertThat(Mono.just("x").transformDeferred(operator).block()).isEqualTo("x");
        Mono.never()
                .transformDeferred(BulkheadOperator.of(bulkhead))
                .subscribe()
                .dispose(); // releasePermission
        two.close();
        assertThat(limiter.statistics().inUse()).isZero();
    }

    @Test
    void rule_5_1_waiting_for_a_permission_on_a_thread_that_must_not_block_is_refused() {
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        bulkhead.changeConfig(config(0, Duration.ofSeconds(30)));
        assertThatIllegalStateException()
                .isThrownBy(() -> Mono.fromCallable(bulkhead::tryAcquirePermission)
                        .subscribeOn(Schedulers.parallel())
                        .block())
                .withMessageContaining("must not block: it is an event loop (reactor.core.scheduler.NonBlocking)");
        try (BlockingGuard.Ban ban = BlockingGuard.forbid("it tests")) {
            assertThat(ban).isNotNull();
            assertThatIllegalStateException().isThrownBy(bulkhead::tryAcquirePermission);
        }
    }

    /** The holders of what is left tell which was given back. */
    @Test
    void the_permission_taken_last_is_given_back_first() throws Exception {
        CapacityLimiter tracking = idle.watchAndClose(CapacityLimiter.builder("tracking")
                .capacity(3)
                .trackHolders(Duration.ofMinutes(1))
                .build());
        PublishedBulkhead bulkhead = Bulkheads.publish(tracking, registry);
        for (String caller : List.of("first", "second", "third")) {
            Thread thread = new Thread(bulkhead::tryAcquirePermission, caller);
            thread.start();
            thread.join();
        }
        bulkhead.onComplete();
        assertThat(tracking.holders()).extracting(PermitHolder::threadName).containsExactly("first", "second");
        bulkhead.releasePermission();
        assertThat(tracking.holders()).extracting(PermitHolder::threadName).containsExactly("first");
        bulkhead.onComplete();
        assertThat(bulkhead.overReleases()).isZero();
        assertThat(bulkhead.limiter()).isSameAs(tracking);
        assertThat(bulkhead).hasToString("Bulkhead 'tracking' over " + tracking);
    }

    // ------------------------------------------------------------------ traps

    @Test
    void t1_t3_t4_t5_a_change_to_fewer_calls_neither_blocks_nor_refuses_others_and_shows_at_once() {
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        assertThat(bulkhead.tryAcquirePermission()).isTrue();
        assertThat(bulkhead.tryAcquirePermission()).isTrue();

        bulkhead.changeConfig(config(1, Duration.ZERO)); // with two in progress

        assertThat(limiter.capacity()).isEqualTo(1);
        assertThat(bulkhead.getBulkheadConfig().getMaxConcurrentCalls()).isEqualTo(1);
        assertThat(bulkhead.getMetrics().getMaxAllowedConcurrentCalls()).isEqualTo(2);
        assertThat(bulkhead.getMetrics().getAvailableConcurrentCalls()).isZero();
        bulkhead.onComplete();
        assertThat(bulkhead.tryAcquirePermission()).isFalse();
        bulkhead.changeConfig(config(3, Duration.ZERO));
        assertThat(bulkhead.getMetrics().getAvailableConcurrentCalls()).isEqualTo(2);
        bulkhead.onComplete();
        assertThat(bulkhead.getMetrics().getMaxAllowedConcurrentCalls()).isEqualTo(3);
    }

    @Test
    void a_resize_of_the_limiter_shows_in_the_configuration() {
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        limiter.resize(7);
        assertThat(bulkhead.getBulkheadConfig().getMaxConcurrentCalls()).isEqualTo(7);
        assertThat(bulkhead.getMetrics().getMaxAllowedConcurrentCalls()).isEqualTo(7);
    }

    @Test
    void t6_an_interrupted_thread_gets_a_permit_that_is_free_and_stays_interrupted() {
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        bulkhead.changeConfig(config(1, Duration.ofSeconds(30)));
        Thread.currentThread().interrupt();
        assertThat(bulkhead.tryAcquirePermission()).isTrue();
        assertThat(bulkhead.tryAcquirePermission()).isFalse();
        bulkhead.onComplete();
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void t7_a_wait_of_less_than_a_millisecond_is_a_wait() throws Exception {
        limiter.resize(1);
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        bulkhead.changeConfig(config(1, Duration.ofNanos(1)));
        try (Permit held = limiter.acquire()) {
            assertThat(held).isNotNull();
            assertThat(bulkhead.tryAcquirePermission()).isFalse();
        }
        assertThat(limiter.statistics().withdrawn()).as("waited, and left").isEqualTo(1);
    }

    @Test
    void t8_what_was_not_taken_cannot_be_given_back() throws Exception {
        PublishedBulkhead bulkhead = Bulkheads.publish(limiter, registry);
        Permit held = limiter.acquire();

        bulkhead.onComplete();
        bulkhead.releasePermission();

        assertThat(bulkhead.overReleases()).isEqualTo(2);
        assertThat(limiter.statistics().inUse()).isEqualTo(1);
        assertThat(bulkhead.tryAcquirePermission()).isTrue();
        assertThat(bulkhead.tryAcquirePermission()).isFalse();
        bulkhead.onComplete();
        held.close();
        assertThat(bulkhead.getMetrics().getAvailableConcurrentCalls()).isEqualTo(2);
    }

    @Test
    void t8_unlimited_is_unlimited() {
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        bulkhead.changeConfig(config(Integer.MAX_VALUE, Duration.ZERO));
        bulkhead.onComplete();
        assertThat(bulkhead.executeSupplier(() -> "ran")).isEqualTo("ran");
        assertThat(limiter.capacity()).isEqualTo(CapacityLimiter.UNLIMITED);
    }

    @Test
    void t9_t10_a_consumer_that_throws_costs_no_permit_and_changes_no_result() {
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        bulkhead.getEventPublisher()
                .onCallPermitted(event -> {
                    throw new IllegalStateException("permitted");
                })
                .onCallFinished(event -> {
                    throw new AssertionError("finished");
                })
                .onCallRejected(event -> {
                    throw new IllegalStateException("rejected");
                });
        assertThat(bulkhead.executeSupplier(() -> "ran")).isEqualTo("ran");
        assertThat(bulkhead.executeCompletionStage(() -> CompletableFuture.completedFuture("ran"))
                        .toCompletableFuture())
                .isCompletedWithValue("ran");
        limiter.resize(0);
        assertThatExceptionOfType(BulkheadFullException.class).isThrownBy(bulkhead::acquirePermission);
        assertThat(limiter.statistics().inUse()).isZero();
    }

    @Test
    void events_are_published_as_by_a_bulkhead() {
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        List<String> events = new ArrayList<>();
        bulkhead.getEventPublisher().onEvent(event -> events.add(event.getEventType() + " " + event.getBulkheadName()));
        bulkhead.executeRunnable(() -> {});
        bulkhead.tryAcquirePermission();
        bulkhead.releasePermission(); // publishes nothing
        limiter.resize(0);
        bulkhead.tryAcquirePermission();
        assertThat(events)
                .containsExactly(
                        "CALL_PERMITTED partner",
                        "CALL_FINISHED partner",
                        "CALL_PERMITTED partner",
                        "CALL_REJECTED partner");
    }

    @Test
    void consumers_of_one_kind_of_event_hear_of_that_only() {
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        List<String> events = new ArrayList<>();
        bulkhead.getEventPublisher()
                .onCallPermitted(event -> events.add("permitted: " + event.getEventType()))
                .onCallFinished(event -> events.add("finished: " + event.getEventType()))
                .onCallRejected(event -> events.add("rejected: " + event.getEventType()));
        bulkhead.executeRunnable(() -> {});
        bulkhead.onComplete(); // once too often: publishes nothing
        limiter.resize(0);
        bulkhead.tryAcquirePermission();
        assertThat(events)
                .containsExactly("permitted: CALL_PERMITTED", "finished: CALL_FINISHED", "rejected: CALL_REJECTED");
    }

    @Test
    void t12_a_permission_that_is_given_back_without_an_event_serves_who_waits() throws Exception {
        limiter.resize(1);
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        bulkhead.acquirePermission();
        CompletableFuture<Permit> waiter = limiter.acquireAsync();
        bulkhead.releasePermission();
        assertThat(waiter).isDone();
        CompletableFuture<Permit> next = limiter.acquireAsync();
        bulkhead.changeConfig(config(2, Duration.ZERO));
        assertThat(next).isDone();
        waiter.get().close();
        next.get().close();
    }

    @Test
    void t16_the_registry_gives_the_limiter_to_whoever_asks_for_the_name_later() {
        registry.bulkhead(NAME, config(25, Duration.ofMillis(7)));
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        assertThat(registry.bulkhead(NAME)).isSameAs(bulkhead);
        assertThat(registry.bulkhead(NAME, config(99, Duration.ZERO))).isSameAs(bulkhead);
        assertThat(bulkhead.getBulkheadConfig().getMaxConcurrentCalls())
                .as("the limiter's")
                .isEqualTo(2);
        assertThat(bulkhead.getBulkheadConfig().getMaxWaitDuration())
                .as("of who was there")
                .isEqualTo(Duration.ofMillis(7));
        assertThat(limiter.capacity()).isEqualTo(2);
    }

    @Test
    void t17_a_consumer_that_drops_the_entry_is_told_and_nothing_is_half_published() {
        registry.getEventPublisher().onEntryAdded(event -> {
            throw new IllegalStateException("not in my registry");
        });
        assertThatIllegalStateException()
                .isThrownBy(() -> Bulkheads.publish(limiter, registry))
                .withMessage("not in my registry");
        assertThat(registry.find(NAME)).isEmpty();
    }

    @Test
    void t17_a_consumer_that_takes_the_entry_away_again_is_told() {
        registry.getEventPublisher().onEntryReplaced(event -> registry.remove(NAME));
        assertThatIllegalStateException()
                .isThrownBy(() -> Bulkheads.publish(limiter, registry))
                .withMessage(
                        "The registry did not take limiter 'partner' as bulkhead 'partner'; it has Optional.empty");

        BulkheadRegistry swapping = BulkheadRegistry.ofDefaults();
        Bulkhead other = Bulkhead.ofDefaults(NAME);
        swapping.getEventPublisher().onEntryReplaced(event -> {
            if (!event.getNewEntry().equals(other)) {
                swapping.replace(NAME, other);
            }
        });
        assertThatIllegalStateException()
                .isThrownBy(() -> Bulkheads.publish(limiter, swapping))
                .withMessageContaining(other.toString());
    }

    @Test
    void t17_a_consumer_that_throws_when_the_entry_was_replaced_changes_nothing() {
        registry.getEventPublisher().onEntryReplaced(event -> {
            throw new IllegalStateException("too late");
        });
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        assertThat(registry.bulkhead(NAME)).isSameAs(bulkhead);
    }

    @Test
    void t19_meters_of_the_registry_show_the_limiter_and_survive_collection() {
        SimpleMeterRegistry meters = new SimpleMeterRegistry();
        TaggedBulkheadMetrics.ofBulkheadRegistry(registry).bindTo(meters);
        Bulkheads.publish(limiter, registry); // nobody but the registry keeps it
        Permit held = limiter.tryAcquire().orElseThrow();
        for (int i = 0; i < 3; i++) {
            System.gc();
            assertThat(gauge(meters, "resilience4j.bulkhead.available.concurrent.calls"))
                    .isEqualTo(1);
            assertThat(gauge(meters, "resilience4j.bulkhead.max.allowed.concurrent.calls"))
                    .isEqualTo(2);
        }
        held.close();
        assertThat(gauge(meters, "resilience4j.bulkhead.available.concurrent.calls"))
                .isEqualTo(2);
    }

    private static double gauge(SimpleMeterRegistry meters, String name) {
        return meters.get(name).tag("name", NAME).gauge().value();
    }

    @Test
    void t22_full_and_interrupted_are_told_apart() throws Exception {
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        bulkhead.changeConfig(config(0, Duration.ZERO));
        assertThatExceptionOfType(BulkheadFullException.class).isThrownBy(bulkhead::acquirePermission);
        Thread.currentThread().interrupt(); // which is no reason, where nobody waits
        assertThatExceptionOfType(BulkheadFullException.class).isThrownBy(bulkhead::acquirePermission);
        assertThat(Thread.interrupted()).isTrue();
        bulkhead.changeConfig(config(0, Duration.ofSeconds(60)));
        CountDownLatch entered = new CountDownLatch(1);
        AtomicInteger kind = new AtomicInteger();
        Thread thread = new Thread(() -> {
            entered.countDown();
            try {
                bulkhead.acquirePermission();
            } catch (AcquirePermissionCancelledException e) {
                kind.set(Thread.currentThread().isInterrupted() ? 1 : 2);
            }
        });
        thread.start();
        assertThat(entered.await(10, TimeUnit.SECONDS)).isTrue();
        await().until(() -> limiter.statistics().waiting() == 1);
        thread.interrupt();
        thread.join(10_000);
        assertThat(kind).hasValue(1);
    }

    @Test
    void a_bulkhead_with_calls_in_progress_is_not_replaced() {
        Bulkhead former = registry.bulkhead(NAME);
        former.acquirePermission();
        assertThatIllegalStateException()
                .isThrownBy(() -> Bulkheads.publish(limiter, registry))
                .withMessageContaining("Bulkhead 'partner' has 1 calls in progress");
        former.onComplete();
        assertThat(registry.bulkhead(NAME)).isSameAs(former);
    }

    @Test
    void tags_are_kept() {
        BulkheadRegistry tagged = BulkheadRegistry.of(BulkheadConfig.ofDefaults(), Map.of("team", "orders"));
        assertThat(Bulkheads.publish(limiter, tagged, "other").getTags()).containsEntry("team", "orders");
        assertThat(tagged.bulkhead("other").getName()).isEqualTo("other");

        tagged.bulkhead("third", BulkheadConfig.ofDefaults(), Map.of("team", "billing"));
        assertThat(Bulkheads.publish(limiter, tagged, "third").getTags()).containsEntry("team", "billing");
        assertThatNullPointerException()
                .isThrownBy(() -> Bulkheads.publish(nothing(), tagged, "third"))
                .withMessage("limiter");
    }

    @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"}) // as code without null checks may
    private static <T> T nothing() {
        return null;
    }

    @Test
    void a_closed_limiter_is_full() {
        Bulkhead bulkhead = Bulkheads.publish(limiter, registry);
        Semaphore nothing = new Semaphore(0);
        limiter.close();
        assertThatExceptionOfType(BulkheadFullException.class)
                .isThrownBy(() -> bulkhead.executeRunnable(nothing::release));
        assertThat(nothing.availablePermits()).isZero();
    }
}
