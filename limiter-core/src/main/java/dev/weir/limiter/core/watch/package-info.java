/** What the packages that watch limiters share with those that make them. Not exported. */
@NullMarked
package dev.weir.limiter.core.watch;

import org.jspecify.annotations.NullMarked;
