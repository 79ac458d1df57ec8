package dev.weir.limiter.core;

import dev.weir.limiter.Deadlock;
import dev.weir.limiter.LimiterStatistics;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Waits of which each waits for another of them, and none for anybody else. */
final class Ring {

    /** Last is who has most reason to be refused: newcomers rather than those who were admitted, and the youngest of them. */
    private static final Comparator<Blocked> BY_CLAIM = Comparator.comparing((Blocked one) -> !one.isExempt())
            .thenComparing((one, other) -> Long.signum(one.queuedSince - other.queuedSince));

    final List<Blocked> members;
    private final @Nullable Blocked refused;

    Ring(Collection<Blocked> members) {
        this.members = List.copyOf(members);
        this.refused = members.stream().filter(Blocked::isQueued).max(BY_CLAIM).orElse(null);
    }

    /** Whether there is anything to do about it, or to say. */
    boolean isNews() {
        return refused != null || members.stream().anyMatch(member -> !member.wait.reported);
    }

    /** Refuses one, unless somebody has gone on meanwhile, and says so. */
    void resolve(Predicate<BlockedWait> stillBlocked) {
        Deadlock deadlock = describe();
        if (!members.stream().allMatch(member -> stillBlocked.test(member.wait))) {
            return;
        }
        if (refused != null) {
            refused.wait.limiter.refuse(refused.wait.waiter, deadlock);
        } else {
            members.forEach(member -> member.wait.reported = true);
            members.get(0).wait.limiter.report(deadlock);
        }
    }

    private Deadlock describe() {
        List<LimiterStatistics> limiters = members.stream()
                .map(member -> member.wait.limiter)
                .distinct()
                .map(GateLimiter::statistics)
                .toList();
        List<Deadlock.Member> described = inOrder()
                .limit(Deadlock.MAX_MEMBERS)
                .map(member -> describe(member))
                .toList();
        long threads =
                members.stream().map(member -> member.wait.thread).distinct().count();
        return new Deadlock(limiters, Math.toIntExact(threads), described);
    }

    private Stream<Blocked> inOrder() {
        List<Blocked> order = new ArrayList<>(members);
        if (refused != null) {
            order.remove(refused);
            order.add(0, refused);
        }
        return order.stream();
    }

    private Deadlock.Member describe(Blocked member) {
        BlockedWait wait = member.wait;
        return new Deadlock.Member(
                wait.thread.getName(),
                member.holds.stream().map(permit -> permit.limiter().name()).toList(),
                wait.limiter.name(),
                member.isQueued(),
                member.equals(refused),
                Arrays.asList(wait.thread.getStackTrace()));
    }
}
