package dev.weir.limiter.jetty;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.ContextCarrier;
import dev.weir.limiter.http.Exchanges;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.server.Context;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ContextHandler;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Context of the thread and of the server crosses to the workers, and stays nowhere: rule 2.7. */
class ContextTest extends JettyTest {

    private static final ThreadLocal<String> USER = ThreadLocal.withInitial(() -> "nobody");

    private static final ContextCarrier CARRIER = () -> {
        String captured = USER.get();
        return () -> {
            String before = USER.get();
            USER.set(captured);
            return () -> USER.set(before);
        };
    };

    /** As a filter for authentication does: sets the user around the handlers behind it, on Jetty's thread. */
    private static final class Authenticating extends Handler.Wrapper {
        Authenticating(Handler handler) {
            super(handler);
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            USER.set(request.getHeaders().get("X-User"));
            try {
                return super.handle(request, response, callback);
            } finally {
                USER.remove();
            }
        }
    }

    @Test
    void rule_2_7_contextIsSeenInEndpointAndBackgroundAndDoesNotLeak() throws Exception {
        CapacityLimiter endpoints =
                limiter("endpoints", settings -> settings.capacity(1).context(CARRIER));
        CapacityLimiter background =
                limiter("background", settings -> settings.capacity(1).context(CARRIER));
        Queue<String> seen = new ConcurrentLinkedQueue<>();
        CountDownLatch tasks = new CountDownLatch(3);
        route("/who", new Authenticating(new EndpointHandler(endpoints, exchange -> {
            Exchanges.background(exchange, background, () -> {
                seen.add(USER.get());
                tasks.countDown();
            });
            hold();
            Exchanges.text(exchange, 200, USER.get());
        })));
        start();
        RawClient anna = client().request("GET", "/who", "X-User: anna");
        awaitInUse(endpoints, 1);
        RawClient bert = client().request("GET", "/who", "X-User: bert");
        awaitWaiting(endpoints, 1);
        proceed.countDown();
        assertThat(anna.answer().text()).isEqualTo("anna");
        assertThat(bert.answer().text()).isEqualTo("bert");
        assertThat(client().request("GET", "/who", "X-User: cleo").answer().text())
                .isEqualTo("cleo");
        assertThat(tasks.await(10, TimeUnit.SECONDS)).isTrue();
        assertThat(seen).containsExactlyInAnyOrder("anna", "bert", "cleo");
        route("/plain", exchange -> Exchanges.text(exchange, 200, USER.get()));
        assertThat(client().exchange("/plain").text()).isEqualTo("nobody");
    }

    /** What listens to Jetty's contexts may look into the request, which is used again when the exchange has completed. */
    @Test
    void rule_2_7_workersAreInJettysContextAndHaveTheRequestUntilTheExchangeHasCompleted() throws Exception {
        CapacityLimiter endpoints = limiter("endpoints", 1);
        CapacityLimiter background = limiter("background", 1);
        Queue<String> entered = new ConcurrentLinkedQueue<>();
        CountDownLatch ran = new CountDownLatch(1);
        ContextHandler application = new ContextHandler("/app");
        application.addEventListener(new ContextHandler.ContextScopeListener() {
            @Override
            public void enterScope(Context context, @Nullable Request request) {
                if (Thread.currentThread().getName().startsWith("weir-")) {
                    entered.add(context.getContextPath() + (request == null ? " without" : " with") + " a request");
                }
            }
        });
        application.setHandler(new EndpointHandler(endpoints, exchange -> {
            Exchanges.background(exchange, background, ran::countDown);
            Exchanges.text(exchange, 200, "answered");
        }));
        route("/app/*", application);
        start();

        assertThat(client().exchange("/app/").text()).isEqualTo("answered");

        assertThat(ran.await(10, TimeUnit.SECONDS)).isTrue();
        assertThat(entered).containsExactly("/app with a request", "/app without a request");
    }
}
