/** Admits Netty HTTP requests under a limiter. */
@NullMarked
package dev.weir.limiter.netty;

import org.jspecify.annotations.NullMarked;
