/** Limiters in the JDK's management: numbers to read, the capacity to write. Needs the module {@code java.management}. */
@NullMarked
package dev.weir.limiter.jmx;

import org.jspecify.annotations.NullMarked;
