package dev.weir.limiter.servlet;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Executor;
import java.util.function.Supplier;
import org.apache.catalina.Context;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;
import org.apache.coyote.AbstractProtocol;

/** Tomcat with an executor of the test's. Apart from the tests, which are run without it too. */
final class NativeTomcat {

    private NativeTomcat() {}

    /** What a request is answered with. */
    static String answer(Supplier<String> answers, Executor executor) throws Exception {
        Tomcat tomcat = new Tomcat();
        Path base = Files.createDirectories(Path.of("target", "tomcat-guard"));
        tomcat.setBaseDir(base.toAbsolutePath().toString());
        Connector connector = new Connector("org.apache.coyote.http11.Http11NioProtocol");
        connector.setPort(0);
        ((AbstractProtocol<?>) connector.getProtocolHandler()).setExecutor(executor);
        tomcat.setConnector(connector);
        Context app = tomcat.addContext("", base.toAbsolutePath().toString());
        Tomcat.addServlet(app, "answers", new HttpServlet() {
                    private static final long serialVersionUID = 1L;

                    @Override
                    protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
                        response.getWriter().write(answers.get());
                    }
                })
                .addMapping("/");
        tomcat.start();
        try {
            return Get.text(URI.create("http://localhost:" + connector.getLocalPort()));
        } finally {
            tomcat.stop();
            tomcat.destroy();
        }
    }
}
