package dev.weir.limiter.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.CapacityLimiterBuilder;
import dev.weir.limiter.LimitExceededException;
import dev.weir.limiter.LimiterListener;
import dev.weir.limiter.LimiterRole;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.ScopeListener;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ScopeTest {

    @RegisterExtension
    final Warnings warnings = new Warnings("INFO");

    @Test
    void four_limiters_of_forty_permits_named_after_their_roles() {
        try (LimiterScope scope = LimiterScope.open()) {
            assertThat(scope.limiters())
                    .extracting(CapacityLimiter::name)
                    .containsExactly("endpoints", "background", "streaming", "shared");
            assertThat(scope.limiters()).extracting(CapacityLimiter::capacity).containsOnly(40);
            assertThat(scope.endpoints()).isSameAs(scope.limiter(LimiterRole.ENDPOINTS));
        }
    }

    @Test
    void one_instance_in_two_roles_is_listed_once_and_stays_open() throws Exception {
        try (CapacityLimiter own = CapacityLimiter.of("own", 2)) {
            LimiterScope scope = LimiterScope.builder()
                    .limiter(LimiterRole.STREAMING, own)
                    .limiter(LimiterRole.SHARED, own)
                    .open();
            assertThat(scope.streaming()).isSameAs(scope.shared());
            assertThat(scope.limiters()).hasSize(3);
            scope.close();
            assertThat(own.isClosed()).isFalse();
            assertThat(scope.endpoints().isClosed()).isTrue();
        }
    }

    @Test
    void everything_on_one_limiter() {
        try (CapacityLimiter one = CapacityLimiter.of("one", 40);
                LimiterScope scope = LimiterScope.builder().all(one).open()) {
            assertThat(scope.limiters()).containsExactly(one);
        }
    }

    @Test
    void a_named_group_is_created_once_and_its_capacity_is_not_argued_about() {
        try (LimiterScope scope = LimiterScope.open()) {
            CapacityLimiter reports = scope.limiter("reports", 3);
            reports.resize(7);
            assertThat(scope.limiter("reports", 3)).isSameAs(reports);
            assertThat(scope.limiters()).hasSize(5).contains(reports);
            for (int other : new int[] {2, 4}) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> scope.limiter("reports", other))
                        .withMessageContaining(
                                "'reports' was declared with capacity 3, and now with capacity " + other);
            }
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> scope.limiter("reports", -1))
                    .withMessage("capacity: expected 0 or more, was -1");
            for (String taken : List.of("shared", "Endpoints", "all", "ALL")) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> scope.limiter(taken, 4))
                        .withMessageContaining("'" + taken + "'")
                        .withMessageEndingWith("a name other than 'all' and those of the roles, endpoints, background,"
                                + " streaming and shared");
            }
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> scope.limiter("a b", 4))
                    .withMessageContaining("letters, digits");
            assertThatIllegalArgumentException().isThrownBy(() -> scope.limiter("negative", -1));
            assertThat(scope.limiter("A_b-9", 1).name()).isEqualTo("A_b-9");
        }
    }

    @Test
    void groups_are_listed_after_the_roles_in_the_order_they_were_declared() {
        try (LimiterScope scope = LimiterScope.builder().capacity(1).open()) {
            for (String group : List.of("zebra", "ant", "mole", "bee")) {
                scope.limiter(group, 2);
            }
            assertThat(scope.limiters())
                    .extracting(CapacityLimiter::name)
                    .containsExactly("endpoints", "background", "streaming", "shared", "zebra", "ant", "mole", "bee");
            assertThat(scope.toString().lines())
                    .startsWith("Limiters:", "  " + scope.endpoints())
                    .endsWith("  " + scope.limiter("bee", 2))
                    .hasSize(9);
            assertThat(scope.limiters()).as("a snapshot").isUnmodifiable();
        }
    }

    /** A limiter of the application's own may say that it is equal to others. */
    @Test
    void limiters_that_are_equal_and_not_the_same_are_each_listed() {
        try (CapacityLimiter own = CapacityLimiter.of("own", 2);
                LimiterScope scope = LimiterScope.builder()
                        .limiter(LimiterRole.STREAMING, equalToAll(own))
                        .limiter(LimiterRole.SHARED, equalToAll(own))
                        .open()) {
            assertThat(scope.limiters().size()).isEqualTo(4);
        }
    }

    private static CapacityLimiter equalToAll(CapacityLimiter limiter) {
        return (CapacityLimiter) Proxy.newProxyInstance(
                CapacityLimiter.class.getClassLoader(),
                new Class<?>[] {CapacityLimiter.class},
                (self, method, args) -> switch (method.getName()) {
                    case "equals" -> true;
                    case "hashCode" -> 1;
                    default -> method.invoke(limiter, args);
                });
    }

    @Test
    void what_is_null_is_refused_by_its_name() {
        try (LimiterScope scope = LimiterScope.open()) {
            assertThatNullPointerException()
                    .isThrownBy(() -> scope.limiter(nothing()))
                    .withMessage("role");
            assertThatNullPointerException()
                    .isThrownBy(() -> scope.listen(nothing()))
                    .withMessage("listener");
        }
    }

    @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"}) // as code without null checks may
    private static <T> T nothing() {
        return null;
    }

    /** The scope as others change it while a group is made; only once. */
    private static LimiterScope changedMeanwhile(Consumer<LimiterScope> change) {
        AtomicReference<@Nullable LimiterScope> open = new AtomicReference<>();
        LimiterScope scope = LimiterScope.builder()
                .each(builder -> {
                    LimiterScope once = open.getAndSet(null);
                    if (once != null) {
                        change.accept(once);
                    }
                    return builder;
                })
                .open();
        open.set(scope);
        return scope;
    }

    @Test
    void a_group_that_is_made_while_the_configuration_changes_is_as_it_is_configured_then() {
        try (LimiterScope scope =
                changedMeanwhile(changing -> assertThat(changing.reconfigure(Map.of("weir.reports.capacity", "9")))
                        .isEmpty())) {
            assertThat(scope.limiter("reports", 3).capacity()).isEqualTo(9);
        }
    }

    @Test
    void of_two_that_declare_a_group_at_once_both_get_the_first() {
        AtomicReference<CapacityLimiter> first = new AtomicReference<>();
        try (LimiterScope scope = changedMeanwhile(changing -> first.set(changing.limiter("reports", 3)))) {
            assertThat(scope.limiter("reports", 3)).isSameAs(first.get());
            assertThat(scope.limiters()).hasSize(5);
        }
    }

    @Test
    void rule_1_11_a_group_that_is_made_while_the_scope_closes_is_refused_and_those_there_are_found() {
        LimiterScope scope = changedMeanwhile(LimiterScope::close);
        assertThatIllegalStateException()
                .isThrownBy(() -> scope.limiter("late", 1))
                .withMessage("the scope is closed: no new limiter 'late'");
        assertThat(scope.limiters()).hasSize(4);

        LimiterScope other = LimiterScope.open();
        CapacityLimiter reports = other.limiter("reports", 1);
        other.close();
        assertThat(other.limiter("reports", 1)).isSameAs(reports);
    }

    @Test
    void two_scopes_share_nothing() {
        try (LimiterScope one = LimiterScope.open();
                LimiterScope other = LimiterScope.open()) {
            assertThat(one.limiters()).doesNotContainAnyElementsOf(other.limiters());
            assertThat(one.limiter("group", 1)).isNotSameAs(other.limiter("group", 1));
        }
    }

    @Test
    void rule_1_11_closing_fails_waiters_refuses_newcomers_and_leaves_work_in_progress() throws Exception {
        LimiterScope scope = LimiterScope.builder().capacity(1).open();
        Permit held = scope.endpoints().acquire();
        CompletableFuture<Permit> waiter = scope.endpoints().acquireAsync();
        scope.close();
        scope.close();
        assertThat(waiter)
                .failsWithin(5, TimeUnit.SECONDS)
                .withThrowableThat()
                .withCauseInstanceOf(LimitExceededException.class);
        assertThat(scope.awaitIdle(Duration.ZERO)).isFalse();
        held.close();
        assertThat(scope.awaitIdle(Duration.ofSeconds(5))).isTrue();
        assertThatIllegalStateException().isThrownBy(() -> scope.limiter("late", 1));
    }

    @Test
    void configuration_from_properties_and_environment() {
        Properties properties = new Properties();
        properties.setProperty("weir.all.capacity", "10");
        properties.setProperty("weir.endpoints.capacity", "100");
        properties.setProperty("weir.endpoints.max-waiting", "5");
        properties.setProperty("weir.my-reports.capacity", "unlimited");
        properties.setProperty("other.key", "left alone");
        properties.setProperty("other.weir.key", "left alone");
        properties.setProperty("weird.key.too", "left alone");
        properties.put(7, "left alone");
        try (LimiterScope scope = LimiterScope.builder()
                .capacity(20)
                .properties(properties)
                .environment(Map.of(
                        "WEIR_BACKGROUND_CAPACITY", "0",
                        "WEIR_SHARED_MAX_WAITING", "7",
                        "WEIRD_CAPACITY", "left alone",
                        "PATH", "/bin"))
                .open()) {
            assertThat(scope.endpoints().capacity()).isEqualTo(100);
            assertThat(scope.endpoints().statistics().maxWaiting()).isEqualTo(5);
            assertThat(scope.background().capacity()).isZero();
            assertThat(scope.streaming().capacity()).isEqualTo(10);
            assertThat(scope.shared().statistics().maxWaiting()).isEqualTo(7);
            assertThat(scope.limiter("my-reports", 3).capacity()).isEqualTo(CapacityLimiter.UNLIMITED);
        }
    }

    @Test
    void defaults_of_properties_are_read() {
        Properties defaults = new Properties();
        defaults.setProperty("weir.endpoints.capacity", "7");
        defaults.setProperty("weir.shared.capacity", "7");
        Properties properties = new Properties(defaults);
        properties.setProperty("weir.shared.capacity", "8");
        properties.put("weir.background.capacity", 9); // no text, as some files of configuration have it
        try (LimiterScope scope = LimiterScope.builder().properties(properties).open()) {
            assertThat(scope.endpoints().capacity()).isEqualTo(7);
            assertThat(scope.shared().capacity()).isEqualTo(8);
            assertThat(scope.background().capacity()).isEqualTo(9);
        }
    }

    @Test
    void keys_of_no_role_are_known_since_they_may_be_misspelt() {
        Configuration configuration = Configuration.ofProperties(
                Map.of("weir.endpoint.capacity", "1", "weir.all.capacity", "2", "weir.shared.reserve", "0"));
        Configuration environment = Configuration.ofEnvironment(Map.of("WEIR_PARTNER_CAPACITY", "3"));

        assertThat(configuration.and(environment).keysOfGroups())
                .containsExactly("WEIR_PARTNER_CAPACITY", "weir.endpoint.capacity");
    }

    @Test
    void keys_of_no_role_are_logged_with_the_names_that_were_perhaps_meant() {
        LimiterScope.builder()
                .environment(Map.of("WEIR_PARTNER_CAPACITY", "3"))
                .properties(Map.of("weir.endpoint.capacity", "1", "weir.shared.capacity", "2"))
                .open()
                .close();

        assertThat(warnings.messages())
                .containsExactly("INFO: Configured are limiters that are yet to be declared, by"
                        + " [WEIR_PARTNER_CAPACITY, weir.endpoint.capacity]; those that are there already are endpoints,"
                        + " background, streaming and shared");
    }

    @Test
    void a_configuration_of_roles_alone_is_nothing_to_log() {
        LimiterScope.builder()
                .environment(Map.of())
                .properties(Map.of("weir.endpoints.capacity", "1", "weir.all.reserve", "2"))
                .open()
                .close();

        assertThat(warnings.messages()).isEmpty();
    }

    @Test
    void the_environment_beats_properties_and_both_beat_code() {
        try (LimiterScope scope = LimiterScope.builder()
                .environment(Map.of("WEIR_SHARED_CAPACITY", "3"))
                .properties(Map.of("weir.shared.capacity", "2", "weir.endpoints.capacity", "2"))
                .capacity(1)
                .open()) {
            assertThat(scope.shared().capacity()).isEqualTo(3);
            assertThat(scope.endpoints().capacity()).isEqualTo(2);
            assertThat(scope.background().capacity()).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "weir.endpoints.capacity | -1 | a number from 0, or 'unlimited', was '-1'",
                "weir.endpoints.capacity | UNLIMITED | a number from 0, or 'unlimited', was 'UNLIMITED'",
                "weir.endpoints.capacity | lots | a number from 0, or 'unlimited', was 'lots'",
                "weir.endpoints.max-waiting | 1.5 | a number from 0, was '1.5'",
                "weir.endpoints.max-wait | 0s | a time of more than zero such as 500ms",
                "weir.endpoints.max-wait | 1234567890s | a time of more than zero such as 500ms",
                "weir.endpoints.max-wait | 5sec | a time of more than zero such as 500ms",
                "weir.endpoints.max-wait | soon | a time of more than zero such as 500ms",
                "weir.endpoints.virtual-threads | yes | 'true' or 'false', was 'yes'",
                "weir.endpoints.size | 1 | unknown key 'weir.endpoints.size'",
                "weir.capacity | 1 | unknown key 'weir.capacity'",
                "weir.a.b.capacity | 1 | unknown key 'weir.a.b.capacity'",
                "weir..capacity | 1 | unknown key 'weir..capacity'",
                "weir. .capacity | 1 | unknown key 'weir. .capacity'",
                "weir.endpoints.max-wait | PT-1S | a time of more than zero such as 500ms",
                "weir.endpoints.track-holders | 0ms | 500ms, 30s, 2m or PT30S, or 'none', was '0ms'",
                "weir.endpoints.reserve | -1 | expected a number from 0, was '-1'",
                "weir.endpoints.max-waiting | -1 | expected a number from 0, was '-1'",
                "weir.endpoints.size | 1 | expected weir.<limiter>.<setting>, where the limiter is endpoints, background,"
                        + " streaming, shared, all or the name of a group, and the setting one of [capacity, max-wait,"
                        + " max-waiting, reserve, track-holders, virtual-threads]",
            })
    void bad_configuration_is_refused_naming_key_value_and_what_was_expected(String key, String value, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LimiterScope.builder().properties(Map.of(key, value)))
                .withMessageContaining(key)
                .withMessageContaining(message);
    }

    /** Which of them counted would be up to the order of a hash table. */
    @ParameterizedTest
    @CsvSource({
        "weir.partner-api.capacity, weir.partner_api.capacity",
        "weir.endpoints.capacity, weir.Endpoints.capacity",
    })
    void two_keys_of_one_map_that_mean_the_same_are_refused_naming_both(String one, String other) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LimiterScope.builder().properties(Map.of(one, "1", other, "2")))
                .withMessageContainingAll("'" + one + "'", "'" + other + "'", "mean the same");
    }

    @ParameterizedTest
    @ValueSource(strings = {"WEIR_ENDPOINTS", "WEIR_CAPACITY", "WEIR__CAPACITY", "WEIR_ENDPOINTS_CAPACITIES"})
    void a_bad_variable_is_refused(String variable) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LimiterScope.builder().environment(Map.of(variable, "1")))
                .withMessageContaining("unknown key '" + variable + "': expected WEIR_<LIMITER>_<SETTING>,");
    }

    /** In a country where the small letter of I is not i, and the capital of i not I. */
    @Test
    void a_variable_names_a_group_in_capitals_and_with_underscores() {
        Locale before = Locale.getDefault();
        Locale.setDefault(Locale.forLanguageTag("tr"));
        try (LimiterScope scope = LimiterScope.builder()
                .environment(Map.of("WEIR_PARTNER_API_CAPACITY", " 7 ", "WEIR_PARTNER_API_MAX_WAITING", "8"))
                .open()) {
            assertThat(scope.limiter("Partner-API", 3).capacity()).isEqualTo(7);
            assertThat(scope.limiter("Partner-API", 3).statistics().maxWaiting())
                    .isEqualTo(8);
            assertThat(scope.limiter("partner", 3).capacity()).isEqualTo(3);
            assertThatIllegalArgumentException().isThrownBy(() -> scope.limiter("STREAMING", 1));
        } finally {
            Locale.setDefault(before);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "5ms, PT0.005S",
        "5s, PT5S",
        "5m, PT5M",
        "5h, PT5H",
        "123456789ms, PT34H17M36.789S",
        "PT0.5S, PT0.5S",
        "none, none"
    })
    void times_have_units(String value, String expected) {
        LimiterSettings settings = new LimiterSettings("endpoints");
        settings.maxWait(Duration.ofDays(1)).trackHolders(Duration.ofDays(1));
        Configuration.ofProperties(Map.of("weir.all.max-wait", value, "weir.endpoints.track-holders", value))
                .apply(LimiterRole.ENDPOINTS, settings);
        assertThat(settings.fixed()).containsEntry("max-wait", expected).containsEntry("track-holders", expected);
    }

    @Test
    void of_two_maps_of_properties_and_of_variables_the_later_one_counts() {
        try (LimiterScope scope = LimiterScope.builder()
                .properties(Map.of("weir.shared.capacity", "1", "weir.endpoints.capacity", "1"))
                .properties(Map.of("weir.shared.capacity", "2"))
                .environment(Map.of("WEIR_STREAMING_CAPACITY", "3", "WEIR_BACKGROUND_CAPACITY", "3"))
                .environment(Map.of("WEIR_STREAMING_CAPACITY", "4"))
                .open()) {
            assertThat(scope.limiters()).extracting(CapacityLimiter::capacity).containsExactly(1, 3, 4, 2);
        }
    }

    @Test
    void a_builder_that_is_used_again_changes_no_scope_that_is_open() {
        LimiterScope.Builder builder = LimiterScope.builder().environment(Map.of("WEIR_SHARED_CAPACITY", "3"));
        try (LimiterScope scope = builder.open()) {
            builder.environment(Map.of("WEIR_SHARED_CAPACITY", "4"));
            assertThat(scope.reconfigure(Map.of())).isEmpty();
            assertThat(scope.shared().capacity()).isEqualTo(3);
        }
    }

    @Test
    void of_a_limiter_and_a_capacity_for_a_role_the_later_one_counts() {
        try (CapacityLimiter own = CapacityLimiter.of("own", 2);
                LimiterScope scope = LimiterScope.builder()
                        .all(own)
                        .capacity(LimiterRole.SHARED, 5)
                        .capacity(LimiterRole.STREAMING, 6)
                        .limiter(LimiterRole.STREAMING, own)
                        .open()) {
            assertThat(scope.limiters())
                    .extracting(CapacityLimiter::toString)
                    .containsExactly(own.toString(), scope.shared().toString());
            assertThat(scope.shared().capacity()).isEqualTo(5);
        }
    }

    @Test
    void what_all_are_set_to_is_nothing_to_a_limiter_that_was_handed_in() {
        try (CapacityLimiter own = CapacityLimiter.of("own", 2);
                LimiterScope scope = LimiterScope.builder()
                        .limiter(LimiterRole.SHARED, own)
                        .properties(Map.of("weir.all.capacity", "3"))
                        .open()) {
            assertThat(own.capacity()).isEqualTo(2);
            assertThat(scope.reconfigure(Map.of("weir.all.capacity", "4"))).hasSize(3);
            assertThat(own.capacity()).isEqualTo(2);
        }
    }

    @Test
    void settings_for_each_are_applied_in_their_order_and_a_capacity_beats_them() {
        LimiterScope.Builder builder = LimiterScope.builder()
                .each(each -> each.capacity(3).maxWaiting(4))
                .each(each -> each.capacity(5))
                .capacity(LimiterRole.SHARED, 6);
        try (LimiterScope scope = builder.open()) {
            assertThat(scope.limiters()).extracting(CapacityLimiter::capacity).containsExactly(5, 5, 5, 6);
            builder.name("other").each(each -> each.maxWaiting(9));
            CapacityLimiter group = scope.limiter("group", 7);
            assertThat(group.capacity()).isEqualTo(7);
            assertThat(group.statistics().maxWaiting())
                    .as("as when the scope was opened")
                    .isEqualTo(4);
        }
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LimiterScope.builder()
                        .each(each -> CapacityLimiter.builder("another"))
                        .open())
                .withMessage("each: expected the builder it was given to be returned");
    }

    @Test
    void settings_are_copied_as_a_whole_and_apart() {
        LimiterSettings settings = new LimiterSettings("whole").in("scope", "role");
        settings.capacity(1)
                .maxWaiting(2)
                .reserve(3)
                .maxWait(Duration.ofSeconds(4))
                .trackHolders(Duration.ofSeconds(5))
                .workerIdleTime(Duration.ofSeconds(6))
                .listener(new LimiterListener() {})
                .context(() -> () -> () -> {});
        LimiterSettings copy = settings.copy();
        assertThat(copy).usingRecursiveComparison().isEqualTo(settings);
        settings.workers(Runnable::run).listener(new LimiterListener() {}).context(() -> () -> () -> {});
        assertThat(copy.listeners()).hasSize(1);
        assertThat(copy.carriers()).hasSize(1);
        assertThat(settings.copy().fixed()).containsEntry("virtual-threads", "an executor");
        assertThat(copy.fixed()).containsEntry("virtual-threads", "false");
    }

    /** Code of the user's that gives every limiter the calling thread, and a configuration that wants threads. */
    @Test
    void configured_threads_are_the_limiters_own() throws Exception {
        try (LimiterScope scope = LimiterScope.builder()
                .each(each -> each.workers(Runnable::run))
                .properties(Map.of("weir.shared.virtual-threads", "false"))
                .open()) {
            assertThat(Limiters.run(scope.endpoints(), Thread::currentThread).get())
                    .isSameAs(Thread.currentThread());
            assertThat(Limiters.run(scope.shared(), Thread::currentThread)
                            .get(10, TimeUnit.SECONDS)
                            .getName())
                    .startsWith("weir-shared-");
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> scope.reconfigure(Map.of("weir.all.virtual-threads", "false")))
                    .withMessageContaining("weir.all.virtual-threads: expected an executor as it is")
                    .withMessageContaining("would be false");
        }
    }

    @Test
    @EnabledForJreRange(max = JRE.JAVA_20)
    void virtual_threads_that_there_are_not_are_refused_naming_the_key() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LimiterScope.builder().properties(Map.of("weir.all.virtual-threads", "true")))
                .withMessageStartingWith("weir.all.virtual-threads=true: virtual threads need Java 21")
                .withCauseInstanceOf(UnsupportedOperationException.class);
    }

    @Test
    void configuring_a_limiter_that_was_handed_in_is_refused() {
        try (CapacityLimiter own = CapacityLimiter.of("own", 2)) {
            LimiterScope.Builder builder = LimiterScope.builder()
                    .limiter(LimiterRole.SHARED, own)
                    .properties(Map.of("weir.shared.capacity", "3"));
            assertThatIllegalArgumentException()
                    .isThrownBy(builder::open)
                    .withMessageContaining("weir.shared.capacity");
        }
    }

    @Test
    void rule_1_1_bad_values_are_refused_naming_the_argument() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CapacityLimiter.builder("bad").maxWait(Duration.ZERO))
                .withMessage("maxWait: expected more than zero, was PT0S");
        CapacityLimiterBuilder builder = CapacityLimiter.builder("bad");
        Map<String, Runnable> negative = Map.of(
                "capacity", () -> builder.capacity(-1),
                "maxWaiting", () -> builder.maxWaiting(-1));
        negative.forEach((name, setting) -> assertThatIllegalArgumentException()
                .isThrownBy(setting::run)
                .withMessage(name + ": expected 0 or more, was -1"));
        Map<String, Consumer<Duration>> times = Map.of(
                "maxWait", builder::maxWait,
                "suspicious", builder::trackHolders,
                "workerIdleTime", builder::workerIdleTime);
        times.forEach((name, setting) -> {
            for (Duration bad : List.of(Duration.ZERO, Duration.ofNanos(-1))) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> setting.accept(bad))
                        .withMessage(name + ": expected more than zero, was " + bad);
            }
        });
        Map<String, Runnable> missing = Map.of(
                "workers", () -> builder.workers(nothing()),
                "listener", () -> builder.listener(nothing()),
                "carrier", () -> builder.context(nothing()),
                "role", () -> LimiterScope.builder().capacity(nothing(), 1),
                "limiter", () -> LimiterScope.builder().limiter(LimiterRole.SHARED, nothing()),
                "settings", () -> LimiterScope.builder().each(nothing()));
        missing.forEach((name, setting) ->
                assertThatNullPointerException().isThrownBy(setting::run).withMessage(name));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CapacityLimiter.of(" ", 1))
                .withMessageStartingWith("name: expected");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LimiterScope.builder().name(" "))
                .withMessageStartingWith("name: expected");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LimiterScope.builder().capacity(LimiterRole.SHARED, -1))
                .withMessage("capacity: expected 0 or more, was -1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> CapacityLimiter.builder("bad").reserve(-1))
                .withMessage("reserve: expected 0 or more, was -1");
    }

    @Test
    void rule_1_7_settings_of_a_named_group_are_applied_under_no_lock() throws Exception {
        AtomicReference<LimiterScope> reference = new AtomicReference<>();
        try (LimiterScope scope = LimiterScope.builder()
                .each(builder -> {
                    LimiterScope open = reference.get();
                    if (open != null) {
                        assertThat(CompletableFuture.supplyAsync(open::limiters))
                                .as("another thread's look at the limiters")
                                .succeedsWithin(5, TimeUnit.SECONDS);
                    }
                    return builder;
                })
                .open()) {
            reference.set(scope);
            assertThat(scope.limiter("reports", 3)).isSameAs(scope.limiter("reports", 3));
        }
    }

    @Test
    void rule_1_7_a_listener_of_a_scope_that_ends_with_an_error_harms_nobody() {
        try (LimiterScope scope = LimiterScope.open()) {
            scope.listen(new ScopeListener() {
                @Override
                public void added(CapacityLimiter group) {
                    throw new AssertionError("a listener of the test's that fails");
                }
            });
            assertThat(scope.limiter("group", 1).capacity()).isEqualTo(1);
        }
    }

    /** Work moves from a limiter that was not looked at yet to one that was: never were both idle. */
    @Test
    void rule_5_7_idle_means_all_limiters_at_the_same_moment() throws Exception {
        try (LimiterScope scope = LimiterScope.builder().capacity(1).open()) {
            AtomicReference<Permit> work = new AtomicReference<>(scope.shared().acquire());
            CapacityLimiter first = scope.endpoints();
            AtomicInteger looks = new AtomicInteger();
            try (LimiterScope looked = LimiterScope.builder()
                    .limiter(LimiterRole.ENDPOINTS, first)
                    .limiter(LimiterRole.BACKGROUND, moving(scope.background(), () -> {
                        if (looks.getAndIncrement() == 0) {
                            work.getAndSet(first.tryAcquire().orElseThrow()).close();
                        }
                    }))
                    .limiter(LimiterRole.SHARED, scope.shared())
                    .open()) {
                assertThat(looked.awaitIdle(Duration.ZERO)).isFalse();
            }
            work.get().close();
        }
    }

    /** Each look finds idle whatever it looks at, since the work moves behind its back; it moves back between the looks. */
    @Test
    void rule_5_7_idle_means_that_nothing_began_between_two_looks() throws Exception {
        try (LimiterScope scope = LimiterScope.builder().capacity(1).open()) {
            CapacityLimiter first = scope.endpoints();
            CapacityLimiter third = scope.streaming();
            AtomicReference<Permit> work = new AtomicReference<>(third.acquire());
            try (LimiterScope looked = LimiterScope.builder()
                    .limiter(LimiterRole.ENDPOINTS, moving(first, () -> move(work, third)))
                    .limiter(LimiterRole.BACKGROUND, moving(scope.background(), () -> move(work, first)))
                    .limiter(LimiterRole.STREAMING, third)
                    .limiter(LimiterRole.SHARED, scope.shared())
                    .open()) {
                assertThat(looked.awaitIdle(Duration.ZERO)).isFalse();
            }
            work.get().close();
        }
    }

    private static void move(AtomicReference<Permit> work, CapacityLimiter to) {
        if (!work.get().limiter().equals(to)) {
            work.getAndSet(to.tryAcquire().orElseThrow()).close();
        }
    }

    @Test
    void rule_5_7_who_waits_is_not_idle() throws Exception {
        try (LimiterScope scope = LimiterScope.builder().capacity(0).open()) {
            CompletableFuture<Permit> waiter = scope.shared().acquireAsync();
            assertThat(scope.awaitIdle(Duration.ZERO)).isFalse();
            waiter.cancel(false);
            assertThat(scope.awaitIdle(Duration.ZERO)).isTrue();
        }
    }

    private static Thread awaiting(LimiterScope scope, CompletableFuture<Boolean> idle) {
        Thread thread = new Thread(() -> {
            try {
                idle.complete(scope.awaitIdle(Duration.ofSeconds(Long.MAX_VALUE)));
            } catch (Throwable e) {
                idle.completeExceptionally(Thread.currentThread().isInterrupted() ? new AssertionError(e) : e);
            }
        });
        thread.setDaemon(true);
        thread.start();
        await().until(() -> idle.isDone() || thread.getState() == Thread.State.TIMED_WAITING);
        return thread;
    }

    @Test
    void rule_5_7_a_thread_that_awaits_idleness_for_ever_sleeps_until_it_is_there() throws Exception {
        try (LimiterScope scope = LimiterScope.open()) {
            Permit held = scope.endpoints().acquire();
            CompletableFuture<Boolean> idle = new CompletableFuture<>();
            awaiting(scope, idle);
            assertThat(idle).isNotDone();

            held.close();

            assertThat(idle.get(10, TimeUnit.SECONDS)).isTrue();
        }
    }

    @Test
    void rule_1_9_a_thread_that_is_interrupted_while_it_awaits_idleness_is_told_once() throws Exception {
        try (LimiterScope scope = LimiterScope.open()) {
            Permit held = scope.endpoints().acquire();
            CompletableFuture<Boolean> idle = new CompletableFuture<>();

            awaiting(scope, idle).interrupt();

            assertThat(idle)
                    .failsWithin(10, TimeUnit.SECONDS)
                    .withThrowableThat()
                    .havingCause()
                    .isInstanceOf(InterruptedException.class)
                    .withMessageStartingWith("interrupted while waiting for Limiters:")
                    .withMessageContaining("'endpoints'");
            held.close();
        }
    }

    /** The limiter, with something that happens when its statistics are asked for. */
    private static CapacityLimiter moving(CapacityLimiter limiter, Runnable atLook) {
        return (CapacityLimiter) Proxy.newProxyInstance(
                CapacityLimiter.class.getClassLoader(),
                new Class<?>[] {CapacityLimiter.class},
                (self, method, args) -> {
                    if (method.getName().equals("statistics")) {
                        atLook.run();
                    }
                    return method.invoke(limiter, args);
                });
    }
}
