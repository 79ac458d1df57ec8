/** Sections 5.1 to 5.7 of the rules, over real sockets on the loopback interface. */
@NullMarked
package dev.weir.limiter.jetty;

import org.jspecify.annotations.NullMarked;
