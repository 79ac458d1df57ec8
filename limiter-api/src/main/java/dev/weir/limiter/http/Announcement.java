package dev.weir.limiter.http;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What an exchange tells once: to those who asked before, the last of them first, and at once to those who ask later. It does
 * what a future would, with one small object for each who asks. Thread-safe; no method blocks.
 *
 * <p>T1 asks while T2 tells: either T2 finds T1 in the list that it takes, or T1 finds that it was told. So everybody is told
 * once.
 */
final class Announcement<T> {

    private static final VarHandle STATE;

    static {
        try {
            STATE = MethodHandles.lookup().findVarHandle(Announcement.class, "state", State.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private sealed interface State<T> {}

    /** Nothing was told yet; who asked last, and those before. */
    private record Asked<T>(
            Consumer<? super T> action, @Nullable Asked<T> before) implements State<T> {}

    private record Told<T>(T value) implements State<T> {}

    /** Null while nothing was told and nobody has asked. */
    private volatile @Nullable State<T> state;

    /**
     * Calls back once this is told, or now if it was. What the action throws is logged.
     *
     * @param exchange whose announcement this is, for the log
     */
    void ask(Exchange exchange, Consumer<? super T> action) {
        while (true) {
            State<T> now = state;
            if (now instanceof Told<T> told) {
                call(exchange, action, told.value);
                return;
            }
            if (STATE.compareAndSet(this, now, new Asked<T>(action, (Asked<T>) now))) {
                return;
            }
        }
    }

    /** Tells, unless it was told. */
    void tell(Exchange exchange, T value) {
        Told<T> told = new Told<>(value);
        State<T> now;
        do {
            now = state;
            if (now instanceof Told<T>) {
                return;
            }
        } while (!STATE.compareAndSet(this, now, told));
        for (Asked<T> asked = (Asked<T>) now; asked != null; asked = asked.before) {
            call(exchange, asked.action, value);
        }
    }

    private static <T> void call(Exchange exchange, Consumer<? super T> action, T value) {
        try {
            action.accept(value);
        } catch (Throwable e) {
            log(exchange, e);
        }
    }

    private static void log(Exchange exchange, Throwable failure) {
        try {
            Failures.logCallback(exchange, failure);
        } catch (Throwable e) {
            // The others have to be told all the same: permits go home by what they do.
        }
    }

    boolean isTold() {
        return state instanceof Told<T>;
    }
}
