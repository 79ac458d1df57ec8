package dev.weir.benchmarks.servers;

import dev.weir.limiter.LimiterScope;
import dev.weir.limiter.servlet.EndpointServlet;
import dev.weir.limiter.servlet.LimitFilter;
import jakarta.servlet.ServletContainerInitializer;
import jakarta.servlet.ServletContext;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** The paths as servlets, for whatever container. */
final class ServletApplication {

    private ServletApplication() {}

    static ServletContainerInitializer bare(Work work) {
        return (classes, context) -> {
            add(context, WorkServlet.class.getName(), new WorkServlet(work), Site.WORK);
            add(context, LeaveServlet.class.getName(), new LeaveServlet(work), Site.LEAVE);
        };
    }

    static ServletContainerInitializer limited(LimiterScope limits, Work work) {
        return (classes, context) -> {
            add(context, WorkServlet.class.getName(), new WorkServlet(work), Site.WORK);
            LimitFilter filter = new LimitFilter(limits);
            filter.setStopTimeout(Duration.ZERO);
            filter.register(context, Site.WORK);
            EndpointServlet leave = new EndpointServlet(Limits.leave(limits, work));
            leave.setStopTimeout(Duration.ZERO);
            leave.register(context, Site.LEAVE);
        };
    }

    static ServletContainerInitializer health() {
        return (classes, context) -> add(context, "health", new HealthServlet(), Site.HEALTH);
    }

    private static void add(ServletContext context, String name, HttpServlet servlet, String path) {
        context.addServlet(name, servlet).addMapping(path);
    }

    private static void answer(HttpServletResponse response) throws IOException {
        byte[] body = Site.BODY.getBytes(StandardCharsets.US_ASCII);
        response.setContentType("text/plain");
        response.setContentLength(body.length);
        response.getOutputStream().write(body);
    }

    /** Works, then answers. */
    private static final class WorkServlet extends HttpServlet {
        private static final long serialVersionUID = 1;
        private final transient Work work;

        WorkServlet(Work work) {
            this.work = work;
        }

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            work.run();
            answer(response);
        }
    }

    /** Answers, then works. */
    private static final class LeaveServlet extends HttpServlet {
        private static final long serialVersionUID = 1;
        private final transient Work work;

        LeaveServlet(Work work) {
            this.work = work;
        }

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            answer(response);
            response.flushBuffer();
            work.run();
        }
    }

    private static final class HealthServlet extends HttpServlet {
        private static final long serialVersionUID = 1;

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            answer(response);
        }
    }
}
