package dev.weir.limiter.core.watch;

import io.github.resilience4j.bulkhead.Bulkhead;

/** A limiter whose permits are counted by a bulkhead. */
public interface LedgerKeeper {

    /**
     * The ledger's numbers, to look at.
     *
     * @return a live view: it can change nothing
     */
    Bulkhead.Metrics ledger();
}
