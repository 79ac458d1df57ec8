/** The numbers of limiters as Micrometer meters. Needs micrometer-core, which Weir does not bring. */
@NullMarked
package dev.weir.limiter.metrics;

import org.jspecify.annotations.NullMarked;
