package dev.weir.limiter.tck;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** Proof that the contract can fail: two bulkheads of others break it exactly where they are known to. */
class PeersFailTest {

    @Test
    void resilience4j_breaks_the_rules_it_is_known_to_break() {
        KitRun run = KitRun.of(Resilience4jContract.class);

        System.out.println("Resilience4j: " + run.describe());
        assertShimWorks(run);
        assertThat(run.brokenRules()).contains("1.2", "1.3", "1.4", "1.5", "1.7", "1.9");
        assertBroken(run, "rule_1_2_a_freed_permit_belongs_to_the_head_waiter_inside_the_release", "close() returned");
        assertBroken(run, "rule_1_3_shrinking_neither_blocks_nor_revokes", "in vain");
        assertBroken(run, "rule_1_4_closing_an_idle_limiters_permit_again_never_adds_capacity", "none to give");
        assertBroken(run, "rule_1_7_a_listener_that_throws_changes_no_count_and_no_result", "own trouble");
        assertBroken(
                run, "rule_1_9_an_interrupted_thread_try_acquires_and_releases_and_stays_interrupted", "a free permit");
    }

    @Test
    void failsafe_breaks_the_rules_it_is_known_to_break() {
        KitRun run = KitRun.of(FailsafeContract.class);

        System.out.println("Failsafe: " + run.describe());
        assertShimWorks(run);
        assertThat(run.brokenRules()).contains("1.3", "1.4", "1.5");
        assertBroken(run, "rule_1_4_closing_a_permit_again_does_nothing", "none to give");
        assertBroken(run, "rule_1_5_a_waiter_whose_time_passed_consumes_nothing", "should be free");
        assertBroken(run, "rule_1_5_an_interrupted_waiter_consumes_nothing", "should be free");
    }

    /** Else everything would fail, for no good reason. */
    private static void assertShimWorks(KitRun run) {
        assertThat(run.passedTests())
                .contains(
                        "rule_1_1_admits_as_many_as_its_capacity_and_no_more",
                        "rule_1_1_has_the_documented_defaults",
                        "rule_1_4_a_permit_knows_its_limiter_and_may_be_closed_by_another_thread",
                        "rule_1_11_two_limiters_of_one_builder_share_nothing");
    }

    private static void assertBroken(KitRun run, String test, String message) {
        assertThat(run.failedTests()).contains(test);
        assertThat(run.failureOf(test)).hasMessageContaining(message);
    }
}
