/** Programs that show Weir at work. */
@NullMarked
package dev.weir.examples;

import org.jspecify.annotations.NullMarked;
