package dev.weir.limiter.core;

import dev.weir.limiter.ContextCarrier;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/** All that carries context for one limiter, as one. */
final class Carriers {

    /** Of a carrier that can have nothing to carry, on no thread. */
    static final ContextCarrier.Snapshot NOTHING = () -> () -> {};

    private static final List<ContextCarrier> FOUND = find();

    private final ContextCarrier[] carriers;

    Carriers(List<ContextCarrier> users) {
        List<ContextCarrier> all = new ArrayList<>(FOUND);
        all.addAll(users);
        carriers = all.toArray(new ContextCarrier[0]);
    }

    private static List<ContextCarrier> find() {
        List<ContextCarrier> found = new ArrayList<>();
        found.add(new MdcCarrier());
        try {
            Class.forName("io.micrometer.context.ContextSnapshotFactory", false, Carriers.class.getClassLoader());
            found.add(new MicrometerCarrier());
        } catch (ClassNotFoundException | LinkageError e) {
            // Not on the class path: there is nothing of its kind to carry.
        }
        return List.copyOf(found);
    }

    /** What a carrier throws fails the work, where the snapshot is opened, and not whoever asks for the work. */
    ContextCarrier.Snapshot capture() {
        try {
            return captureAll();
        } catch (Throwable e) {
            return () -> Carriers.<RuntimeException>rethrow(e);
        }
    }

    @SuppressWarnings({"unchecked", "TypeParameterUnusedInFormals"}) // throws it as it is, checked or not
    private static <E extends Throwable> ContextCarrier.Scope rethrow(Throwable e) throws E {
        throw (E) e;
    }

    private ContextCarrier.Snapshot captureAll() {
        ContextCarrier.Snapshot[] snapshots = new ContextCarrier.Snapshot[carriers.length];
        boolean nothing = true;
        for (int i = 0; i < carriers.length; i++) {
            snapshots[i] = carriers[i].capture();
            nothing &= isNothing(snapshots[i]);
        }
        return nothing ? NOTHING : () -> open(snapshots);
    }

    @SuppressWarnings("ReferenceEquality") // there is one
    private static boolean isNothing(ContextCarrier.Snapshot snapshot) {
        return snapshot == NOTHING;
    }

    private static ContextCarrier.Scope open(ContextCarrier.Snapshot[] snapshots) {
        ContextCarrier.Scope[] scopes = new ContextCarrier.Scope[snapshots.length];
        try {
            for (int i = 0; i < snapshots.length; i++) {
                scopes[i] = snapshots[i].open();
            }
        } catch (Throwable e) { // half a context is none
            close(scopes);
            throw e;
        }
        return () -> close(scopes);
    }

    private static void close(ContextCarrier.@Nullable Scope[] scopes) {
        for (int i = scopes.length - 1; i >= 0; i--) {
            ContextCarrier.Scope scope = scopes[i];
            if (scope != null) {
                try {
                    scope.close();
                } catch (Throwable e) { // the others must still bring back what was there
                    Log.warning("A context carrier failed to bring back the context of a thread", e);
                }
            }
        }
    }

    /** Calls with the context set, and brings back the one before. */
    static <T> T call(ContextCarrier.@Nullable Snapshot context, Callable<? extends T> work) throws Exception {
        if (context == null || isNothing(context)) {
            return work.call();
        }
        ContextCarrier.Scope scope = context.open();
        try {
            return work.call();
        } finally {
            scope.close();
        }
    }
}
