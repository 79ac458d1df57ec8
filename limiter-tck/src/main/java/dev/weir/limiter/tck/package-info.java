/** The contract of a limiter and of a server adapter, as tests to inherit. */
@NullMarked
package dev.weir.limiter.tck;

import org.jspecify.annotations.NullMarked;
