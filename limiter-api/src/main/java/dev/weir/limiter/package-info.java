/** Limiters and the verbs that run work under them: what an application uses. */
@NullMarked
package dev.weir.limiter;

import org.jspecify.annotations.NullMarked;
