package dev.weir.limiter.core;

import dev.weir.limiter.ContextCarrier;
import io.micrometer.context.ContextSnapshot;
import io.micrometer.context.ContextSnapshotFactory;

/** Carries every thread-local registered with io.micrometer's context-propagation. Loaded only where that is present. */
final class MicrometerCarrier implements ContextCarrier {

    /** Values that are absent at capture are cleared around the work, so that nothing of the worker's shines through. */
    private final ContextSnapshotFactory factory =
            ContextSnapshotFactory.builder().clearMissing(true).build();

    @Override
    public Snapshot capture() {
        ContextSnapshot snapshot = factory.captureAll();
        return () -> {
            ContextSnapshot.Scope scope = snapshot.setThreadLocals();
            return scope::close;
        };
    }
}
