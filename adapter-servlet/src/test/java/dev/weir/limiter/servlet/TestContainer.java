package dev.weir.limiter.servlet;

import jakarta.servlet.ServletContainerInitializer;
import java.time.Duration;

/** A real container with few threads, serving one application on a free port of the loopback interface. */
interface TestContainer {

    /** Enough for the container itself and a few requests, and far fewer than the tests let wait. */
    int THREADS = 12;

    /** The one that this run is for. The others are not on the class path. */
    static TestContainer create() throws ReflectiveOperationException {
        String name = System.getProperty("weir.container", "Tomcat");
        return Class.forName(TestContainer.class.getPackageName() + "." + name + "Container")
                .asSubclass(TestContainer.class)
                .getDeclaredConstructor()
                .newInstance();
    }

    static Container kind() {
        String name = System.getProperty("weir.container", "Tomcat");
        return name.startsWith("Jetty") ? Container.JETTY : Container.valueOf(name.toUpperCase(java.util.Locale.ROOT));
    }

    /** How long a connection may be idle before the container closes it. To be called before the start. */
    void setIdleTimeout(Duration idleTime);

    /** Gives the port. */
    int start(ServletContainerInitializer application) throws Exception;

    /** Ends the application, with its servlets and filters, before its connections. */
    void undeploy() throws Exception;

    void close() throws Exception;
}
