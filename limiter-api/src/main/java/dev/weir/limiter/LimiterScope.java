package dev.weir.limiter;

import dev.weir.limiter.spi.LimiterProvider;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * The limiters of one application, from its start to its stop.
 *
 * <p>There are four, one for each {@link LimiterRole}, each with 40 permits unless told otherwise, and as many named ones as
 * the application asks for. Two scopes in one JVM share nothing. Thread-safe.
 */
public interface LimiterScope extends AutoCloseable {

    /** The name when none is set. */
    String DEFAULT_NAME = "default";

    /**
     * A scope with four limiters of {@value CapacityLimiterBuilder#DEFAULT_CAPACITY} permits each.
     *
     * @return a new, open scope
     * @throws IllegalStateException when no implementation is on the class path or module path
     */
    static LimiterScope open() {
        return builder().open();
    }

    /**
     * A builder for a scope that needs other than the default settings.
     *
     * @return a builder with the defaults set
     * @throws IllegalStateException when no implementation is on the class path or module path
     */
    static Builder builder() {
        return LimiterProvider.provider().newScopeBuilder();
    }

    /**
     * The scope's name, which tells it from other scopes in metrics, recordings and JMX.
     *
     * @return the name, never blank; {@value #DEFAULT_NAME} unless set
     */
    String name();

    /**
     * The limiter of a role.
     *
     * @param role the kind of work
     * @return its limiter; the same instance for several roles if it was set so
     */
    CapacityLimiter limiter(LimiterRole role);

    /**
     * For requests that run blocking code.
     *
     * @return the limiter of {@link LimiterRole#ENDPOINTS}
     */
    default CapacityLimiter endpoints() {
        return limiter(LimiterRole.ENDPOINTS);
    }

    /**
     * For work that goes on after the response.
     *
     * @return the limiter of {@link LimiterRole#BACKGROUND}
     */
    default CapacityLimiter background() {
        return limiter(LimiterRole.BACKGROUND);
    }

    /**
     * For drawing the items of streamed responses.
     *
     * @return the limiter of {@link LimiterRole#STREAMING}
     */
    default CapacityLimiter streaming() {
        return limiter(LimiterRole.STREAMING);
    }

    /**
     * For short dips into files: uploads and file responses.
     *
     * @return the limiter of {@link LimiterRole#SHARED}
     */
    default CapacityLimiter shared() {
        return limiter(LimiterRole.SHARED);
    }

    /**
     * The limiter of a named group, created on first use; asking again with the same capacity returns the same instance.
     *
     * <p>"The same capacity" means the one it was declared with: that it was resized meanwhile does not matter. Where the
     * configuration sets the capacity of this group, the configured one counts and the argument is only a default.
     *
     * @param name the group's name: letters, digits, '-' and '_'; neither the key of a role nor 'all', in
     *     whatever case
     * @param capacity 0 up to {@link CapacityLimiter#UNLIMITED}
     * @return the group's limiter, named after the group
     * @throws IllegalArgumentException when the name is a role's, 'all' or not well-formed, the capacity is negative, or the
     *     group was declared with another capacity; the message names both
     * @throws IllegalStateException when the scope is closed and has no such group
     */
    CapacityLimiter limiter(String name, int capacity);

    /**
     * All limiters of the scope, each once: the roles in their order, then named groups in the order they were declared.
     *
     * @return a snapshot
     */
    Collection<CapacityLimiter> limiters();

    /**
     * Adds a listener. It is told of groups that are declared from now on, and when the scope is closed; at once if it is
     * closed already. Whoever adds the listener first and asks for {@link #limiters} then, misses none.
     *
     * @param listener is told which limiters the scope has
     * @return to be closed when the listener has heard enough
     */
    Registration listen(ScopeListener listener);

    /**
     * Puts other properties in the place of those the scope was built with, while its limiters are in use. They are checked as a
     * whole and then applied at once, limiters that shrink before those that grow, or not at all.
     *
     * <p>Only what is said differently than before is changed: a limiter that was {@linkplain CapacityLimiter#resize resized} by
     * hand stays as it is until its configured capacity changes. A setting that is said no more goes back to what code says.
     * What the environment sets still beats properties. Groups that are declared later follow the new properties.
     *
     * <p>Of the settings only {@code capacity} can change for a limiter that exists. Listeners of the limiters, and dependents of
     * futures that get a permit by it, run on the calling thread.
     *
     * @param properties as for {@link Builder#properties}
     * @return what was changed, in the order of {@link #limiters}
     * @throws IllegalArgumentException when a key is unknown, a value is bad, or a limiter would get another value for a setting
     *     that cannot change, or belongs to the application; the message names the key. Nothing is changed
     */
    List<SettingChange> reconfigure(Map<?, ?> properties);

