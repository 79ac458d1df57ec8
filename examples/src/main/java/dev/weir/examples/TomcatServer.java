package dev.weir.examples;

import dev.weir.limiter.http.ExchangeHandler;
import dev.weir.limiter.servlet.EndpointServlet;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.catalina.Context;
import org.apache.catalina.Globals;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.LifecycleState;
import org.apache.catalina.Wrapper;
import org.apache.catalina.startup.ExpandWar;
import org.apache.catalina.startup.Tomcat;
import org.jspecify.annotations.Nullable;

/** An embedded Tomcat, with a servlet for each route. */
final class TomcatServer implements Server {

    /** Warns of every idle worker of ours at the end. Held, since a logger that nobody holds forgets its level. */
    private static final Logger LOADER = Logger.getLogger("org.apache.catalina.loader");

    static {
        LOADER.setLevel(Level.SEVERE);
    }

    private final Tomcat tomcat = new Tomcat();
    private final List<EndpointServlet> servlets = new ArrayList<>();
    private @Nullable Path folder;

    @Override
    public int start(Map<String, ExchangeHandler> routes, int port) throws Exception {
        Path base = Files.createTempDirectory("weir-tomcat");
        folder = base;
        tomcat.setSilent(true);
        tomcat.setBaseDir(base.toString());
        tomcat.setHostname("127.0.0.1");
        tomcat.setPort(port);
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        tomcat.getConnector().setThrowOnFailure(true); // or it starts without a port
        Context context = tomcat.addContext("", base.toString());
        routes.forEach((path, handler) -> {
            EndpointServlet servlet = new EndpointServlet(handler);
            servlets.add(servlet);
            Wrapper wrapper = Tomcat.addServlet(context, path, servlet);
            wrapper.setAsyncSupported(true);
            wrapper.addMapping(path);
        });
        try {
            tomcat.start();
        } catch (LifecycleException e) {
            throw new IOException("Tomcat has not started: " + e.getCause(), e);
        }
        return tomcat.getConnector().getLocalPort();
    }

    @Override
    public void stop() throws Exception {
        Path base = folder;
        if (base == null) {
            return;
        }
        folder = null;
        try {
            CompletableFuture.allOf(
                            servlets.stream().map(EndpointServlet::shutdown).toArray(CompletableFuture<?>[]::new))
                    .get(STOP_TIMEOUT.toSeconds(), TimeUnit.SECONDS);
        } finally {
            if (tomcat.getServer().getState() != LifecycleState.DESTROYED) { // as it is when it could not listen
                tomcat.stop();
                tomcat.destroy();
            }
            ExpandWar.delete(base.toFile());
            System.clearProperty(Globals.CATALINA_HOME_PROP); // or the next one makes this folder again
        }
    }
}
