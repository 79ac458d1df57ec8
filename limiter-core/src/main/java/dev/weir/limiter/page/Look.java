package dev.weir.limiter.page;

import dev.weir.limiter.LimiterStatistics;
import dev.weir.limiter.PermitHolder;
import java.util.List;
import java.util.OptionalLong;

/**
 * What there is to see of a limiter at one moment.
 *
 * @param number tells it from all other limiters of the page
 * @param now its numbers
 * @param role what it is in its scope
 * @param state how it is doing
 * @param rates what happened each second, lately
 * @param hearsOfWaits whether waits are known at all
 * @param waitP99 in nanoseconds, over the last minute; empty when nobody got a permit
 * @param samples the past, oldest first
 * @param latest the numbers of now
 * @param untracked whether it was not told to track holders
 * @param holders who holds permits, the oldest first
 */
record Look(
        int number,
        LimiterStatistics now,
        String role,
        State state,
        Rates rates,
        boolean hearsOfWaits,
        OptionalLong waitP99,
        List<Sample> samples,
        Sample latest,
        boolean untracked,
        List<PermitHolder> holders) {}
