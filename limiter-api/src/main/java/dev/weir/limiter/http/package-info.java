/**
 * Serving HTTP under limiters, once for all servers: what a portable handler uses ({@link dev.weir.limiter.http.Exchange},
 * {@link dev.weir.limiter.http.Exchanges}, {@link dev.weir.limiter.http.Endpoint}) and what a server adapter implements and
 * calls ({@link dev.weir.limiter.http.Exchange}, {@link dev.weir.limiter.http.Admission}).
 */
@NullMarked
package dev.weir.limiter.http;

import org.jspecify.annotations.NullMarked;
