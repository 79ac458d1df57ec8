package dev.weir.limiter.core;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Looks for waits that can never end.
 *
 * <p><b>Who is stuck.</b> A permit is, while a thread that is in the middle of its work is in a stuck wait. A wait in a queue is,
 * when so many permits of the limiter are stuck that, were all the others back, it would still not be admitted; a wait for work
 * that runs, when that work's permit is. All other permits count as about to come home: those that were acquired by hand,
 * and those whose thread is doing anything else. What is left when all that may end is taken away (the greatest fixpoint) waits
 * for nobody but itself.
 *
 * <p><b>Why that is no mirage,</b> although nothing stands still meanwhile and no lock is held. In this order: the waits are
 * listed, the capacities read, then for each wait whether it is still queued, or its work still runs, and which of its permits are
 * open; then the capacities are found unchanged, and each wait still registered. Who is queued now has been so since before he
 * was registered, a permit that is open now was open all the time, and who is registered at both ends was blocked in between.
 * So at the moment after the capacities were read all of it was true at once. And once true it stays so, unless
 * somebody from outside interferes: resizes, cancels, interrupts, completes a future.
 */
final class DeadlockSearch {

    private final Map<Object, List<Blocked>> keepers = new HashMap<>(); // of permits and limiters
    private final Map<Object, List<Blocked>> waiters = new HashMap<>(); // for permits and limiters

    private DeadlockSearch(Collection<Blocked> stuck) {
        for (Blocked one : stuck) {
            waiters.computeIfAbsent(one.awaited, any -> new ArrayList<>()).add(one);
            for (Object kept : one.keeps()) {
                keepers.computeIfAbsent(kept, any -> new ArrayList<>()).add(one);
            }
        }
    }

    /**
     * The innermost rings of the waits that can never end, each of which waits for nobody outside; apart from those that were
     * reported and that no refusal can break.
     *
     * @param listed the waits that were registered a moment ago
     * @param stillBlocked whether a wait is registered now
     */
    static List<Ring> rings(Collection<BlockedWait> listed, Predicate<BlockedWait> stillBlocked) {
        Set<Blocked> stuck = stuck(look(listed, stillBlocked));
        DeadlockSearch search = new DeadlockSearch(stuck);
        List<Ring> rings = new ArrayList<>();
        while (!stuck.isEmpty()) {
            Set<Blocked> members = search.innermost(stuck.iterator().next());
            Ring ring = new Ring(members);
            if (ring.isNews()) {
                rings.add(ring);
            }
            stuck.removeAll(
                    search.reaching(members.iterator().next())); // who waits for a ring may go on when it is broken
        }
        return rings;
    }

    private static List<Blocked> look(Collection<BlockedWait> listed, Predicate<BlockedWait> stillBlocked) {
        Map<GateLimiter, Capacity> capacities = new HashMap<>();
        for (BlockedWait wait : listed) {
            capacities.computeIfAbsent(wait.limiter, Capacity::of);
        }
        List<Blocked> blocked = new ArrayList<>();
        for (BlockedWait wait : listed) {
            Capacity capacity = Objects.requireNonNull(capacities.get(wait.limiter));
            Blocked found = Blocked.of(wait, capacity.permitsToBlock(wait.waiter.kind));
            if (found != null) {
                blocked.add(found);
            }
        }
        Set<GateLimiter> resized = new HashSet<>(capacities.keySet());
        resized.removeIf(limiter -> Capacity.of(limiter).equals(capacities.get(limiter)));
        blocked.removeIf(one -> (one.isQueued() && resized.contains(one.wait.limiter)) || !stillBlocked.test(one.wait));
        return blocked;
    }

    /** What a limiter's capacity was at a moment, as seen by each kind of waiter. */
    private record Capacity(int resizes, Map<Waiter.Kind, Integer> permitsToBlock) {

        static Capacity of(GateLimiter limiter) {
            Map<Waiter.Kind, Integer> permitsToBlock = new EnumMap<>(Waiter.Kind.class);
            int resizes = limiter.gate().resizes();
            for (Waiter.Kind kind : Waiter.Kind.values()) {
                permitsToBlock.put(kind, limiter.permitsToBlock(kind));
            }
            return new Capacity(resizes, permitsToBlock);
        }

        int permitsToBlock(Waiter.Kind kind) {
            return permitsToBlock.getOrDefault(kind, 0);
        }
    }

    /** Takes away who waits for something that may come, until nobody is left or nothing may come. */
    private static Set<Blocked> stuck(Collection<Blocked> blocked) {
        Set<Blocked> stuck = new LinkedHashSet<>(blocked);
        boolean fewer = true;
        while (fewer) {
            Set<GatePermit> permits = new HashSet<>();
            stuck.forEach(one -> permits.addAll(one.holds));
            Map<Object, Integer> perLimiter = new HashMap<>();
            permits.forEach(permit -> perLimiter.merge(permit.limiter(), 1, Integer::sum));
            fewer = stuck.removeIf(one -> one.isQueued()
                    ? perLimiter.getOrDefault(one.awaited, 0) < one.permitsToBlock
                    : !permits.contains(one.awaited));
        }
        return stuck;
    }

    /** A ring that this one waits for, at last, and that waits for nobody but itself. */
    private Set<Blocked> innermost(Blocked start) {
        Set<Blocked> ahead = awaitedBy(start);
        while (true) {
            Blocked one = ahead.iterator().next();
            Set<Blocked> reaching = reaching(one);
            Optional<Blocked> apart =
                    ahead.stream().filter(other -> !reaching.contains(other)).findFirst();
            if (apart.isEmpty()) {
                return awaitedBy(one); // all of them wait for this one: that is a ring
            }
            ahead = awaitedBy(apart.get()); // fewer: this one is not among them
        }
    }

    /** Whom it waits for, and whom they wait for, and so on. */
    private Set<Blocked> awaitedBy(Blocked start) {
        Walk walk = new Walk();
        for (Blocked one = start; one != null; one = walk.next()) {
            walk.visit(one.awaited, keepers);
        }
        return walk.found;
    }

    /** Who waits for it, and who waits for those, and so on. */
    private Set<Blocked> reaching(Blocked end) {
        Walk walk = new Walk();
        for (Blocked one = end; one != null; one = walk.next()) {
            one.keeps().forEach(kept -> walk.visit(kept, waiters));
        }
        return walk.found;
    }

    private static final class Walk {
        final Set<Blocked> found = new LinkedHashSet<>();
        private final Deque<Blocked> ahead = new ArrayDeque<>();
        private final Set<Object> visited = new HashSet<>();

        void visit(Object link, Map<Object, List<Blocked>> ends) {
            if (visited.add(link)) {
                for (Blocked end : ends.getOrDefault(link, List.of())) {
                    if (found.add(end)) {
                        ahead.add(end);
                    }
                }
            }
        }

        @Nullable Blocked next() {
            return ahead.poll();
        }
    }
}
