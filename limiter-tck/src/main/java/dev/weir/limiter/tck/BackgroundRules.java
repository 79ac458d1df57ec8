package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.RefusalReason;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** Section 4 of the rules, as far as it concerns a limiter: work nobody waits for. The rest belongs to server adapters. */
public abstract class BackgroundRules extends IterateRules {

    /** For subclasses. */
    protected BackgroundRules() {}

    @Test
    void rule_4_1_background_work_runs_under_its_own_limiter_and_the_callers_permit_is_free() {
        CapacityLimiter endpoints = limiter(1);
        CapacityLimiter background = limiter(1);
        Gate gate = new Gate();
        AtomicReference<CompletableFuture<Void>> started = new AtomicReference<>();

        String answer = get(Limiters.run(endpoints, () -> {
            started.set(Limiters.background(background, gate::call));
            return "answered";
        }));

        assertThat(answer).isEqualTo("answered");
        await(gate.entered);
        assertThat(endpoints.statistics().inUse()).isZero();
        assertThat(background.statistics().inUse()).isEqualTo(1);
        assertThat(get(Limiters.run(endpoints, () -> "the next request"))).isEqualTo("the next request");
        gate.open();
        get(started.get());
    }

    @Test
    void rule_4_1_background_work_that_fills_its_limiter_does_not_block_endpoints() {
        CapacityLimiter endpoints = limiter(40);
        CapacityLimiter background = limiter(40);
        Gate gate = new Gate();
        List<CompletableFuture<Void>> tasks = new ArrayList<>();

        for (int i = 0; i < 100; i++) {
            assertThat(get(Limiters.run(endpoints, () -> {
                        synchronized (tasks) {
                            tasks.add(Limiters.background(background, gate::call));
                        }
                        return "answered";
                    })))
                    .isEqualTo("answered");
        }

        assertThat(background.statistics().inUse()).isEqualTo(40);
        assertThat(background.statistics().waiting()).isEqualTo(60);
        gate.open();
        tasks.forEach(this::get);
    }

    @Test
    void rule_4_1_background_work_under_the_callers_own_limiter_waits_for_a_permit_of_its_own() {
        CapacityLimiter limiter = limiter(1);
        AtomicReference<CompletableFuture<Void>> started = new AtomicReference<>();
        Queue<String> order = new ConcurrentLinkedQueue<>();

        get(Limiters.run(limiter, () -> {
            started.set(Limiters.background(limiter, () -> order.add("background")));
            assertThat(limiter.statistics().waiting()).isEqualTo(1);
            order.add("caller");
        }));

        get(started.get());
        assertThat(order).containsExactly("caller", "background");
    }

    @Test
    void rule_4_1_a_refusal_of_background_work_is_in_the_future() {
        CapacityLimiter limiter = build(builder().capacity(1).maxWaiting(0));
        Gate gate = occupy(limiter);

        CompletableFuture<Void> refused = Limiters.background(limiter, () -> {});

        assertRefused(thrownBy(refused), RefusalReason.QUEUE_FULL, limiter);
        gate.open();
        awaitIdle(limiter);
    }

    @Test
    void rule_4_2_tasks_run_in_order_each_isolated_from_the_failures_of_others() {
        CapacityLimiter limiter = limiter(1);
        Gate gate = occupy(limiter);
        IllegalStateException exception = new IllegalStateException("task 3");
        AssertionError error = new AssertionError("task 5");
        Queue<Integer> order = new ConcurrentLinkedQueue<>();
        List<CompletableFuture<Void>> tasks = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            int number = i;
            tasks.add(Limiters.background(limiter, () -> {
                order.add(number);
                if (number == 3) {
                    throw exception;
                }
                if (number == 5) {
                    throw error;
                }
            }));
        }

        gate.open();

        for (int i = 0; i < 10; i++) {
            if (i == 3 || i == 5) {
                assertThat(thrownBy(tasks.get(i))).isSameAs(i == 3 ? exception : error);
            } else {
                get(tasks.get(i));
            }
        }
        assertThat(order).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
        awaitIdle(limiter);
    }
}