    /**
     * Blocks until no limiter of the scope has a permit in use or a waiter, all at the same look, or the time has passed.
     *
     * @param maxWait how long to wait at most; zero looks once
     * @return whether all were idle
     * @throws InterruptedException when the thread is interrupted while it waits
     */
    boolean awaitIdle(Duration maxWait) throws InterruptedException;

    /**
     * Closes the limiters the scope has created: waiters fail, newcomers are refused, running work goes on; limiters that were
     * handed in stay open. Does not wait: {@link #awaitIdle} does. Closing again has no effect.
     */
    @Override
    void close();

    /** Settings of a scope that is about to be opened. Not thread-safe. */
    interface Builder {

        /**
         * Names the scope. Needed where metrics or JMX see more than one.
         *
         * @param name not blank; default {@value LimiterScope#DEFAULT_NAME}
         * @return this builder
         * @throws IllegalArgumentException when the name is blank
         */
        Builder name(String name);

        /**
         * Sets the capacity of all four roles. Of a role counts what was said last, be it a capacity or a limiter.
         *
         * @param capacity 0 up to {@link CapacityLimiter#UNLIMITED}
         * @return this builder
         * @throws IllegalArgumentException when negative
         */
        Builder capacity(int capacity);

        /**
         * Sets the capacity of one role. Of a role counts what was said last, be it a capacity or a limiter.
         *
         * @param role the kind of work
         * @param capacity 0 up to {@link CapacityLimiter#UNLIMITED}
         * @return this builder
         * @throws IllegalArgumentException when negative
         */
        Builder capacity(LimiterRole role, int capacity);

        /**
         * Puts a limiter of the application's own in a role. The same instance may be put in several.
         *
         * @param role the kind of work
         * @param limiter the role's limiter; the scope does not close it
         * @return this builder
         */
        Builder limiter(LimiterRole role, CapacityLimiter limiter);

        /**
         * Puts one limiter in all four roles, as servers with a single pool do.
         *
         * @param limiter the limiter; the scope does not close it
         * @return this builder
         */
        Builder all(CapacityLimiter limiter);

        /**
         * Changes the settings of every limiter the scope creates, before those of the role and of the configuration apply.
         *
         * @param settings applied to the builder of each limiter
         * @return this builder
         */
        Builder each(UnaryOperator<CapacityLimiterBuilder> settings);

        /**
         * Reads settings from properties; what they set beats what code sets. Keys are {@code weir.<limiter>.<setting>}, where
         * the limiter is a role ({@code endpoints}, {@code background}, {@code streaming}, {@code shared}), {@code all} for
         * all four roles, or the name of a named group, and the setting is one of
         *
         * <ul>
         *   <li>{@code capacity}: a number from 0, or {@code unlimited}
         *   <li>{@code max-waiting}: a number from 0
         *   <li>{@code max-wait}: a time such as {@code 500ms}, {@code 30s}, {@code 2m}, an ISO-8601 duration, or {@code none}
         *   <li>{@code reserve}: a number from 0
         *   <li>{@code track-holders}: a time, as for {@code max-wait}, or {@code none}; see {@link
         *       CapacityLimiterBuilder#trackHolders}
         *   <li>{@code virtual-threads}: {@code true} or {@code false}; either means threads of the limiter's own, also where code
         *       gave it {@linkplain CapacityLimiterBuilder#workers an executor}
         * </ul>
         *
         * Keys that do not start with {@code weir.} are left alone. For a role, its own key beats {@code all}. Two keys of one map
         * that differ in nothing but case, or in {@code -} and {@code _}, mean the same and are refused.
         *
         * @param properties the settings; {@link java.util.Properties} can be passed with a cast-free {@code Map<?, ?>}
         * @return this builder
         * @throws IllegalArgumentException when a key is unknown or a value is bad; the message names the key, the value and
         *     what was expected, and nothing of the map is applied
         */
        Builder properties(Map<?, ?> properties);

        /**
         * Reads settings from environment variables: the keys of {@link #properties} in upper case with {@code _} for dots and
         * dashes, such as {@code WEIR_ENDPOINTS_MAX_WAITING}. What they set beats properties.
         *
         * @param environment the variables, usually {@link System#getenv()}
         * @return this builder
         * @throws IllegalArgumentException as with {@link #properties}
         */
        Builder environment(Map<String, String> environment);

        /**
         * Opens the scope.
         *
         * @return a new, open scope
         * @throws IllegalArgumentException when the configuration sets a role whose limiter was handed in
         */
        LimiterScope open();
    }
}
