package dev.weir.benchmarks.servers;

import dev.weir.limiter.LimiterScope;
import jakarta.servlet.ServletContainerInitializer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.apache.catalina.Valve;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.ExpandWar;
import org.apache.catalina.startup.Tomcat;
import org.apache.catalina.valves.SemaphoreValve;
import org.apache.coyote.http11.AbstractHttp11Protocol;

/** An embedded Tomcat. */
final class TomcatSite implements Site {

    private final Tomcat tomcat = new Tomcat();
    private final Path folder = Files.createTempDirectory("weir-tomcat");
    private final AutoCloseable limits;

    private TomcatSite(int threads, ServletContainerInitializer application, AutoCloseable limits, Valve... valves)
            throws Exception {
        this.limits = limits;
        tomcat.setBaseDir(folder.toString());
        Connector connector = new Connector("org.apache.coyote.http11.Http11NioProtocol");
        connector.setPort(0);
        connector.setProperty("address", "127.0.0.1");
        AbstractHttp11Protocol<?> http = (AbstractHttp11Protocol<?>) connector.getProtocolHandler();
        http.setMaxThreads(threads);
        http.setMinSpareThreads(Math.min(threads, 10));
        http.setAcceptCount(BACKLOG);
        http.setMaxKeepAliveRequests(-1);
        tomcat.setConnector(connector);
        var limited = tomcat.addContext(LIMITED, folder.toString());
        limited.addServletContainerInitializer(application, Set.of());
        for (Valve valve : valves) {
            limited.getPipeline().addValve(valve);
        }
        tomcat.addContext("", folder.toString()).addServletContainerInitializer(ServletApplication.health(), Set.of());
        tomcat.start();
    }

    /** Nothing but threads. */
    static Site threads(int threads, Work work) throws Exception {
        return new TomcatSite(threads, ServletApplication.bare(work), () -> {});
    }

    static Site semaphoreValve(boolean block, Work work) throws Exception {
        SemaphoreValve valve = new SemaphoreValve();
        valve.setConcurrency(Limits.CAPACITY);
        valve.setBlock(block);
        valve.setHighConcurrencyStatus(block ? -1 : 503); // or those it does not admit get an empty 200
        return new TomcatSite(MANY_THREADS, ServletApplication.bare(work), () -> {}, valve);
    }

    static Site weir(LimiterScope limits, Work work) throws Exception {
        return new TomcatSite(MANY_THREADS, ServletApplication.limited(limits, work), limits);
    }

    @Override
    public int port() {
        return tomcat.getConnector().getLocalPort();
    }

    @Override
    public void stop() throws Exception {
        tomcat.stop();
        tomcat.destroy();
        limits.close();
        ExpandWar.delete(folder.toFile());
    }
}
