package dev.weir.benchmarks;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Optional;

/** A {@code FixedLimit} of Helidon. It needs Java 21, so the compiler for 17 must not see it; the constants cost nothing. */
final class HelidonLimit {

    private static final String PACKAGE = "io.helidon.common.concurrency.limits.";
    private static final MethodHandle TRY_ACQUIRE;
    private static final MethodHandle SUCCESS;

    static {
        try {
            MethodHandles.Lookup lookup = MethodHandles.publicLookup();
            TRY_ACQUIRE = lookup.findVirtual(
                            Class.forName(PACKAGE + "LimitAlgorithm"),
                            "tryAcquire",
                            MethodType.methodType(Optional.class))
                    .asType(MethodType.methodType(Optional.class, Object.class));
            SUCCESS = lookup.findVirtual(
                            Class.forName(PACKAGE + "LimitAlgorithm$Token"),
                            "success",
                            MethodType.methodType(void.class))
                    .asType(MethodType.methodType(void.class, Object.class));
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final Object limit;

    HelidonLimit(int permits) {
        try {
            Object builder =
                    Class.forName(PACKAGE + "FixedLimit").getMethod("builder").invoke(null);
            builder.getClass().getMethod("permits", int.class).invoke(builder, permits);
            limit = builder.getClass().getMethod("build").invoke(builder);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("Helidon's FixedLimit cannot be made", e);
        }
    }

    /** Takes a permit and gives it back. */
    @SuppressWarnings("rawtypes") // the exact type
    void takeAndGiveBack() throws Throwable {
        Optional<?> token = (Optional) TRY_ACQUIRE.invokeExact(limit);
        SUCCESS.invokeExact((Object) token.orElseThrow());
    }
}
