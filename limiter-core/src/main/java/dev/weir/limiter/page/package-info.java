/** A page that shows what limiters are doing, for any server that an adapter serves. */
@NullMarked
package dev.weir.limiter.page;

import org.jspecify.annotations.NullMarked;
