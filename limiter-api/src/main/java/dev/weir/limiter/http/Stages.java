package dev.weir.limiter.http;

import java.util.concurrent.CompletionStage;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** Calls back at the end of a stage. What the stage of that callback would say is nobody's business. */
final class Stages {

    private Stages() {}

    static <T> void atEnd(
            CompletionStage<T> stage, BiConsumer<? super @Nullable T, ? super @Nullable Throwable> action) {
        stage.whenComplete(action);
    }
}
