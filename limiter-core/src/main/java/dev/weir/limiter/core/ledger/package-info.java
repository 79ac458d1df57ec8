/** What the module's other packages may know of the ledger. Not exported. */
@NullMarked
package dev.weir.limiter.core.ledger;

import org.jspecify.annotations.NullMarked;
