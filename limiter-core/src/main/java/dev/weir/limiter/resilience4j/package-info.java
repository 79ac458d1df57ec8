/** Limiters and Resilience4j bulkheads as one: for code that uses {@code @Bulkhead}, decorators or Reactor operators. */
@NullMarked
package dev.weir.limiter.resilience4j;

import org.jspecify.annotations.NullMarked;
