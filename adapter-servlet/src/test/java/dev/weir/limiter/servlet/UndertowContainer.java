package dev.weir.limiter.servlet;

import io.undertow.Undertow;
import io.undertow.UndertowOptions;
import io.undertow.servlet.Servlets;
import io.undertow.servlet.api.DeploymentInfo;
import io.undertow.servlet.api.DeploymentManager;
import io.undertow.servlet.api.ServletContainerInitializerInfo;
import io.undertow.servlet.util.ImmediateInstanceFactory;
import jakarta.servlet.ServletContainerInitializer;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

final class UndertowContainer implements TestContainer {

    private @Nullable DeploymentManager deployment;
    private @Nullable Undertow server;
    private int idleMillis = 60_000;

    @Override
    public void setIdleTimeout(Duration idleTime) {
        idleMillis = Math.toIntExact(idleTime.toMillis());
    }

    @Override
    public int start(ServletContainerInitializer application) throws Exception {
        DeploymentInfo info = Servlets.deployment()
                .setClassLoader(UndertowContainer.class.getClassLoader())
                .setContextPath("/")
                .setDeploymentName("test")
                .addServletContainerInitializer(new ServletContainerInitializerInfo(
                        application.getClass(), new ImmediateInstanceFactory<>(application), Set.of()));
        DeploymentManager manager = Servlets.newContainer().addDeployment(info);
        deployment = manager;
        manager.deploy();
        Undertow undertow = Undertow.builder()
                .addHttpListener(0, "localhost")
                .setServerOption(UndertowOptions.ENABLE_HTTP2, true)
                .setServerOption(UndertowOptions.HTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 400)
                .setServerOption(UndertowOptions.MAX_RST_FRAMES_PER_WINDOW, 1_000_000)
                .setServerOption(UndertowOptions.MAX_ENTITY_SIZE, -1L)
                .setServerOption(UndertowOptions.BUFFER_PIPELINED_DATA, false) // see docs/adapters/servlet.md
                .setServerOption(UndertowOptions.NO_REQUEST_TIMEOUT, idleMillis)
                .setIoThreads(2)
                .setWorkerThreads(THREADS)
                .setHandler(manager.start())
                .build();
        server = undertow;
        undertow.start();
        return ((InetSocketAddress) undertow.getListenerInfo().get(0).getAddress()).getPort();
    }

    @Override
    public void undeploy() throws Exception {
        Objects.requireNonNull(deployment).stop();
        deployment.undeploy();
    }

    @Override
    public void close() {
        if (server != null) {
            server.stop();
        }
    }
}
