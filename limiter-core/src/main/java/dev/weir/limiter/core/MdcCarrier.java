package dev.weir.limiter.core;

import dev.weir.limiter.ContextCarrier;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;
import org.slf4j.helpers.NOPMDCAdapter;

/** Carries SLF4J's mapped diagnostic context. */
final class MdcCarrier implements ContextCarrier {

    private static final Snapshot EMPTY = () -> set(null);

    /** Starts SLF4J, here and on one thread: while it starts, others get a context that is forgotten. */
    MdcCarrier() {
        MDC.getMDCAdapter();
    }

    @Override
    public Snapshot capture() {
        if (MDC.getMDCAdapter() instanceof NOPMDCAdapter) {
            return Carriers.NOTHING; // no provider of SLF4J's is there, or one without a context
        }
        Map<String, String> captured = MDC.getCopyOfContextMap();
        return captured == null || captured.isEmpty() ? EMPTY : () -> set(captured);
    }

    private static Scope set(@Nullable Map<String, String> context) {
        Map<String, String> before = MDC.getCopyOfContextMap();
        replace(context);
        return () -> replace(before);
    }

    private static void replace(@Nullable Map<String, String> context) {
        if (context == null || context.isEmpty()) {
            MDC.clear();
        } else {
            MDC.setContextMap(context);
        }
    }
}
