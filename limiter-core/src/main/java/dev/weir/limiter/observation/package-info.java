/** Waits and work as Micrometer observations. Needs micrometer-observation, which comes with micrometer-core. */
@NullMarked
package dev.weir.limiter.observation;

import org.jspecify.annotations.NullMarked;
