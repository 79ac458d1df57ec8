/** Admits Jetty requests under a limiter. */
@NullMarked
package dev.weir.limiter.jetty;

import org.jspecify.annotations.NullMarked;
