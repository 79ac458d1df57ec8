/** Admits Servlet requests under a limiter. */
@NullMarked
package dev.weir.limiter.servlet;

import org.jspecify.annotations.NullMarked;
