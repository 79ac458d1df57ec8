package dev.weir.limiter.core.flight;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import org.jspecify.annotations.Nullable;

/** What all events say. Fields are read by the recorder. */
@Category("Weir")
abstract class LimiterEvent extends Event {

    @Label("Limiter")
    @Nullable String limiter;

    @Label("Role")
    @Nullable String role;

    @Label("Scope")
    @Nullable String scope;

    final void of(Labels labels) {
        limiter = labels.limiter();
        role = labels.role();
        scope = labels.scope();
    }
}
