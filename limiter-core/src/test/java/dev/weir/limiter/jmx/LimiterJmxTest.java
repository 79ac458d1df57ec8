package dev.weir.limiter.jmx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterRole;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Limiters;
import dev.weir.limiter.Permit;
import dev.weir.limiter.Registration;
import dev.weir.limiter.ScopeListener;
import dev.weir.limiter.core.DeclaringScope;
import dev.weir.limiter.tck.IdleLimiters;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import javax.management.Attribute;
import javax.management.JMX;
import javax.management.MBeanServer;
import javax.management.MBeanServerConnection;
import javax.management.MBeanServerFactory;
import javax.management.ObjectName;
import javax.management.RuntimeMBeanException;
import javax.management.openmbean.TabularData;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXConnectorServer;
import javax.management.remote.JMXConnectorServerFactory;
import javax.management.remote.JMXServiceURL;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A scope's limiters in real MBean servers, and from afar as a console sees them. */
@Timeout(60)
class LimiterJmxTest {

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    private final MBeanServer server = MBeanServerFactory.newMBeanServer();

    private static ObjectName name(String scope, String limiter) throws Exception {
        return new ObjectName("dev.weir:type=Limiter,scope=" + scope + ",name=" + limiter);
    }

    @Test
    void numbers_are_read_and_the_capacity_is_written() throws Exception {
        try (LimiterScope scope = limiters.watch(LimiterScope.builder()
                .name("orders")
                .capacity(1)
                .each(each -> each.maxWaiting(1))
                .open())) {
            LimiterJmx.register(scope, server);
            ObjectName name = name("orders", "endpoints");
            CapacityLimiter limiter = scope.endpoints();
            Permit held = limiter.tryAcquire().orElseThrow();
            CompletableFuture<Permit> waiting = limiter.acquireAsync();
            assertThat(limiter.acquireAsync()).isCompletedExceptionally();

            LimiterMXBean bean = JMX.newMXBeanProxy(server, name, LimiterMXBean.class);
            assertThat(bean.getName()).isEqualTo("endpoints");
            assertThat(bean.getRole()).isEqualTo("endpoints");
            assertThat(bean.getInUse()).isEqualTo(1);
            assertThat(bean.getAvailable()).isZero();
            assertThat(bean.getWaiting()).isEqualTo(1);
            assertThat(bean.getMaxWaiting()).isEqualTo(1);
            assertThat(bean.getOldestWaitMillis()).isNotNegative();
            assertThat(bean.getAcquired()).isEqualTo(1);
            assertThat(bean.getReleased()).isZero();
            assertThat(bean.getRefused()).containsEntry("queue_full", 1L).containsEntry("closed", 0L);
            assertThat(bean.getWithdrawn()).isZero();
            assertThat(bean.getAbandoned()).isZero();
            assertThat(bean.getLeaked()).isZero();
            assertThat(bean.isClosed()).isFalse();
            assertThat(bean.getSummary()).startsWith("capacity 1, in use 1, waiting 1 of at most 1");

            server.setAttribute(name, new Attribute("Capacity", 2));
            assertThat(waiting).as("whom the resize admits").isCompleted();
            assertThat(limiter.capacity()).isEqualTo(2);
            assertThat(bean.getCapacity()).isEqualTo(2);
            assertThat(bean.getInUse()).isEqualTo(2);

            assertThatThrownBy(() -> server.setAttribute(name, new Attribute("Capacity", -1)))
                    .isInstanceOf(RuntimeMBeanException.class)
                    .cause()
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("'endpoints'")
                    .hasMessageContaining("-1")
                    .hasMessageContaining("0 or more");
            assertThat(limiter.capacity()).isEqualTo(2);
            held.close();
            waiting.join().close();
        }
    }

