package dev.weir.limiter;

import java.util.List;
import java.util.stream.Collectors;

/**
 * Pieces of work that waited for one another: each held a permit, and was blocked without a time limit in a wait that only
 * another of them could have ended. See {@link LimiterListener#deadlocked}.
 *
 * @param limiters the limiters whose permits or work they waited for, with their numbers
 * @param threads how many threads waited for one another
 * @param members these threads, the refused one first; at most {@value #MAX_MEMBERS} of them
 */
public record Deadlock(List<LimiterStatistics> limiters, int threads, List<Member> members) {

    /** More members are not described: {@value}. */
    public static final int MAX_MEMBERS = 100;

    /**
     * One thread of a deadlock.
     *
     * @param threadName its name
     * @param holds the limiters whose permits cover the work it was doing, the innermost first
     * @param waitsFor the limiter it waited for
     * @param queued whether it waited for a permit of that limiter; else for work that ran under one
     * @param refused whether it was refused, so that the others go on
     * @param stack where it waited, innermost frame first
     */
    public record Member(
            String threadName,
            List<String> holds,
            String waitsFor,
            boolean queued,
            boolean refused,
            List<StackTraceElement> stack) {

        /**
         * Copies the lists.
         *
         * @param threadName its name
         * @param holds the limiters whose permits it held
         * @param waitsFor the limiter it waited for
         * @param queued whether for a permit
         * @param refused whether it was refused
         * @param stack where it waited
         */
        public Member {
            holds = List.copyOf(holds);
            stack = List.copyOf(stack);
        }

        /** Several lines: what it held, what it waited for, and its stack. */
        @Override
        public String toString() {
            return "thread '" + threadName + "' holds a permit of " + names(holds) + " and waits for "
                    + (queued ? "a permit of '" : "work under '") + waitsFor + "'" + (refused ? ", refused:" : ":")
                    + stack.stream().map(frame -> "\n\tat " + frame).collect(Collectors.joining());
        }
    }

    /**
     * Copies the lists.
     *
     * @param limiters the limiters
     * @param threads how many threads
     * @param members the threads
     */
    public Deadlock {
        limiters = List.copyOf(limiters);
        members = List.copyOf(members);
    }

    /**
     * What the one who is refused is told, beside the limiter that refuses.
     *
     * @return a clause that names all limiters
     */
    public String reason() {
        return "waiting for it could never end, since those who hold the permits of " + limiterNames()
                + " wait for one another";
    }

    private String limiterNames() {
        return names(limiters.stream().map(LimiterStatistics::limiterName).toList());
    }

    private static String names(List<String> names) {
        return names.stream().map(name -> "'" + name + "'").collect(Collectors.joining(", "));
    }

    /** Many lines: the limiters with their numbers, and each thread with what it held, what it waited for, and its stack. */
    @Override
    public String toString() {
        String outcome = members.stream().anyMatch(Member::refused)
                ? "one was refused, so that the others go on"
                : "none waits for a permit, so none can be refused";
        return "Deadlock of " + threads + (threads == 1 ? " thread" : " threads") + " under " + limiterNames() + "; "
                + outcome
                + limiters.stream()
                        .map(now -> "\nlimiter '" + now.limiterName() + "': " + now.summary())
                        .collect(Collectors.joining())
                + members.stream().map(member -> "\n" + member).collect(Collectors.joining());
    }
}
