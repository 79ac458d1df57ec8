package dev.weir.examples;

import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.servlet.EndpointServlet;
import io.undertow.Undertow;
import io.undertow.UndertowOptions;
import io.undertow.servlet.Servlets;
import io.undertow.servlet.api.DeploymentInfo;
import io.undertow.servlet.api.DeploymentManager;
import io.undertow.servlet.util.ImmediateInstanceFactory;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** An embedded Undertow, with a servlet for each route. */
final class UndertowServer implements Server {

    private static final long MAX_BODY = 1L << 30; // the application's own limits are tighter

    static {
        System.setProperty("org.jboss.logging.provider", "slf4j"); // before a class of Undertow is loaded
    }

    private final List<EndpointServlet> servlets = new ArrayList<>();
    private @Nullable DeploymentManager deployment;
    private @Nullable Undertow undertow;

    @Override
    public int start(Map<String, ExchangeHandler> routes, int port) throws Exception {
        DeploymentInfo application = Servlets.deployment()
                .setClassLoader(UndertowServer.class.getClassLoader())
                .setContextPath("/")
                .setDeploymentName("weir");
        routes.forEach((path, handler) -> {
            EndpointServlet servlet = new EndpointServlet(handler);
            servlets.add(servlet);
            application.addServlet(
                    Servlets.servlet(path, EndpointServlet.class, new ImmediateInstanceFactory<>(servlet))
                            .setAsyncSupported(true)
                            .addMapping(path));
        });
        DeploymentManager manager = Servlets.newContainer().addDeployment(application);
        deployment = manager;
        manager.deploy();
        Undertow server = Undertow.builder()
                .addHttpListener(port, "127.0.0.1")
                .setServerOption(UndertowOptions.MAX_ENTITY_SIZE, MAX_BODY) // its own default is 2 MB
                .setServerOption(UndertowOptions.BUFFER_PIPELINED_DATA, false) // or answers wait for those behind them
                .setHandler(manager.start())
                .build();
        undertow = server;
        try {
            server.start();
        } catch (RuntimeException e) {
            throw new IOException("Undertow has not started: " + e.getMessage(), e);
        }
        return ((InetSocketAddress) server.getListenerInfo().get(0).getAddress()).getPort();
    }

    @Override
    public void stop() throws Exception {
        DeploymentManager manager = deployment;
        Undertow server = undertow;
        try {
            CompletableFuture.allOf(
                            servlets.stream().map(EndpointServlet::shutdown).toArray(CompletableFuture<?>[]::new))
                    .get(STOP_TIMEOUT.toSeconds(), TimeUnit.SECONDS);
        } finally {
            if (manager != null) {
                manager.stop();
            }
            if (server != null) {
                server.stop();
            }
        }
    }
}