    /** In a country where the small letter of I is not i. */
    @Test
    void totals_are_those_of_the_limiter() throws Exception {
        CapacityLimiter limiter = limiters.watchAndClose(CapacityLimiter.builder("totals")
                .capacity(1)
                .maxWaiting(3)
                .workers(Runnable::run)
                .build());
        try (LimiterScope scope = LimiterScope.builder()
                .name("totals")
                .limiter(LimiterRole.SHARED, limiter)
                .open()) {
            LimiterJmx.register(scope, server);
            LimiterMXBean bean = JMX.newMXBeanProxy(server, name("totals", "totals"), LimiterMXBean.class);
            Permit held = limiter.acquire();
            limiter.acquireAsync().cancel(false);
            limiter.acquireAsync().cancel(false);
            AtomicReference<CompletableFuture<Void>> work = new AtomicReference<>();
            CompletableFuture<Permit> next = limiter.acquireAsync();
            work.set(Limiters.run(limiter, () -> {
                work.get().cancel(false);
            }));
            await().until(() -> limiter.statistics().oldestWait().toMillis() >= 3);
            long atLeast = limiter.statistics().oldestWait().toMillis();
            long shown = bean.getOldestWaitMillis();
            assertThat(shown)
                    .isBetween(atLeast, limiter.statistics().oldestWait().toMillis());
            limiter.resize(0);
            assertThat(bean.getAvailable()).isEqualTo(-1);
            assertThat(bean.getCapacity()).isZero();
            limiter.resize(1);
            held.close();
            next.join().close();
            assertThat(work.get()).isCancelled();

            assertThat(bean.getAcquired()).isEqualTo(3);
            assertThat(bean.getReleased()).isEqualTo(3);
            assertThat(bean.getWithdrawn()).isEqualTo(2);
            assertThat(bean.getAbandoned()).isEqualTo(1);
            Locale before = Locale.getDefault();
            Locale.setDefault(Locale.forLanguageTag("tr"));
            try {
                assertThat(bean.getRefused()).containsKeys("wait_timeout", "queue_full");
            } finally {
                Locale.setDefault(before);
            }
            limiter.close();
            assertThat(bean.isClosed()).isTrue();
            assertThat(bean.getSummary()).isEqualTo(limiter.statistics().summary());
        }
    }

    @Test
    void leaked_permits_are_counted() throws Exception {
        try (LimiterScope scope = limiters.watch(LimiterScope.builder()
                .name("leaking")
                .each(each -> each.trackHolders(Duration.ofSeconds(30)))
                .open())) {
            LimiterJmx.register(scope, server);
            LimiterMXBean bean = JMX.newMXBeanProxy(server, name("leaking", "shared"), LimiterMXBean.class);
            assertThat(scope.shared().tryAcquire()).isPresent(); // and dropped
            await().until(() -> {
                System.gc();
                return bean.getLeaked() == 1;
            });
        }
    }

    /** Between its listening and its look. */
    @Test
    void a_group_that_is_declared_while_a_scope_is_registered_is_there_once() {
        try (LimiterScope scope = LimiterScope.open()) {
            LimiterScope declaring = DeclaringScope.of(scope, "between");
            int others = server.getMBeanCount();
            LimiterJmx.register(declaring, server);
            assertThat(server.getMBeanCount()).isEqualTo(others + 5);
        }
    }

    /** Those who are to be told of a group are known before the first of them is. */
    @Test
    void a_group_that_is_told_of_after_the_closing_is_not_registered() {
        try (LimiterScope scope = LimiterScope.open()) {
            int others = server.getMBeanCount();
            AtomicReference<Registration> registration = new AtomicReference<>();
            scope.listen(new ScopeListener() {
                @Override
                public void added(CapacityLimiter limiter) {
                    registration.get().close();
                }
            });
            registration.set(LimiterJmx.register(scope, server));

            scope.limiter("later", 1);

            assertThat(server.getMBeanCount()).isEqualTo(others);
        }
    }

    @Test
    void a_registration_that_failed_hears_of_no_group_and_takes_nothing_out_that_others_took() throws Exception {
        try (LimiterScope first = LimiterScope.open();
                LimiterScope second = LimiterScope.open()) {
            int others = server.getMBeanCount();
            Registration registration = LimiterJmx.register(first, server);
            server.unregisterMBean(name("default", "endpoints"));
            assertThatIllegalStateException().isThrownBy(() -> LimiterJmx.register(second, server));
            second.limiter("later", 1);
            assertThat(server.getMBeanCount()).as("of the first").isEqualTo(others + 3);
            registration.close();
            assertThat(server.getMBeanCount()).isEqualTo(others);
            LimiterJmx.register(second, server);
            assertThat(server.getMBeanCount()).isEqualTo(others + 5);
        }
    }

    @Test
    void names_with_a_dot_are_not_quoted() throws Exception {
        CapacityLimiter dotted = limiters.watchAndClose(CapacityLimiter.of("a.b", 7));
        try (LimiterScope scope = LimiterScope.builder()
                .name("v1.orders")
                .limiter(LimiterRole.SHARED, dotted)
                .open()) {
            LimiterJmx.register(scope, server);
            assertThat(server.getAttribute(name("v1.orders", "a.b"), "Capacity"))
                    .isEqualTo(7);
        }
    }

