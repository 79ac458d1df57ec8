/**
 * Admits Netty HTTP requests under a limiter: {@link dev.weir.limiter.netty.NettyLimits} goes behind the HTTP codec of a
 * pipeline.
 */
@NullMarked
package dev.weir.limiter.netty;

import org.jspecify.annotations.NullMarked;
