/** The events of JDK Flight Recorder. Not exported; loaded only where the module {@code jdk.jfr} is present. */
@NullMarked
package dev.weir.limiter.core.flight;

import org.jspecify.annotations.NullMarked;
