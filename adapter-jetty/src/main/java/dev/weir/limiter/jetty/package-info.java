/**
 * Weir on Jetty 12.1, for core handlers: {@link dev.weir.limiter.jetty.LimitHandler} puts a limiter in front of any handlers,
 * {@link dev.weir.limiter.jetty.EndpointHandler} runs portable ones, and {@link dev.weir.limiter.jetty.JettyExchanges} brings
 * streams, files, uploads and background tasks to handlers written for Jetty.
 */
@NullMarked
package dev.weir.limiter.jetty;

import org.jspecify.annotations.NullMarked;
