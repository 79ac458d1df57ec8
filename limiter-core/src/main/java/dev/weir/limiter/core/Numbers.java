package dev.weir.limiter.core;

/**
 * What belongs to a gate's word and finds no room in it. A gate has two of these: the one its word points to is not written,
 * the other one may be. Plain fields: whoever reads them has to find the word unchanged afterwards, or to have locked the gate.
 */
final class Numbers {

    int capacity;
    int recorded; // permits that the ledger has recorded: as many as are in use, or more
    int waiting;
    long acquiredBefore; // permits granted so far, less the word's version

    void set(int newCapacity, int newRecorded, int newWaiting, long newAcquiredBefore) {
        capacity = newCapacity;
        recorded = newRecorded;
        waiting = newWaiting;
        acquiredBefore = newAcquiredBefore;
    }
}
