package dev.weir.limiter.core;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.concurrent.ThreadFactory;
import org.jspecify.annotations.Nullable;

/** A virtual thread per task. Bound by method handles, since this is compiled for a Java without them. */
final class VirtualCrew implements Crew {

    private static final @Nullable MethodHandle NEW_FACTORY = find();

    private final ThreadFactory factory;

    VirtualCrew(String limiterName) {
        MethodHandle newFactory = NEW_FACTORY;
        if (newFactory == null) {
            throw unsupported();
        }
        try {
            factory = (ThreadFactory) newFactory.invoke("weir-" + limiterName + "-");
        } catch (Throwable e) {
            throw new IllegalStateException("virtual threads could not be set up", e);
        }
    }

    static void require() {
        if (NEW_FACTORY == null) {
            throw unsupported();
        }
    }

    private static UnsupportedOperationException unsupported() {
        return new UnsupportedOperationException("virtual threads need Java 21 or later, this is Java "
                + Runtime.version().feature());
    }

    /** A handle (String prefix) → Thread.ofVirtual().inheritInheritableThreadLocals(false).name(prefix, 1).factory(), or null where there is no such thing. */
    private static @Nullable MethodHandle find() {
        try {
            MethodHandles.Lookup lookup = MethodHandles.publicLookup();
            Class<?> builder = Class.forName("java.lang.Thread$Builder");
            Class<?> virtualBuilder = Class.forName("java.lang.Thread$Builder$OfVirtual");
            MethodHandle ofVirtual =
                    lookup.findStatic(Thread.class, "ofVirtual", MethodType.methodType(virtualBuilder));
            MethodHandle name = lookup.findVirtual(
                    virtualBuilder, "name", MethodType.methodType(virtualBuilder, String.class, long.class));
            MethodHandle newFactory =
                    lookup.findVirtual(builder, "factory", MethodType.methodType(ThreadFactory.class));
            MethodHandle inherit = lookup.findVirtual(
                    virtualBuilder,
                    "inheritInheritableThreadLocals",
                    MethodType.methodType(virtualBuilder, boolean.class));
            // A thread is made by whoever frees the permit: what that one has set is not the work's.
            MethodHandle newBuilder =
                    MethodHandles.filterReturnValue(ofVirtual, MethodHandles.insertArguments(inherit, 1, false));
            MethodHandle named = MethodHandles.foldArguments(MethodHandles.insertArguments(name, 2, 1L), newBuilder);
            return MethodHandles.filterReturnValue(
                    named, newFactory.asType(MethodType.methodType(ThreadFactory.class, virtualBuilder)));
        } catch (Throwable e) { // an older Java, or one with virtual threads still in preview
            return null;
        }
    }

    @Override
    public void execute(Runnable task, boolean passOn) {
        factory.newThread(task).start();
    }

    @Override
    public boolean foreign() {
        return false;
    }

    @Override
    public void resized() {}

    @Override
    public void retire() {}
}
