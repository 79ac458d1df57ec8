package dev.weir.examples;

import java.util.List;

/**
 * The application at one moment of a run.
 *
 * @param at seconds since the load began
 * @param started how many background tasks had started
 * @param done how many background tasks had ended
 * @param limiters the use of each limiter
 */
record Sample(double at, int started, int done, List<Use> limiters) {

    /**
     * The use of one limiter.
     *
     * @param name its name
     * @param capacity how many permits it had
     * @param inUse how many were in use
     * @param waiting how many waited
     */
    record Use(String name, int capacity, int inUse, int waiting) {}
}