    @Test
    void holders_are_named_where_they_are_tracked() throws Exception {
        try (LimiterScope scope = limiters.watch(LimiterScope.builder()
                .name("orders")
                .each(each -> each.trackHolders(Duration.ofSeconds(30)))
                .open())) {
            LimiterJmx.register(scope, server);
            LimiterMXBean bean = JMX.newMXBeanProxy(server, name("orders", "endpoints"), LimiterMXBean.class);
            assertThat(bean.getHolders()).isEmpty();
            try (Permit held = scope.endpoints().tryAcquire().orElseThrow()) {
                assertThat(held.limiter()).isSameAs(scope.endpoints());
                assertThat(bean.getHolders())
                        .singleElement()
                        .asString()
                        .startsWith("permit of limiter 'endpoints' held for ")
                        .contains("LimiterJmxTest.java");
            }
            assertThat(bean.getHolders()).isEmpty();
        }
    }

    @Test
    void groups_declared_later_are_there_too_and_all_go_when_the_scope_is_closed() throws Exception {
        CapacityLimiter files = limiters.watchAndClose(CapacityLimiter.of("files", 1));
        LimiterScope scope = LimiterScope.builder()
                .limiter(LimiterRole.STREAMING, files)
                .limiter(LimiterRole.SHARED, files)
                .open();
        int others = server.getMBeanCount();
        LimiterJmx.register(scope, server);
        scope.limiter("later", 3);

        assertThat(server.getMBeanCount()).isEqualTo(others + 4);
        assertThat(server.getAttribute(name("default", "later"), "Role")).isEqualTo("group");
        assertThat(server.getAttribute(name("default", "files"), "Role")).isEqualTo("streaming+shared");
        scope.close();
        assertThat(server.getMBeanCount()).isEqualTo(others);
    }

    @Test
    void closing_the_registration_takes_them_out_before_the_scope_is_closed() {
        try (LimiterScope scope = LimiterScope.open()) {
            int others = server.getMBeanCount();
            Registration registration = LimiterJmx.register(scope, server);
            registration.close();
            registration.close();
            scope.limiter("later", 3);
            assertThat(server.getMBeanCount()).isEqualTo(others);
            LimiterJmx.register(scope, server);
            assertThat(server.getMBeanCount()).isEqualTo(others + 5);
        }
    }

    @Test
    void scopes_of_one_name_clash_with_an_error_that_says_what_to_do() {
        try (LimiterScope first = LimiterScope.open();
                LimiterScope second = LimiterScope.open();
                LimiterScope named = LimiterScope.builder().name("second").open()) {
            LimiterJmx.register(first, server);
            int beans = server.getMBeanCount();
            assertThatIllegalStateException()
                    .isThrownBy(() -> LimiterJmx.register(second, server))
                    .withMessageContaining("scope=default,name=endpoints")
                    .withMessageContaining("LimiterScope.builder().name");
            assertThat(server.getMBeanCount()).isEqualTo(beans);
            LimiterJmx.register(named, server);
            assertThat(server.getMBeanCount()).isEqualTo(beans + 4);
        }
    }

    @Test
    void names_are_quoted_where_an_object_name_wants_it() throws Exception {
        CapacityLimiter odd = limiters.watchAndClose(CapacityLimiter.of("a,b=\"c\"*?", 7));
        try (LimiterScope scope = LimiterScope.builder()
                .name("x:y")
                .limiter(LimiterRole.SHARED, odd)
                .open()) {
            LimiterJmx.register(scope, server);
            ObjectName name = name(ObjectName.quote("x:y"), ObjectName.quote(odd.name()));
            assertThat(server.getAttribute(name, "Capacity")).isEqualTo(7);
        }
    }

    @Test
    @SuppressWarnings("BanJNDI") // the address is the test's own
    void console_sees_and_steers_the_platforms_beans_from_afar() throws Exception {
        MBeanServer platform = ManagementFactory.getPlatformMBeanServer();
        JMXConnectorServer remote = JMXConnectorServerFactory.newJMXConnectorServer(loopback(), Map.of(), platform);
        remote.start();
        try (LimiterScope scope = LimiterScope.builder().name("afar").open();
                JMXConnector console = JMXConnectorFactory.connect(remote.getAddress())) {
            LimiterJmx.register(scope);
            MBeanServerConnection connection = console.getMBeanServerConnection();
            ObjectName name = name("afar", "background");

            assertThat(connection.getAttribute(name, "Capacity")).isEqualTo(40);
            TabularData refused = (TabularData) connection.getAttribute(name, "Refused");
            assertThat(refused.size()).isEqualTo(5);
            connection.setAttribute(name, new Attribute("Capacity", 100));
            assertThat(scope.background().capacity()).isEqualTo(100);
            assertThatThrownBy(() -> connection.setAttribute(name, new Attribute("Capacity", -5)))
                    .rootCause()
                    .hasMessageContaining("-5");
        } finally {
            remote.stop();
        }
    }

    private static JMXServiceURL loopback() throws Exception {
        System.setProperty("java.rmi.server.hostname", "127.0.0.1");
        return new JMXServiceURL("rmi", "127.0.0.1", 0);
    }
}
