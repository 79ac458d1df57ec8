package dev.weir.limiter.core;

import dev.weir.limiter.RefusalReason;

/**
 * Why somebody gets no permit.
 *
 * @param reason the kind
 * @param traced whether the exception is made on the thread of the caller who is refused
 * @param because what there is to say beyond the reason; empty when that says it all
 */
record Refusal(RefusalReason reason, boolean traced, String because) {

    /** Made away from the caller. */
    static Refusal of(RefusalReason reason) {
        return new Refusal(reason, false, "");
    }

    /** Made where the caller is. */
    static Refusal here(RefusalReason reason) {
        return of(reason).traceable();
    }

    Refusal traceable() {
        return new Refusal(reason, true, because);
    }
}
