/** What an implementation of limiters plugs into. Applications have no use for it. */
@NullMarked
package dev.weir.limiter.spi;

import org.jspecify.annotations.NullMarked;
