/** The limiters of Weir, with a Resilience4j bulkhead as the ledger of permits. */
@NullMarked
package dev.weir.limiter.core;

import org.jspecify.annotations.NullMarked;
