package dev.weir.limiter.servlet;

import jakarta.servlet.ServletContainerInitializer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Set;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;
import org.apache.coyote.http11.AbstractHttp11Protocol;
import org.apache.coyote.http2.Http2Protocol;
import org.jspecify.annotations.Nullable;

final class TomcatContainer implements TestContainer {

    private final Tomcat tomcat = new Tomcat();
    private @Nullable Context context;
    private long idleMillis = 60_000;

    @Override
    public void setIdleTimeout(Duration idleTime) {
        idleMillis = idleTime.toMillis();
    }

    @Override
    public int start(ServletContainerInitializer application) throws Exception {
        Path base = Files.createDirectories(Path.of("target", "tomcat"));
        tomcat.setBaseDir(base.toAbsolutePath().toString());
        Connector connector = new Connector("org.apache.coyote.http11.Http11NioProtocol");
        connector.setPort(0);
        connector.setProperty("connectionTimeout", Long.toString(idleMillis));
        connector.setProperty("useAsyncIO", "false"); // with it, frames are lost: see docs/adapters/servlet.md
        Http2Protocol http2 = new Http2Protocol();
        // Small frames, and storms of resets, are what some tests are about.
        http2.setOverheadCountFactor(0);
        http2.setOverheadResetFactor(0);
        http2.setOverheadDataThreshold(0);
        http2.setOverheadWindowUpdateThreshold(0);
        http2.setMaxConcurrentStreams(400);
        http2.setMaxConcurrentStreamExecution(400);
        connector.addUpgradeProtocol(http2);
        AbstractHttp11Protocol<?> http1 = (AbstractHttp11Protocol<?>) connector.getProtocolHandler();
        http1.setMaxThreads(THREADS);
        http1.setMaxKeepAliveRequests(-1);
        tomcat.setConnector(connector);
        Context app = tomcat.addContext("", base.toAbsolutePath().toString());
        app.addServletContainerInitializer(application, Set.of());
        context = app;
        tomcat.start();
        return connector.getLocalPort();
    }

    @Override
    public void undeploy() throws Exception {
        Objects.requireNonNull(context).stop();
    }

    @Override
    public void close() throws Exception {
        tomcat.stop();
        tomcat.destroy();
    }
}
