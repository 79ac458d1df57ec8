/**
 * Puts Weir into servlet containers: {@link dev.weir.limiter.servlet.LimitFilter} in front of servlets as they are, and {@link
 * dev.weir.limiter.servlet.EndpointServlet} for handlers that run unchanged on every server.
 */
@NullMarked
package dev.weir.limiter.servlet;

import org.jspecify.annotations.NullMarked;
