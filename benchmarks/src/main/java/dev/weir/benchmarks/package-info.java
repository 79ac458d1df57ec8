/** What a permit, a hand-over and an item cost. */
@NullMarked
package dev.weir.benchmarks;

import org.jspecify.annotations.NullMarked;
