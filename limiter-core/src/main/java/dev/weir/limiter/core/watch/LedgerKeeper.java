package dev.weir.limiter.core.watch;

import io.github.resilience4j.bulkhead.Bulkhead;
import java.util.Optional;

/** A limiter whose permits may be counted by a bulkhead of its own. */
public interface LedgerKeeper {

    /**
     * The ledger's numbers, to look at at once: from now on it may be behind again by the permits that have come back.
     *
     * @return a view that can change nothing; empty where the bulkhead is somebody else's, as its meters are
     */
    Optional<Bulkhead.Metrics> ledger();
}
