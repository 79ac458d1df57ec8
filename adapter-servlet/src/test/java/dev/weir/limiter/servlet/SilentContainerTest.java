package dev.weir.limiter.servlet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weir.limiter.CapacityLimiter;
import dev.weir.limiter.Permit;
import dev.weir.limiter.tck.IdleLimiters;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.AsyncListener;
import jakarta.servlet.DispatcherType;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The filter where the container calls nobody back, as real ones do now and then, and where the test says what comes when. */
class SilentContainerTest {

    @RegisterExtension
    final IdleLimiters limiters = new IdleLimiters();

    private final SilentRequest client = new SilentRequest();
    private final AtomicInteger runs = new AtomicInteger();
    private final CapacityLimiter limiter = CapacityLimiter.of("silent", 1);
    private final LimitFilter filter = new LimitFilter(limiter);

    @BeforeEach
    void watch() {
        limiters.watchAndClose(limiter);
    }

    private void pass(FilterChain chain) throws IOException, ServletException {
        filter.doFilter(client.request, client.response, (request, response) -> {
            runs.incrementAndGet();
            chain.doFilter(request, response);
        });
    }

    private int inUse() {
        return limiter.statistics().inUse();
    }

    private AsyncContext start(String how, ServletRequest request) {
        return switch (how) {
            case "startAsync" -> request.startAsync();
            case "startAsync with both" -> request.startAsync(request, client.response);
            default -> {
                request.startAsync();
                yield request.getAsyncContext();
            }
        };
    }

    @ParameterizedTest
    @ValueSource(strings = {"startAsync", "startAsync with both", "getAsyncContext"})
    void rule56CompletingGivesThePermitBack(String how) throws Exception {
        AsyncContext[] started = new AsyncContext[1];
        pass((request, response) -> started[0] = start(how, request));
        assertThat(inUse()).isEqualTo(1);

        started[0].complete();

        assertThat(inUse()).isZero();
        assertThatThrownBy(started[0]::complete)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("completed before");
    }

    @Test
    void rule56ThrowingGivesThePermitBackThoughAsynchronousProcessingWasStarted() {
        assertThatThrownBy(() -> pass((request, response) -> {
                    request.startAsync();
                    throw new AssertionError("the test's own");
                }))
                .hasMessage("the test's own");
        assertThat(inUse()).isZero();
    }

    @Test
    void rule56ReturningFromADispatchGivesThePermitBack() throws Exception {
        pass((request, response) -> request.startAsync().dispatch());
        assertThat(inUse()).isEqualTo(1);

        client.type = DispatcherType.ASYNC;
        pass((request, response) -> assertThat(inUse()).isEqualTo(1));

        assertThat(inUse()).isZero();
    }

    @Test
    void rule52ThePermitStaysWithATargetThatWorksOnAfterItHasCompleted() throws Exception {
        pass((request, response) -> {
            request.startAsync().complete();
            assertThat(inUse()).isEqualTo(1);
        });
        assertThat(inUse()).isZero();
    }

    @Test
    void rule52ThePermitStaysWithADispatchedTargetThatWorksOnAfterItHasCompleted() throws Exception {
        pass((request, response) -> request.startAsync().dispatch());

        client.type = DispatcherType.ASYNC;
        pass((request, response) -> {
            request.startAsync().complete();
            assertThat(inUse()).isEqualTo(1);
        });

        assertThat(inUse()).isZero();
    }

    @Test
    void rule52ThePermitStaysWithATargetThatStartsAsynchronousProcessingAfterAnInclude() throws Exception {
        AsyncContext[] started = new AsyncContext[1];
        pass((request, response) -> {
            client.type = DispatcherType.INCLUDE;
            pass((included, ignored) -> {});
            client.type = DispatcherType.REQUEST;
            started[0] = request.startAsync();
        });
        assertThat(inUse()).isEqualTo(1);

        started[0].complete();

        assertThat(inUse()).isZero();
    }

    @Test
    void rule51ARequestThatWaitsHasNoTimeLimitOfTheContainers() throws Exception {
        Permit held = limiter.tryAcquire().orElseThrow();
        pass((request, response) -> {});
        assertThat(client.timeouts).containsExactly(0L);
        assertThat(runs).hasValue(0);

        held.close();

        assertThat(client.dispatches).isEqualTo(1);
        client.type = DispatcherType.ASYNC;
        pass((request, response) -> assertThat(inUse()).isEqualTo(1));
        assertThat(runs).hasValue(1);
        assertThat(inUse()).isZero();
    }

    @Test
    void rule53AClientThatLeavesWhileItWaitsIsCompletedAndNeverRun() throws Exception {
        Permit held = limiter.tryAcquire().orElseThrow();
        pass((request, response) -> {});

        leave();

        assertThat(limiter.statistics().waiting()).isZero();
        assertThat(client.completed).isTrue();
        held.close();
        assertThat(client.dispatches).isZero();
    }

    /** T1 grants and dispatches; T2 hears that the client has left; T3 is the dispatch. */
    @Test
    void rule53AClientThatLeavesBeforeItsDispatchIsNeverRunAndItsPermitIsHome() throws Exception {
        Permit held = limiter.tryAcquire().orElseThrow();
        pass((request, response) -> {});
        held.close();
        assertThat(client.dispatches).isEqualTo(1);
        assertThat(inUse()).isEqualTo(1);

        leave();
        assertThat(inUse()).isZero();

        client.type = DispatcherType.ASYNC;
        pass((request, response) -> {});
        assertThat(runs).hasValue(0);
    }

    private void leave() throws Exception {
        for (AsyncListener listener : List.copyOf(client.listeners)) {
            listener.onError(client.event());
        }
    }

    /** It may be for a request that never came by here: one that failed in front, or elsewhere. */
    @Test
    void errorPagesAreNotLimited() throws Exception {
        Permit held = limiter.tryAcquire().orElseThrow();
        client.type = DispatcherType.ERROR;
        pass((request, response) -> {});
        assertThat(runs).hasValue(1);
        held.close();
    }
}
