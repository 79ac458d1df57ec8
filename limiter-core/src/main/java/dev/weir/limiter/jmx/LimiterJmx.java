package dev.weir.limiter.jmx;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.Registration;
import dev.weir.limiter.ScopeListener;
import dev.weir.limiter.core.watch.Roles;
import java.lang.System.Logger.Level;
import java.lang.management.ManagementFactory;
import java.util.IdentityHashMap;
import java.util.Objects;
import java.util.regex.Pattern;
import javax.management.InstanceAlreadyExistsException;
import javax.management.InstanceNotFoundException;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.MalformedObjectNameException;
import javax.management.ObjectName;

/**
 * Puts the limiters of a scope into an MBean server: {@code LimiterJmx.register(scope)}. Each becomes a {@link LimiterMXBean}
 * named {@code dev.weir:type=Limiter,scope=…,name=…}, names quoted where {@link ObjectName} wants it; groups declared later
 * too. They are taken out again when the scope is closed.
 *
 * <p>Whoever may write JMX attributes may then change capacities: nothing is registered unless an application asks for it.
 */
public final class LimiterJmx {

    private static final Pattern PLAIN = Pattern.compile("[A-Za-z0-9_.-]+");

    private final MBeanServer server;
    private final LimiterScope scope;
    private final IdentityHashMap<CapacityLimiter, ObjectName> registered = new IdentityHashMap<>(); // guarded by this
    private boolean closed; // guarded by this

    private LimiterJmx(LimiterScope scope, MBeanServer server) {
        this.scope = Objects.requireNonNull(scope, "scope");
        this.server = Objects.requireNonNull(server, "server");
    }

    /**
     * Registers the limiters of a scope with the platform's MBean server.
     *
     * @param scope the scope
     * @return closing it takes the limiters out before the scope is closed
     * @throws IllegalStateException when a bean of that name is registered already: another scope of the same name. The message
     *     names it, and nothing is left registered
     */
    public static Registration register(LimiterScope scope) {
        return register(scope, ManagementFactory.getPlatformMBeanServer());
    }

    /**
     * Registers the limiters of a scope.
     *
     * @param scope the scope
     * @param server where they go
     * @return closing it takes the limiters out before the scope is closed
     * @throws IllegalStateException when a bean of that name is registered already: another scope of the same name. The message
     *     names it, and nothing is left registered
     */
    public static Registration register(LimiterScope scope, MBeanServer server) {
        return new LimiterJmx(scope, server).start();
    }

    private Registration start() {
        Registration listening = scope.listen(new ScopeListener() {
            @Override
            public void added(CapacityLimiter limiter) {
                add(limiter);
            }

            @Override
            public void closed() {
                removeAll();
            }
        });
        Registration all = () -> {
            listening.close();
            removeAll();
        };
        try {
            scope.limiters().forEach(this::add);
        } catch (Throwable e) {
            all.close();
            throw e;
        }
        return all;
    }

    private synchronized void add(CapacityLimiter limiter) {
        if (closed || registered.containsKey(limiter)) {
            return;
        }
        try {
            ObjectName name = new ObjectName(
                    "dev.weir:type=Limiter,scope=" + quoted(scope.name()) + ",name=" + quoted(limiter.name()));
            server.registerMBean(new LimiterBean(limiter, Roles.of(scope, limiter)), name);
            registered.put(limiter, name);
        } catch (InstanceAlreadyExistsException e) {
            throw new IllegalStateException(
                    "there is an MBean " + e.getMessage() + " already: register each scope once, and give scopes that"
                            + " share a JVM names of their own (LimiterScope.builder().name(...))",
                    e);
        } catch (MalformedObjectNameException e) {
            throw new IllegalStateException("limiter '" + limiter.name() + "' makes no object name", e);
        } catch (JMException e) {
            throw new IllegalStateException("limiter '" + limiter.name() + "' cannot be registered", e);
        }
    }

    private static String quoted(String name) {
        return PLAIN.matcher(name).matches() ? name : ObjectName.quote(name);
    }

    private synchronized void removeAll() {
        closed = true;
        for (ObjectName name : registered.values()) {
            try {
                server.unregisterMBean(name);
            } catch (InstanceNotFoundException e) {
                // Somebody has been there before us.
            } catch (JMException e) {
                System.getLogger("dev.weir.limiter").log(Level.WARNING, "Unregistering " + name + " failed", e);
            }
        }
        registered.clear();
    }
}
