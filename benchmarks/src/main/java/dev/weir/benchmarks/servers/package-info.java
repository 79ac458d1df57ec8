/** Servers with and without a limit, under load: what a limit costs, and what it is worth. */
@org.jspecify.annotations.NullMarked
package dev.weir.benchmarks.servers;
