package dev.weir.limiter.core;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** What a gate does when one thread at a time uses it: the rules 1.1 to 1.6, as plainly as they can be put. */
public class SequentialGate {

    private final ArrayDeque<Integer> queue = new ArrayDeque<>();
    private final Set<Integer> granted = new HashSet<>(); // were queued, and do not know it yet
    private final Map<Integer, Integer> permits = new HashMap<>();
    private int capacity = GateOperations.CAPACITY;
    private int inUse;
    private int acquired;

    public boolean tryTake(int thread) {
        if (!queue.isEmpty() || inUse >= capacity) {
            return false;
        }
        inUse++;
        acquired++;
        permits.merge(thread, 1, Integer::sum);
        return true;
    }

    public String ask(int thread) {
        if (queue.contains(thread) || granted.contains(thread)) {
            return "already";
        }
        if (tryTake(thread)) {
            return "GRANTED";
        }
        if (queue.size() >= GateOperations.MAX_WAITING) {
            return "QUEUE_FULL";
        }
        queue.add(thread);
        return "QUEUED";
    }

    public String leave(int thread) {
        if (granted.remove(thread)) {
            permits.merge(thread, 1, Integer::sum);
            return "granted";
        }
        return queue.remove(thread) ? "left" : "nowhere";
    }

    public String release(int thread) {
        if (permits.getOrDefault(thread, 0) == 0) {
            return "none";
        }
        permits.merge(thread, -1, Integer::sum);
        inUse--;
        return admit() == 0 ? "free" : "passed on";
    }

    public int resize(int newCapacity) {
        capacity = newCapacity;
        return admit();
    }

    private int admit() {
        int admitted = 0;
        while (!queue.isEmpty() && inUse < capacity) {
            granted.add(queue.remove());
            inUse++;
            acquired++;
            admitted++;
        }
        return admitted;
    }

    /** Of which nothing else is to be seen. */
    public void settleLedger() {}

    public String statistics() {
        return inUse + " of " + capacity + " in use, " + queue.size() + " waiting, " + acquired + " acquired";
    }
}
