package dev.weir.benchmarks.servers;

import dev.weir.limiter.LimiterScope;
import io.undertow.Handlers;
import io.undertow.Undertow;
import io.undertow.UndertowOptions;
import io.undertow.server.HttpHandler;
import io.undertow.server.handlers.RequestLimit;
import io.undertow.server.handlers.RequestLimitingHandler;
import io.undertow.servlet.Servlets;
import io.undertow.servlet.api.DeploymentInfo;
import io.undertow.servlet.api.DeploymentManager;
import io.undertow.servlet.api.ServletContainerInitializerInfo;
import io.undertow.servlet.util.ImmediateInstanceFactory;
import jakarta.servlet.ServletContainerInitializer;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.xnio.Options;

/** An embedded Undertow. */
final class UndertowSite implements Site {

    static {
        System.setProperty("org.jboss.logging.provider", "slf4j"); // before a class of Undertow is loaded
    }

    private final List<DeploymentManager> deployments = new ArrayList<>();
    private final Undertow undertow;
    private final AutoCloseable limits;

    private UndertowSite(
            int threads,
            ServletContainerInitializer application,
            UnaryOperator<HttpHandler> limit,
            AutoCloseable limits)
            throws Exception {
        this.limits = limits;
        undertow = Undertow.builder()
                .addHttpListener(0, "127.0.0.1")
                .setWorkerThreads(threads)
                .setSocketOption(Options.BACKLOG, BACKLOG)
                .setServerOption(UndertowOptions.BUFFER_PIPELINED_DATA, false)
                .setHandler(Handlers.path()
                        .addPrefixPath(LIMITED, limit.apply(deploy(LIMITED, application)))
                        .addPrefixPath("/", deploy("/", ServletApplication.health())))
                .build();
        undertow.start();
    }

    private HttpHandler deploy(String path, ServletContainerInitializer application) throws Exception {
        DeploymentInfo deployment = Servlets.deployment()
                .setClassLoader(UndertowSite.class.getClassLoader())
                .setContextPath(path)
                .setDeploymentName(path)
                .addServletContainerInitializer(new ServletContainerInitializerInfo(
                        application.getClass(), new ImmediateInstanceFactory<>(application), Set.of()));
        DeploymentManager manager = Servlets.newContainer().addDeployment(deployment);
        deployments.add(manager);
        manager.deploy();
        return manager.start();
    }

    /** Nothing but threads. */
    static Site threads(int threads, Work work) throws Exception {
        return new UndertowSite(threads, ServletApplication.bare(work), UnaryOperator.identity(), () -> {});
    }

    static Site requestLimit(RequestLimit limit, Work work) throws Exception {
        return new UndertowSite(
                MANY_THREADS, ServletApplication.bare(work), next -> new RequestLimitingHandler(limit, next), () -> {});
    }

    static Site weir(LimiterScope limits, Work work) throws Exception {
        return new UndertowSite(
                MANY_THREADS, ServletApplication.limited(limits, work), UnaryOperator.identity(), limits);
    }

    @Override
    public int port() {
        return ((InetSocketAddress) undertow.getListenerInfo().get(0).getAddress()).getPort();
    }

    @Override
    public void stop() throws Exception {
        for (DeploymentManager deployment : deployments) {
            deployment.stop();
        }
        undertow.stop();
        limits.close();
    }
}
